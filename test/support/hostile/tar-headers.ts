import { makeTar, paxEntry, type RawEntry, rawEntry } from '../tar-maker.js';
import type { AttackGroup, FileAttack, Reader } from './attack.js';
import { asTar, blobName, dockerParts, goodImage, layoutParts, set, tarOfParts } from './image.js';

const LAYER = blobName(goodImage().layer);
const ONE_READING = 'what two readers can understand in two ways is refused';
const BOUNDED = 'what a header may take of memory and time is bounded (CVE-2020-1702, CVE-2023-25153)';
const FILES_ONLY = 'only regular files are content';
const OF_LAYERS = ['inspect', 'ls'] as const;

/** Makes a layout whose layer is an entry of another kind. */
function layerAs(name: string, what: string, entry: Omit<RawEntry, 'name'>): FileAttack {
  return {
    name,
    what,
    rule: FILES_ONLY,
    code: 'INVALID_ARCHIVE',
    unseenBy: OF_LAYERS,
    place: asTar(() => set(layoutParts(), LAYER, entry)),
  };
}

/** The same with a kind that tools read differently: the whole archive is refused. */
function ambiguousAs(name: string, what: string, entry: Omit<RawEntry, 'name'>): FileAttack {
  return { ...layerAs(name, what, entry), rule: ONE_READING, unseenBy: [] };
}

/** Makes a valid layout with these entries before it. */
function header(name: string, what: string, rule: string, ...entries: RawEntry[]): FileAttack {
  return {
    name,
    what,
    rule,
    code: 'INVALID_ARCHIVE',
    place: asTar(() => Buffer.concat([...entries.map(rawEntry), tarOfParts(layoutParts())])),
  };
}

/** Makes a header with these bytes in the field for the size. */
function size(name: string, what: string, field: string | Buffer): FileAttack {
  return header(name, what, ONE_READING, { name: 'file', body: 'x', size: field });
}

function pax(name: string, what: string, body: string, rule = ONE_READING): FileAttack {
  return header(name, what, rule, { name: 'PaxHeader', type: 'x', body }, { name: 'file', body: 'x' });
}

/** Repeats a part of an archive with other bytes. */
function twice(
  name: string,
  what: string,
  part: string,
  body: string | Buffer,
  unseenBy?: readonly Reader[],
): FileAttack {
  return {
    name,
    what,
    rule: ONE_READING,
    code: 'INVALID_ARCHIVE',
    ...(unseenBy && { unseenBy }),
    place: asTar(() => {
      const parts = part === 'manifest.json' ? dockerParts() : layoutParts();
      parts.set('again', { name: part, body });
      return parts;
    }),
  };
}

const base256 = (...bytes: number[]): Buffer => Buffer.from([...bytes, ...Buffer.alloc(12)]).subarray(0, 12);
/** Makes a map of a sparse file that never ends. */
const endlessMap = Buffer.alloc(512 * 3000);
for (let end = 504; end < endlessMap.length; end += 512) endlessMap[end] = 1;

