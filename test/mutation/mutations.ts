import type { Random } from '../fuzz/mutate.js';
import { sign, type TarUnit, unitsOf } from './tar-units.js';

/** What is mutated: an archive as its one file, or the files of a folder. */
export type Files = ReadonlyMap<string, Buffer>;

export interface Mutant {
  files: Files;
  /** What was done, to be read by people. */
  what: string;
  /** Paths of the files whose bytes, name or existence were changed, those in an archive. */
  touched: string[];
}

/** The one file of a subject that is an archive. */
export const ARCHIVE = 'archive.tar';

/** Changes a tar, by its bytes or by its entries. */
export function mutateTar(random: Random, tar: Buffer): Mutant {
  const units = unitsOf(tar);
  const { bytes, what, touched } = random.pick(TAR_MUTATIONS)(random, tar, units);
  return { files: new Map([[ARCHIVE, bytes]]), what, touched };
}

/** Changes a file whose inside is not known here: an archive that is compressed as a whole. */
export function mutateOpaque(random: Random, bytes: Buffer): Mutant {
  const changed = random.pick([flipAnywhere, truncate, cutOut, zeroRange, insert])(random, bytes, []);
  return { files: new Map([[ARCHIVE, changed.bytes]]), what: changed.what, touched: [ARCHIVE] };
}

/** Changes a file of a folder, or which files there are. */
export function mutateFolder(random: Random, files: Files): Mutant {
  const paths = [...files.keys()];
  const [path, other] = [random.pick(paths), random.pick(paths)];
  const [bytes, otherBytes] = [files.get(path) ?? EMPTY, files.get(other) ?? EMPTY];
  switch (random.below(8)) {
    case 0:
      return { files: without(files, path), what: `remove ${path}`, touched: [path] };
    case 1:
      return {
        files: new Map([...files, [path, otherBytes], [other, bytes]]),
        what: `exchange the contents of ${path} and ${other}`,
        touched: [path, other],
      };
    case 2: {
      const copy = `${path}${random.pick(['.bak', '~', '1'])}`;
      return { files: new Map([...files, [copy, bytes]]), what: `copy ${path} to ${copy}`, touched: [] };
    }
    default: {
      const change = random.pick([flipAnywhere, truncate, cutOut, zeroRange, insert])(random, bytes, []);
      return {
        files: new Map([...files, [path, change.bytes]]),
        what: `${change.what} in ${path}`,
        touched: [path],
      };
    }
  }
}

interface Change {
  bytes: Buffer;
  what: string;
  touched: string[];
}
type Mutation = (random: Random, bytes: Buffer, units: readonly TarUnit[]) => Change;

const EMPTY = Buffer.alloc(0);
const BLOCK = 512;

function without(files: Files, path: string): Files {
  return new Map([...files].filter(([name]) => name !== path));
}

const flipAnywhere: Mutation = (random, bytes, units) => flip(random, bytes, units, 0, bytes.length);

const flipInBody: Mutation = (random, bytes, units) => {
  const { body, size } = random.pick(units);
  return flip(random, bytes, units, body, size);
};

const flipInHeader: Mutation = (random, bytes, units) => {
  const { start, body } = random.pick(units);
  return flip(random, bytes, units, start, body - start);
};

function flip(
  random: Random,
  bytes: Buffer,
  units: readonly TarUnit[],
  start: number,
  length: number,
): Change {
  const changed = Buffer.from(bytes);
  const places: number[] = [];
  for (let left = length === 0 ? 0 : 1 + random.below(3); left > 0; left--) {
    const place = start + random.below(length);
    changed[place] = (changed[place] ?? 0) ^ (1 << random.below(8));
    places.push(place);
  }
  const touched = places.flatMap((place) => touching(units, place, place + 1));
  return { bytes: changed, what: `flip bits at ${places.join(', ')}`, touched };
}

const truncate: Mutation = (random, bytes, units) => truncateAt(random.below(bytes.length), bytes, units);

const truncateBetween: Mutation = (random, bytes, units) =>
  truncateAt(random.pick(units).start, bytes, units);

function truncateAt(place: number, bytes: Buffer, units: readonly TarUnit[]): Change {
  return {
    bytes: bytes.subarray(0, place),
    what: `truncate to ${place} bytes`,
    touched: touching(units, place, bytes.length),
  };
}

const cutOut: Mutation = (random, bytes, units) => {
  const start = random.below(bytes.length);
  return cut(start, start + 1 + random.below(3000), bytes, units);
};

const cutOutBlocks: Mutation = (random, bytes, units) => {
  const start = random.below(bytes.length / BLOCK) * BLOCK;
  return cut(start, start + BLOCK * (1 + random.below(6)), bytes, units);
};

function cut(start: number, end: number, bytes: Buffer, units: readonly TarUnit[]): Change {
  return {
    bytes: Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]),
    what: `cut out ${start} to ${end}`,
    touched: touching(units, start, end),
  };
}

const zeroRange: Mutation = (random, bytes, units) => {
  const start = random.below(bytes.length);
  const end = Math.min(bytes.length, start + 1 + random.below(random.pick([8, 512, 4096])));
  const changed = Buffer.from(bytes).fill(0, start, end);
  return { bytes: changed, what: `zero ${start} to ${end}`, touched: touching(units, start, end) };
};

