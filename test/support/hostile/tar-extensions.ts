import { makeTar, paxEntry, rawEntry } from '../tar-maker.js';
import type { FileAttack } from './attack.js';
import { asTar, layoutParts, tarOfParts } from './image.js';
import { BOUNDED, header, ONE_READING, pax } from './tar-attacks.js';

/** Headers that extend others: those of pax (POSIX.1-2001) and GNU's long names. */
export const EXTENSIONS: readonly FileAttack[] = [
  pax('pax-size-negative', 'a size of -1 in a pax header', '11 size=-1\n'),
  pax('pax-size-huge', 'a size of 10^30 in a pax header', `${8 + 31 + 1} size=1${'0'.repeat(31)}\n`),
  pax('pax-size-hex', 'a size in hexadecimal in a pax header', '13 size=0x10\n'),
  pax('pax-size-past-end', 'a size past the end of the file in a pax header', '18 size=999999999\n'),
  pax('pax-length-long', 'a record longer than its header', '99999 path=a\n'),
  pax('pax-length-negative', 'a record of negative length', '-5 path=a\n'),
  pax('pax-length-digits', 'a length of a thousand digits', `${'9'.repeat(1000)} path=a\n`),
  pax('pax-no-end', 'a record without its line end', '8 path=a'),
  pax('pax-no-equals', 'a record without a value', '7 path\n'),
  pax('pax-bomb', 'a pax header of 2 MiB', `${'x'.repeat(2 * 1024 * 1024)}`, BOUNDED),
  {
    ...pax(
      'pax-records',
      'a pax header of fifty thousand records',
      Array.from({ length: 50_000 }, (_, n) => `18 a.b.c.${100_000 + n}=d\n`).join(''),
      BOUNDED,
    ),
    code: 'harmless',
  },
  {
    ...header('pax-headers', 'ten thousand pax headers, one after the other', ONE_READING),
    place: asTar(() => {
      const one = rawEntry(paxEntry({ comment: 'x' }));
      const headers = Array.from({ length: 10_000 }, () => one);
      return Buffer.concat([...headers, tarOfParts(layoutParts())]);
    }),
  },
  header(
    'pax-global-path',
    'a global pax header that names every entry',
    ONE_READING,
    paxEntry({ path: 'index.json' }, 'g'),
  ),
  header(
    'pax-global-size',
    'a global pax header that gives every entry a size',
    ONE_READING,
    paxEntry({ size: '1' }, 'g'),
  ),
  header(
    'pax-twice',
    'two pax headers that give one entry two names',
    ONE_READING,
    paxEntry({ path: 'a' }),
    paxEntry({ path: 'b' }),
    {
      name: 'c',
    },
  ),
  header(
    'pax-and-gnu',
    'a pax header and a GNU long name that give one entry two names',
    ONE_READING,
    paxEntry({ path: 'a' }),
    { name: '././@LongLink', type: 'L', magic: 'gnu', body: 'b\0' },
    { name: 'c' },
  ),
  {
    ...header('pax-hides-index', 'a harmless name that a pax header makes a second index.json', ONE_READING),
    place: asTar(() => {
      const parts = layoutParts();
      parts.set('pax', paxEntry({ path: 'index.json' }));
      parts.set('again', { name: 'readme', body: '{"schemaVersion":2,"manifests":[]}' });
      return parts;
    }),
  },
  {
    ...header('pax-without-entry', 'a pax header to which no entry belongs', ONE_READING),
    place: asTar(() => makeTar(...layoutParts().values(), paxEntry({ path: 'a' }))),
  },
  header('long-name', 'a GNU long name of 64 KiB', BOUNDED, {
    name: '././@LongLink',
    type: 'L',
    magic: 'gnu',
    body: `${'n'.repeat(65_536)}\0`,
  }),
  header('long-name-lies', 'a GNU long name that claims 8 GiB', BOUNDED, {
    name: '././@LongLink',
    type: 'L',
    magic: 'gnu',
    size: '77777777777\0',
  }),
  header(
    'long-name-pax',
    'a name of 64 KiB in a pax header',
    BOUNDED,
    paxEntry({ path: 'n'.repeat(65_536) }),
    {
      name: 'x',
    },
  ),

  header(
    'pax-pax',
    'a pax header of which Go drops the name, since a second one follows it',
    ONE_READING,
    paxEntry({ path: 'decoy' }),
    paxEntry({ comment: 'x' }),
    { name: 'index.json', body: '{}' },
  ),
  header(
    'pax-global-between',
    'a global pax header between a pax header and its entry',
    ONE_READING,
    paxEntry({ path: 'decoy' }),
    paxEntry({ comment: 'x' }, 'g'),
    { name: 'index.json', body: '{}' },
  ),
  header(
    'gnu-global-between',
    'a global pax header between a GNU long name and its entry',
    ONE_READING,
    { name: '././@LongLink', type: 'L', magic: 'gnu', body: 'decoy\0' },
    paxEntry({ comment: 'x' }, 'g'),
    { name: 'index.json', body: '{}' },
  ),
  header(
    'pax-size-then-gnu',
    'a size in a pax header that could be that of the GNU long name behind it',
    ONE_READING,
    paxEntry({ size: '512' }),
    { name: '././@LongLink', type: 'L', magic: 'gnu', body: 'decoy\0' },
    { name: 'index.json', body: '{}' },
  ),
  header(
    'gnu-gnu',
    'two GNU long names before one entry',
    ONE_READING,
    { name: '././@LongLink', type: 'L', magic: 'gnu', body: 'decoy\0' },
    { name: '././@LongLink', type: 'L', magic: 'gnu', body: 'decoy\0' },
    { name: 'index.json', body: '{}' },
  ),
  header(
    'gnu-name-nul',
    'a GNU long name that goes on behind a NUL',
    ONE_READING,
    { name: '././@LongLink', type: 'L', magic: 'gnu', body: 'index.json\0decoy\0' },
    { name: 'decoy', body: '{}' },
  ),
  header(
    'pax-record-twice',
    'a pax header with two names for one entry',
    ONE_READING,
    { name: 'PaxHeader', type: 'x', body: '10 path=a\n10 path=b\n' },
    { name: 'c' },
  ),
  header(
    'sparse-name-only',
    'a pax header that gives a name as sparse files have it, without their version',
    ONE_READING,
    paxEntry({ 'GNU.sparse.name': 'decoy' }),
    { name: 'index.json', body: '{}' },
  ),
  header(
    'realsize',
    "star's record of a sparse file's size",
    ONE_READING,
    paxEntry({ 'SCHILY.realsize': '5' }),
    { name: 'index.json', body: '{}' },
  ),
];
