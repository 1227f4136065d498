import { membersOf, skipSpace, withoutSpace } from './text.js';

/** A value whose JSON text is kept, as Go writes a `RawMessage`. (encoding/json) */
export class RawJSON {
  readonly text: string;

  /** `parseJSON` must have accepted the text. The order of members and the notation of numbers are kept. */
  constructor(text: string) {
    this.text = escapeHTML(withoutSpace(text));
  }
}

/**
 * A value that Go can write. An object is a struct, whose members keep their order; a Map is a Go map, which is sorted.
 */
export type GoValue =
  | string
  | number
  | boolean
  | null
  | RawJSON
  | readonly GoValue[]
  | ReadonlyMap<string, GoValue>
  | GoStruct;

/** Undefined members are omitted, as with `omitempty`. */
export interface GoStruct {
  readonly [name: string]: GoValue | undefined;
}

/**
 * Returns the same text as Go's `json.Marshal`. v1 IDs and the digests of converted configs are computed from it, so
 * every byte matters, such as the order of members and the escapes for HTML.
 */
export function goJSON(value: GoValue): string {
  if (value instanceof RawJSON) return value.text;
  if (value instanceof Map) return object([...value].sort(([a], [b]) => compareBytes(a, b)));
  if (isList(value)) return `[${value.map(goJSON).join(',')}]`;
  if (typeof value === 'object' && value !== null) return object(Object.entries(value));
  return goText(JSON.stringify(value));
}

/** Returns the same text as Go's `json.MarshalIndent`; all lines but the first begin with `prefix`. */
export function goIndentedJSON(value: GoStruct | readonly GoStruct[], indent = '   ', prefix = ''): string {
  return goText(JSON.stringify(value, undefined, indent)).replaceAll('\n', `\n${prefix}`);
}

/** Returns the members of an object by name. `parseJSON` must have accepted the text. */
export function rawMembers(text: string): Map<string, RawJSON> {
  const members = membersOf(text, skipSpace(text, 0));
  return new Map(members.map(({ name, value }) => [name, new RawJSON(text.slice(value.start, value.end))]));
}

function object(members: [string, GoValue | undefined][]): string {
  const written = members.flatMap(([name, value]) =>
    value === undefined ? [] : `${goText(JSON.stringify(name))}:${goJSON(value)}`,
  );
  return `{${written.join(',')}}`;
}

/**
 * Compares as Go does, by the bytes of UTF-8. (JavaScript compares UTF-16, where characters above U+FFFF are not last.)
 */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}

/** Replaces the escapes of JavaScript by those of Go, which has no `\b` and `\f` before Go 1.22. */
function goText(text: string): string {
  const spelled = text.replace(/\\./g, (short) => SHORT_ESCAPES.get(short) ?? short);
  return escapeHTML(spelled);
}

const SHORT_ESCAPES = new Map([
  ['\\b', '\\u0008'],
  ['\\f', '\\u000c'],
]);

/** Escapes characters that occur only in strings, so the text needs no parsing. */
function escapeHTML(text: string): string {
  return text.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
