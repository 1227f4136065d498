import { printable } from '../index.js';
import { formatBytes, formatJSON } from './format.js';
import type { Shape } from './shape.js';
import { invalid } from './template-syntax.js';

/** A value, and what is known of it. */
export interface Typed {
  value: unknown;
  shape: Shape;
  /** True for text of the template and for results of functions, which have escaped what they were given. */
  isSafe?: boolean;
}

export interface TemplateFunction {
  /** The number of arguments; `to` is absent if there is no limit. */
  from: number;
  to?: number;
  run(...args: Typed[]): unknown;
  /** The shape of the result; default text. */
  gives?: Shape;
}

/** The functions of templates: those of Go that are useful here, those that docker adds, and `bytes`. */
export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: { from: 1, to: 1, run: ({ value }) => formatJSON(value ?? null) },
  join: { from: 2, to: 2, run: (list, separator) => listOf(list).map(show).join(show(separator)) },
  split: {
    from: 2,
    to: 2,
    run: (text, separator) => show(text).split(show(separator)),
    gives: { each: 'text' },
  },
  len: { from: 1, to: 1, run: lengthOf, gives: 'number' },
  index: { from: 2, run: memberOf, gives: 'any' },
  lower: { from: 1, to: 1, run: (text) => show(text).toLowerCase() },
  upper: { from: 1, to: 1, run: (text) => show(text).toUpperCase() },
  truncate: {
    from: 2,
    to: 2,
    run: (text, length) => [...show(text)].slice(0, Number(length?.value)).join(''),
  },
  bytes: { from: 1, to: 1, run: ({ value }) => (typeof value === 'number' ? formatBytes(value) : '') },
  print: { from: 0, run: (...args) => args.map(show).join('') },
  println: { from: 0, run: (...args) => `${args.map(show).join(' ')}\n` },
  eq: {
    from: 2,
    run: (first, ...others) => others.some(({ value }) => value === first.value),
    gives: 'flag',
  },
  ne: { from: 2, to: 2, run: (one, other) => one.value !== other.value, gives: 'flag' },
  not: { from: 1, to: 1, run: (one) => !isTrue(one.value), gives: 'flag' },
  and: {
    from: 1,
    run: (...args) => (args.find(({ value }) => !isTrue(value)) ?? args.at(-1))?.value,
    gives: 'any',
  },
  or: {
    from: 1,
    run: (...args) => (args.find(({ value }) => isTrue(value)) ?? args.at(-1))?.value,
    gives: 'any',
  },
};

/** As in Go: what is empty or zero is false. */
export function isTrue(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return lengthOf({ value, shape: 'any' }) > 0;
  return Boolean(value);
}

/**
 * Prints a value as tables show it: bytes with a unit, lists with commas, other documents as JSON. Names come from
 * archives and may contain terminal control characters, which are escaped.
 */
export function show({ value, shape, isSafe = false }: Typed): string {
  if (value === undefined || value === null) return '';
  if (shape === 'bytes' && typeof value === 'number') return formatBytes(value);
  const isList = Array.isArray(value) && value.every((each) => typeof each !== 'object');
  if (typeof value === 'object' && !isList) return formatJSON(value);
  return isSafe ? String(value) : printable(String(value));
}

function listOf({ value, shape }: Typed): Typed[] {
  const each = typeof shape === 'object' && 'each' in shape ? shape.each : 'any';
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid('join takes a list');
  return value.map((one: unknown) => ({ value: one, shape: each }));
}

function lengthOf({ value }: Typed): number {
  if (typeof value === 'string') return [...value].length;
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function memberOf({ value }: Typed, ...keys: Typed[]): unknown {
  return keys.reduce<unknown>((inside, { value: key }) => {
    if (Array.isArray(inside)) return inside.at(Number(key));
    const isMember = typeof inside === 'object' && inside !== null && Object.hasOwn(inside, String(key));
    return isMember ? Object.entries(inside).find(([name]) => name === String(key))?.[1] : undefined;
  }, value);
}