export const TAR_HEADERS: AttackGroup = {
  title: 'tar headers',
  attacks: [
    layerAs('device-character', 'a layer that is a character device', { type: '3' }),
    layerAs('device-block', 'a layer that is a block device', { type: '4' }),
    layerAs('pipe', 'a layer that is a pipe', { type: '6' }),
    ambiguousAs('unknown-type', 'a layer of a type nobody knows', { type: 'Z', body: 'x' }),
    ambiguousAs('contiguous', 'a layer that is a contiguous file, which Docker passes over', {
      type: '7',
      body: 'x',
    }),
    ambiguousAs('sparse-gnu', 'a layer that is a sparse file of GNU tar', { type: 'S', body: 'x' }),
    {
      ...layerAs('sparse-map-endless', 'a sparse file whose map does not end', {}),
      rule: BOUNDED,
      unseenBy: [],
      place: asTar(() =>
        set(layoutParts(), LAYER, {
          type: 'S',
          between: endlessMap,
          alter: (block) => void block.writeUInt8(1, 482),
        }),
      ),
    },
    {
      ...ambiguousAs('sparse-pax', 'a layer that is a sparse file of a terabyte by its pax header', {}),
      place: asTar(() => {
        const parts = layoutParts();
        parts.delete(LAYER);
        parts.set('pax', paxEntry({ 'GNU.sparse.name': LAYER, 'GNU.sparse.realsize': '1099511627776' }));
        return set(parts, LAYER, { body: 'x' });
      }),
    },
    {
      ...layerAs('index-pipe', 'an index.json that is a pipe', {}),
      unseenBy: [],
      place: asTar(() => set(layoutParts(), 'index.json', { type: '6' })),
    },

    size('size-letters', 'a size that is not octal', '0000000000x\0'),
    size('size-minus', 'a size of "-1"', '-0000000001\0'),
    size('size-past-end', 'a size of 8 GiB in a small file', '77777777777\0'),
    size('size-base256-negative', 'a negative size in base-256', Buffer.alloc(12, 0xff)),
    size('size-base256-huge', 'a size beyond 2^64 in base-256', base256(0x80, 0, 0, 1)),
    size('size-base256-2^63', 'a size of 2^63 in base-256', base256(0x80, 0, 0, 0, 0x80)),
    size('size-octal-and-letters', 'octal digits, then others: readers stop or go on', '00000000001z'),
    {
      ...header('checksum', 'a header whose checksum is wrong', ONE_READING),
      place: asTar(() => {
        const tar = tarOfParts(layoutParts());
        tar[0] = (tar[0] ?? 0) ^ 1;
        return tar;
      }),
    },
    {
      ...header('zero-block', 'a block of zeros, where some readers stop, before the rest', ONE_READING),
      place: asTar(() =>
        Buffer.concat([rawEntry({ name: 'a' }), Buffer.alloc(512), tarOfParts(layoutParts())]),
      ),
    },
    {
      ...header('folder-with-body', 'a directory with a body, in which another header hides', ONE_READING),
      place: asTar(() =>
        Buffer.concat([
          rawEntry({ name: 'd/', type: '5', size: '00000001000\0' }),
          tarOfParts(layoutParts()),
        ]),
      ),
    },

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
      ...header(
        'pax-hides-index',
        'a harmless name that a pax header makes a second index.json',
        ONE_READING,
      ),
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
    header('old-folder-with-body', 'a directory of the old form with a body', ONE_READING, {
      name: 'decoy/',
      type: '\0',
      body: rawEntry({ name: 'index.json', body: '{}' }),
    }),
    header(
      'link-with-body',
      'a hard link with a body, which some readers take for the next header',
      ONE_READING,
      {
        name: 'decoy',
        type: '1',
        linkName: 'oci-layout',
        body: rawEntry({ name: 'index.json', body: '{}' }),
      },
    ),
    header('star-prefix', "a prefix in star's form, which is shorter than that of POSIX", ONE_READING, {
      name: 'index.json',
      body: '{}',
      alter: (block) => {
        block.write('./'.repeat(65), 345, 'latin1');
        block.write('00000000000', 476, 'latin1');
        block.write('tar\0', 508, 'latin1');
      },
    }),
    header('prefix-without-magic', 'a prefix in a header older than ustar, which Python joins', ONE_READING, {
      name: 'decoy',
      magic: 'none',
      body: '{}',
      alter: (block) => block.write('prefix', 345, 'latin1'),
    }),
    header('prefix-in-gnu', "a prefix in a header of GNU's form", ONE_READING, {
      name: 'decoy',
      magic: 'gnu',
      body: '{}',
      alter: (block) => block.write('prefix', 345, 'latin1'),
    }),
    header('magic-odd', "a magic that begins like ustar's and is none", ONE_READING, {
      name: 'decoy',
      body: '{}',
      alter: (block) => block.write('ustar 00', 257, 'latin1'),
    }),
    header(
      'beneath-file',
      'an entry beneath a file',
      ONE_READING,
      { name: 'folder', body: 'x' },
      { name: 'folder/file', body: 'x' },
    ),
    header(
      'beneath-link',
      'an entry beneath a link to a folder',
      ONE_READING,
      { name: 'folder', type: '2', linkName: 'blobs' },
      { name: 'folder/file', body: 'x' },
    ),
    header(
      'folder-becomes-link',
      'a folder that becomes a link',
      ONE_READING,
      { name: 'folder/', type: '5' },
      { name: 'folder', type: '2', linkName: 'blobs' },
    ),
    header('root-is-link', 'the root of the archive as a link', ONE_READING, {
      name: '.',
      type: '2',
      linkName: 'blobs',
    }),
    header('backslash', 'a second index.json for those who take a backslash for a slash', ONE_READING, {
      name: '.\\index.json',
      body: '{}',
    }),
    header(
      'decomposed',
      'two names that are one where characters are decomposed',
      ONE_READING,
      { name: 'caf\u00e9', body: 'x' },
      { name: 'cafe\u0301', body: 'y' },
    ),
    {
      ...header('after-the-end', 'a second index.json behind the end of the archive', ONE_READING),
      place: asTar(() =>
        Buffer.concat([tarOfParts(layoutParts()), rawEntry({ name: 'index.json', body: '{}' })]),
      ),
    },
    {
      ...header('gzip-and-tar', "a tar whose first name begins with gzip's magic", ONE_READING),
      place: asTar(() =>
        Buffer.concat([
          rawEntry({
            name: '',
            body: 'x',
            alter: (block) => void Buffer.from([0x1f, 0x8b, 8, 0]).copy(block),
          }),
          tarOfParts(layoutParts()),
        ]),
      ),
    },
    {
      ...header('bzip2-and-tar', "a tar whose first name begins with bzip2's magic", ONE_READING),
      place: asTar(() => Buffer.concat([rawEntry({ name: 'BZh9', body: 'x' }), tarOfParts(layoutParts())])),
    },

    twice(
      'twice-index',
      'index.json twice: the first wins for some, the last for others',
      'index.json',
      '{"schemaVersion":2,"manifests":[]}',
    ),
    twice('twice-layer', 'a layer twice, of another size', LAYER, 'other bytes'),
    twice(
      'twice-layer-same-size',
      'a layer twice, of the same size',
      LAYER,
      Buffer.from(goodImage().layer.bytes.map((byte) => byte ^ 1)),
      OF_LAYERS,
    ),
    twice('twice-manifest', 'a manifest twice', blobName(goodImage().manifest), '{}'),
    twice('twice-docker', 'manifest.json twice', 'manifest.json', '[]'),
  ],
};
