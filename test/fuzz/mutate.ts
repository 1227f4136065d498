/** Random numbers that a seed decides: the same seed gives the same inputs on every machine. */
export interface Random {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Mulberry32, by Tommy Ettinger. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    below: (below) => (below <= 0 ? 0 : next() % below),
    pick(items) {
      const item = items[next() % items.length];
      if (item === undefined) throw new Error('there is nothing to pick from');
      return item;
    },
  };
}

/** What parsers stumble over, as text. */
const TOKENS = [
  ...['null', 'true', '-1', '0', '1e400', '9007199254740993', '1.5', '""', '[]', '{}', '[[[[[[[[', '{"a":'],
  ...['"__proto__"', '"constructor"', '"mediaType"', '"manifests":[],', '"layers":null,', '"signatures":[],'],
  ...[
    '\\u0000',
    '\\ud800',
    '\u0000',
    '\r\n',
    '\u202e',
    '../',
    '//',
    '%2f',
    '@',
    ':',
    '=',
    ',',
    '"',
    '\\',
    ';',
  ],
  ...[
    'sha256:',
    `sha256:${'a'.repeat(64)}`,
    'sha512:00',
    '18446744073709551616',
    '00000000000',
    '7777777777777',
  ],
];

const MAX_BYTES = 1024 * 1024;

/** A document changed in a few places, as bytes or, where it is JSON, as a document; sometimes not at all. */
export function mutate(random: Random, corpus: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(corpus));
  for (let left = random.below(4); left > 0; left--) {
    bytes = random.below(3) === 0 ? mutateJSON(random, bytes) : mutateBytes(random, bytes, corpus);
  }
  return bytes.subarray(0, MAX_BYTES);
}

function mutateBytes(random: Random, bytes: Buffer, corpus: readonly Buffer[]): Buffer {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(random.pick([2, 16, 600])));
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([before, after]);
    case 1:
      return Buffer.concat([before, piece, piece, after]);
    case 2:
      return before;
    case 3:
      return Buffer.concat([before, Buffer.from(random.pick(TOKENS)), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([before, Buffer.from(random.pick(TOKENS)), after]);
    case 5: {
      const other = random.pick(corpus);
      return Buffer.concat([before, other.subarray(random.below(other.length))]);
    }
    case 6:
      return Buffer.concat([before, Buffer.from(piece).fill(random.below(256)), after]);
    default: {
      const changed = Buffer.from(bytes);
      if (at < changed.length) changed[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
      return changed;
    }
  }
}

const VALUES: readonly unknown[] = [
  ...[null, true, 0, -1, 1.5, 2 ** 53, 1e300, '', ' ', '\u0000', '\ud800', '__proto__', '../../x', [], {}],
  ...[
    [null],
    [[]],
    { a: null },
    `sha256:${'0'.repeat(64)}`,
    'sha256:',
    'application/vnd.oci.image.index.v1+json',
  ],
  ...['application/vnd.docker.distribution.manifest.v1+prettyjws', '{"id":"a"}', 'x'.repeat(300)],
];

/** Another value, or none, in one place of a document: what gets past a schema reaches the code behind it. */
function mutateJSON(random: Random, bytes: Buffer): Buffer {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch {
    return bytes; // broken by an earlier change, or never JSON
  }
  return Buffer.from(JSON.stringify(changed(random, document)) ?? 'null');
}

function changed(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.below(6) === 0) return random.pick(VALUES);
  if (Array.isArray(value)) return changedList(random, value);
  const entries = Object.entries(value);
  if (entries.length === 0) return random.pick(VALUES);
  const place = random.below(entries.length);
  return Object.fromEntries(
    entries.flatMap(([name, member], index) => {
      if (index !== place) return [[name, member]];
      if (random.below(8) === 0) return [];
      if (random.below(12) === 0) return [[name.toUpperCase(), member]];
      return [[name, changed(random, member)]];
    }),
  );
}

function changedList(random: Random, items: unknown[]): unknown[] {
  if (items.length === 0) return [random.pick(VALUES)];
  const place = random.below(items.length);
  if (random.below(8) === 0) return items.toSpliced(place, 1);
  if (random.below(8) === 0) return [...items, items[place]];
  return items.with(place, changed(random, items[place]));
}
