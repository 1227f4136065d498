/** A stretch of content: the first byte and how many follow. */
export interface ByteRange {
  start: number;
  length: number;
}

/**
 * The value of a Range header → the part of content of `size` bytes that it asks for, `'whole'` where it is
 * to be ignored, `'unsatisfiable'` where it is malformed or lies outside. (RFC 9110, 14.2)
 *
 * Several ranges are ignored, which the RFC leaves to the server: no client of registries needs them, and
 * many overlapping ones are a known way to make a server send a thousand times what it has.
 */
export function parseRange(header: string, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, unit, specifier = ''] = /^\s*([^\s=]+)\s*=\s*(.*?)\s*$/.exec(header) ?? [];
  if (unit !== undefined && unit.toLowerCase() !== 'bytes') return 'whole';
  if (specifier.includes(',')) return 'whole';
  const [, first, last] = /^(\d*)-(\d*)$/.exec(specifier) ?? [];
  if (first === undefined || last === undefined || first + last === '') return 'unsatisfiable';

  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, length };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || end < start) return 'unsatisfiable';
  return { start, length: end - start + 1 };
}
