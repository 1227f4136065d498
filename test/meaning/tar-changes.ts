import type { Random } from '../fuzz/mutate.js';
import { paxEntry, type RawEntry } from '../support/tar-maker.js';
import { type Draft, entryOf } from './draft.js';

const DECOY = 'decoy';

/** What may stand before an entry, by what it says; `name` is the one that is meant. */
const EXTENSIONS: Readonly<Record<string, (name: string, body: Buffer) => RawEntry>> = {
  'x path': (name) => paxEntry({ path: name }),
  'x path decoy': () => paxEntry({ path: DECOY }),
  'x empty path': () => paxEntry({ path: '' }),
  'x linkpath': (name) => paxEntry({ linkpath: name }),
  'x size': (_, body) => paxEntry({ size: String(body.byteLength) }),
  'x size 0': () => paxEntry({ size: '0' }),
  'x size with a plus': (_, body) => paxEntry({ size: `+${body.byteLength}` }),
  'x comment': () => paxEntry({ comment: 'nothing' }),
  'x mtime': () => paxEntry({ mtime: '1234567890.5' }),
  'x of a real file': () => paxEntry({ mtime: '1.5', atime: '2.5', 'SCHILY.xattr.user.note': 'x' }),
  'x charset': (name) => paxEntry({ hdrcharset: 'BINARY', path: name }),
  'x NUL in path': (name) => paxEntry({ path: `${name}\0x` }),
  'x sparse name': () => paxEntry({ 'GNU.sparse.name': DECOY }),
  'x sparse 1.0': (name) =>
    paxEntry({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': name }),
  'x sparse size': () => paxEntry({ 'GNU.sparse.size': '5' }),
  'x sparse real size': () => paxEntry({ 'GNU.sparse.realsize': '5' }),
  'x star size': () => paxEntry({ 'SCHILY.realsize': '5' }),
  'g comment': () => paxEntry({ comment: 'nothing' }, 'g'),
  'g path': (name) => paxEntry({ path: name }, 'g'),
  'g path decoy': () => paxEntry({ path: DECOY }, 'g'),
  'g size': () => paxEntry({ size: '0' }, 'g'),
  L: (name) => ({ name: '././@LongLink', type: 'L', body: `${name}\0`, magic: 'gnu' }),
  'L decoy': () => ({ name: '././@LongLink', type: 'L', body: `${DECOY}\0`, magic: 'gnu' }),
  'L in ustar': (name) => ({ name: '././@LongLink', type: 'L', body: `${name}\0` }),
  'L with more behind NUL': (name) => ({
    name: '././@LongLink',
    type: 'L',
    body: `${name}\0/x\0`,
    magic: 'gnu',
  }),
  K: (name) => ({ name: '././@LongLink', type: 'K', body: `${name}\0`, magic: 'gnu' }),
  X: (name) => ({ ...paxEntry({ path: name }), type: 'X' }),
  V: () => ({ name: 'volume', type: 'V', magic: 'gnu' }),
};

/** Other ways to write the name of an entry. */
const NAMES: Readonly<Record<string, (name: string) => Partial<RawEntry>>> = {
  'its name': (name) => ({ name }),
  './': (name) => ({ name: `./${name}` }),
  '/': (name) => ({ name: `/${name}` }),
  '//': (name) => ({ name: name.includes('/') ? name.replace('/', '//') : `.//${name}` }),
  '..': (name) => ({ name: `x/../${name}` }),
  'a slash at its end': (name) => ({ name: `${name}/` }),
  'a dot at its end': (name) => ({ name: `${name}/.` }),
  capitals: (name) => ({ name: name.replace(/[a-z]/, (letter) => letter.toUpperCase()) }),
  'a backslash': (name) => ({ name: name.includes('/') ? name.replace('/', '\\') : `.\\${name}` }),
  'a space': (name) => ({ name: `${name} ` }),
  'something behind NUL': (name) => ({ name: `${name}\0x` }),
  'a prefix': (name) => ({ name: name.split('/').at(-1) ?? '', alter: prefixed(name) }),
  'a prefix of a dot': (name) => ({ name, alter: (block) => void block.write('.', 345) }),
  "star's prefix": (name) => ({
    name,
    alter: (block) => {
      block.write('./'.repeat(65), 345);
      block.write('00000000000', 476);
      block.write('tar\0', 508);
    },
  }),
};

function prefixed(name: string): (block: Buffer) => void {
  const folder = name.slice(0, Math.max(0, name.lastIndexOf('/')));
  return (block) => void block.write(folder, 345);
}

/** Other headers for the same entry. */
const HEADERS: Readonly<Record<string, (body: Buffer) => Partial<RawEntry>>> = {
  'a file': () => ({}),
  'an old file': () => ({ type: '\0' }),
  'a contiguous file': () => ({ type: '7' }),
  GNU: () => ({ magic: 'gnu' }),
  'no magic': () => ({ magic: 'none' }),
  'odd magic': () => ({ alter: (block) => void block.write('ustar\x0009', 257, 'latin1') }),
  'a folder with a body': () => ({ type: '5' }),
  'a sparse file': () => ({ type: 'S', magic: 'gnu' }),
  'a device': () => ({ type: '3' }),
  'a FIFO': () => ({ type: '6' }),
  'a type that nobody knows': () => ({ type: 'Q' }),
  'a dump': () => ({ type: 'D', magic: 'gnu' }),
  'a size in base 256': ({ byteLength }) => {
    const size = Buffer.alloc(12);
    size[0] = 0x80;
    size.writeUInt32BE(byteLength, 8);
    return { size };
  },
  'a size behind spaces': ({ byteLength }) => ({ size: `${byteLength.toString(8).padStart(11, ' ')}\0` }),
  'a size that ends with a space': ({ byteLength }) => ({
    size: `${byteLength.toString(8).padStart(11, '0')} `,
  }),
  'a size without an end': ({ byteLength }) => ({ size: byteLength.toString(8).padStart(12, '0') }),
  'a negative size': () => ({ size: Buffer.alloc(12, 0xff) }),
};

/** Puts a second entry for a file into the archive, which holds `body`. */
export function addShadow(draft: Draft, random: Random, name: string, body: Buffer): void {
  const count = random.below(5);
  const extensions = Array.from({ length: count }, () => random.pick(Object.keys(EXTENSIONS)));
  const spelling = random.pick(Object.keys(NAMES));
  const header = random.pick(Object.keys(HEADERS));
  const shadow: RawEntry = {
    body,
    ...{ name, ...NAMES[spelling]?.(name) },
    ...HEADERS[header]?.(body),
  };
  const entries = [...extensions.flatMap((kind) => EXTENSIONS[kind]?.(name, body) ?? []), shadow];
  const place = insert(draft, random, entries, name);
  const before = extensions.length === 0 ? '' : ` after ${extensions.join(', ')}`;
  draft.what.push(`${name} again, as ${header} named by ${spelling}${before}, ${place}`);
}

/** Puts extension headers before the entry of a file itself. */
export function extend(draft: Draft, random: Random, name: string): void {
  const entry = entryOf(draft, name);
  if (entry === undefined) return;
  const extensions = Array.from({ length: 1 + random.below(4) }, () => random.pick(Object.keys(EXTENSIONS)));
  const body = Buffer.from(entry.body ?? '');
  draft.entries.splice(
    draft.entries.indexOf(entry),
    0,
    ...extensions.flatMap((kind) => EXTENSIONS[kind]?.(name, body) ?? []),
  );
  draft.what.push(`${name} after ${extensions.join(', ')}`);
}

/** Writes the entry of a file itself in another way. */
export function rewrite(draft: Draft, random: Random, name: string): void {
  const entry = entryOf(draft, name);
  if (entry === undefined) return;
  const header = random.pick(Object.keys(HEADERS));
  const spelling = random.pick(Object.keys(NAMES));
  const body = Buffer.from(entry.body ?? '');
  Object.assign(entry, NAMES[spelling]?.(name), HEADERS[header]?.(body));
  draft.what.push(`${name} as ${header} named by ${spelling}`);
}

/** Lets a link stand where a file or its folder should, or where it is looked for. */
export function addLink(draft: Draft, random: Random, name: string, body: Buffer): void {
  const type = random.pick(['1', '2'] as const);
  const kind = type === '1' ? 'a hard link' : 'a symbolic link';
  const entry = entryOf(draft, name);
  const folder = name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '.';
  const file = name.slice(name.lastIndexOf('/') + 1);
  switch (random.below(5)) {
    case 0: // the file itself
      if (entry !== undefined) draft.entries.splice(draft.entries.indexOf(entry), 1);
      draft.entries.unshift({ name: 'other', body });
      draft.entries.push({ name, type, linkName: linkTo(random, type, name, 'other') });
      draft.what.push(`${name} as ${kind} to other content`);
      break;
    case 1: // beside the file
      draft.entries.unshift({ name: 'other', body });
      insert(draft, random, [{ name, type, linkName: linkTo(random, type, name, 'other') }], name);
      draft.what.push(`${name} again, as ${kind} to other content`);
      break;
    case 2: // its folder
      draft.entries.unshift({ name: `elsewhere/${file}`, body });
      insert(draft, random, [{ name: folder, type, linkName: 'elsewhere' }], name);
      draft.what.push(`the folder of ${name} as ${kind}`);
      break;
    case 3: // a file that is written through a link
      draft.entries.push({ name: 'through', type: '2', linkName: folder }, { name: `through/${file}`, body });
      draft.what.push(`${name} written through a link to its folder`);
      break;
    default: // with the same content, as Docker and podman write layers that repeat
      if (entry === undefined) return;
      draft.entries.unshift({ ...entry, name: 'first' });
      draft.entries[draft.entries.indexOf(entry)] = {
        name,
        type,
        linkName: linkTo(random, type, name, 'first'),
      };
      draft.what.push(`${name} as ${kind} to the same content`);
  }
}

/** Symbolic links begin at the folder of the link, hard links at the root of the archive. */
function linkTo(random: Random, type: '1' | '2', name: string, target: string): string {
  const up = '../'.repeat(name.split('/').length - 1);
  const right = type === '1' ? target : `${up}${target}`;
  return random.pick([right, right, target, `./${right}`, `/${target}`]);
}

function insert(draft: Draft, random: Random, entries: readonly RawEntry[], name: string): string {
  const entry = entryOf(draft, name);
  const at = entry === undefined ? 0 : draft.entries.indexOf(entry);
  const [what, place] = random.pick([
    ['at the start', 0],
    ['before it', at],
    ['behind it', at + 1],
    ['at the end', draft.entries.length],
  ] as const);
  draft.entries.splice(place, 0, ...entries);
  return what;
}