const insert: Mutation = (random, bytes, units) => {
  const place = random.below(bytes.length);
  const piece = Buffer.alloc(random.pick([1, 3, 512, 1024]), random.below(256));
  return {
    bytes: Buffer.concat([bytes.subarray(0, place), piece, bytes.subarray(place)]),
    what: `insert ${piece.length} bytes of ${piece[0]} at ${place}`,
    touched: touching(units, place, place + 1),
  };
};

const removeUnit: Mutation = (random, bytes, units) => {
  const unit = random.pick(units);
  return { ...cut(unit.start, unit.end, bytes, units), what: `remove ${unit.path}` };
};

const duplicateUnit: Mutation = (random, bytes, units) => {
  const unit = random.pick(units);
  const at = random.pick(units).start;
  const copy = Buffer.from(bytes.subarray(unit.start, unit.end));
  const isChanged = unit.size > 0 && random.below(2) === 0;
  const place = unit.body - unit.start + random.below(unit.size);
  if (isChanged) copy[place] = (copy[place] ?? 0) ^ (1 << random.below(8));
  return {
    bytes: Buffer.concat([bytes.subarray(0, at), copy, bytes.subarray(at)]),
    what: `put ${unit.path} at ${at} again${isChanged ? `, with a bit of byte ${place} flipped` : ''}`,
    touched: isChanged ? [unit.path] : [],
  };
};

const exchangeUnits: Mutation = (random, bytes, units) => {
  const [first, second] = [random.pick(units), random.pick(units)].sort((a, b) => a.start - b.start);
  if (first === undefined || second === undefined || first === second) return truncate(random, bytes, units);
  return {
    bytes: Buffer.concat([
      bytes.subarray(0, first.start),
      bytes.subarray(second.start, second.end),
      bytes.subarray(first.end, second.start),
      bytes.subarray(first.start, first.end),
      bytes.subarray(second.end),
    ]),
    what: `exchange the places of ${first.path} and ${second.path}`,
    touched: [],
  };
};

/** Each file gets the other's bytes, with the size in its header made right. */
const exchangeBodies: Mutation = (random, bytes, units) => {
  const [first, second] = [random.pick(units), random.pick(units)];
  const parts = units.map((unit) => {
    const other = unit === first ? second : unit === second ? first : unit;
    const headers = Buffer.from(bytes.subarray(unit.start, unit.body));
    headers.write(`${other.size.toString(8).padStart(11, '0')}\0`, headers.length - BLOCK + 124, 'latin1');
    sign(headers, headers.length - BLOCK);
    return Buffer.concat([headers, bytes.subarray(other.body, other.end)]);
  });
  const end = units.at(-1)?.end ?? 0;
  return {
    bytes: Buffer.concat([...parts, bytes.subarray(end)]),
    what: `exchange the bodies of ${first.path} and ${second.path}`,
    touched: first === second ? [] : [first.path, second.path],
  };
};

/** Name, start, length. (POSIX.1, "ustar Header Block") */
const FIELDS = [
  ['name', 0, 100],
  ['mode', 100, 8],
  ['uid', 108, 8],
  ['size', 124, 12],
  ['mtime', 136, 12],
  ['typeflag', 156, 1],
  ['linkname', 157, 100],
  ['magic', 257, 8],
  ['uname', 265, 32],
  ['devmajor', 329, 8],
  ['prefix', 345, 155],
] as const;

const changeField: Mutation = (random, bytes, units) => {
  const unit = random.pick(units);
  const [field, offset, length] = random.pick(FIELDS);
  const changed = Buffer.from(bytes);
  const place = unit.header + offset;
  const value = random.pick<() => Buffer>([
    () => Buffer.alloc(length),
    () => Buffer.alloc(length, random.pick([0x30, 0x37, 0x41, 0x80, 0xff, 0x2f])),
    () => {
      const old = Buffer.from(changed.subarray(place, place + length));
      const at = random.below(Math.min(length, old.indexOf(0) < 1 ? length : old.indexOf(0)));
      old[at] = random.pick([0x30, 0x31, 0x35, 0x4c, 0x78, 0x67, 0x53, 0x2f, 0x2e, random.below(256)]);
      return old;
    },
    () => Buffer.from(changed.subarray(random.pick(units).header + offset).subarray(0, length)),
  ])();
  value.copy(changed, place, 0, length);
  sign(changed, unit.header);
  const shown = JSON.stringify(value.toString('latin1').replace(/\0+$/, ''));
  return { bytes: changed, what: `make ${shown} the ${field} of ${unit.path}`, touched: [unit.path] };
};

const append: Mutation = (random, bytes) => ({
  bytes: Buffer.concat([bytes, Buffer.alloc(random.pick([1, 512, 5000]), random.pick([0, 0x41]))]),
  what: 'append bytes',
  touched: [],
});

const TAR_MUTATIONS: readonly Mutation[] = [
  ...[flipAnywhere, flipAnywhere, flipInBody, flipInBody, flipInBody, flipInHeader],
  ...[truncate, truncateBetween, cutOut, cutOutBlocks, zeroRange, insert],
  ...[removeUnit, removeUnit, duplicateUnit, exchangeUnits, exchangeBodies, exchangeBodies],
  ...[changeField, changeField, append],
];

function touching(units: readonly TarUnit[], start: number, end: number): string[] {
  return units.filter((unit) => unit.start < end && unit.end > start).map(({ path }) => path);
}
