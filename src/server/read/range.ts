/** A range of bytes: the first one and the number of bytes. */
export interface ByteRange {
  start: number;
  length: number;
}

/**
 * Maximum number of ranges in a request. Lazy pullers request some tens of files of a layer at once, and each range
 * opens the blob once.
 */
const MAX_RANGES = 128;

/**
 * Parses a Range header for content of `size` bytes. Returns `'whole'` if it has to be ignored, and `'unsatisfiable'`
 * if it is malformed or entirely outside. (RFC 9110, 14.1.2 and 14.2)
 *
 * The ranges are in the order of the request. Those that overlap or touch are merged, so that no byte is sent twice.
 * (CVE-2011-3192; RFC 9110, 15.3.7.2 and 17.15)
 */
export function parseRanges(header: string, size: number): ByteRange[] | 'whole' | 'unsatisfiable' {
  const [, unit, set = ''] = /^\s*([^\s=]+)\s*=(.*)$/.exec(header) ?? [];
  if (unit === undefined) return 'unsatisfiable';
  if (unit.toLowerCase() !== 'bytes') return 'whole';

  const specifiers = set.split(',', MAX_RANGES + 1).map((specifier) => specifier.trim());
  if (specifiers.length > MAX_RANGES) return 'whole';
  let ranges: ByteRange[] = [];
  for (const specifier of specifiers) {
    if (specifier === '' && specifiers.length > 1) continue; // lists may have empty elements (RFC 9110, 5.6.1.2)
    const range = parseRange(specifier, size);
    if (range === 'malformed') return 'unsatisfiable';
    if (range !== 'outside') ranges = withRange(ranges, range);
  }
  return ranges.length === 0 ? 'unsatisfiable' : ranges;
}

function parseRange(specifier: string, size: number): ByteRange | 'malformed' | 'outside' {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(specifier) ?? [];
  if (first === undefined || last === undefined || first + last === '') return 'malformed';

  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'outside' : { start: size - length, length };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'malformed';
  if (start >= size) return 'outside';
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  return { start, length: end - start };
}

/** Adds a range. It is merged with all ranges that it touches, at the position of the first of them. */
function withRange(ranges: readonly ByteRange[], added: ByteRange): ByteRange[] {
  const touched = ranges.filter((range) => touch(range, added));
  const [first] = touched;
  if (first === undefined) return [...ranges, added];
  const span = touched.reduce(spanOf, added);
  return ranges
    .filter((range) => range === first || !touched.includes(range))
    .map((range) => (range === first ? span : range));
}

function touch(a: ByteRange, b: ByteRange): boolean {
  return a.start <= b.start + b.length && b.start <= a.start + a.length;
}

function spanOf(a: ByteRange, b: ByteRange): ByteRange {
  const start = Math.min(a.start, b.start);
  return { start, length: Math.max(a.start + a.length, b.start + b.length) - start };
}
