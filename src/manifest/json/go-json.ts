import { membersOf, skipSpace, withoutSpace } from './text.js';

/** JSON text, as Go writes it, of a value that is kept as it was spelled. (encoding/json, `RawMessage`) */
export class RawJSON {
  readonly text: string;

  /** Of text that `parseJSON` has accepted: the order of members and the spelling of numbers stay. */
  constructor(text: string) {
    this.text = escapeHTML(withoutSpace(text));
  }
}

/** What Go can write: an object is a struct, its members in order; a map is one of Go's, sorted. */
export type GoValue =
  | string
  | number
  | boolean
  | null
  | RawJSON
  | readonly GoValue[]
  | ReadonlyMap<string, GoValue>
  | GoStruct;

/** A member that is undefined is left out, as `omitempty` does. */
export interface GoStruct {
  readonly [name: string]: GoValue | undefined;
}

/**
 * The bytes that Go's `json.Marshal` writes for the value. v1 IDs and the digests of converted configs are
 * taken over them, so that each byte counts: the order of members, the escapes for HTML.
 */
export function goJSON(value: GoValue): string {
  if (value instanceof RawJSON) return value.text;
  if (value instanceof Map) return object([...value].sort(([a], [b]) => compareBytes(a, b)));
  if (isList(value)) return `[${value.map(goJSON).join(',')}]`;
  if (typeof value === 'object' && value !== null) return object(Object.entries(value));
  return goText(JSON.stringify(value));
}

/** A struct's bytes as Go's `json.MarshalIndent` writes them; `prefix` begins each line but the first. */
export function goIndentedJSON(value: GoStruct | readonly GoStruct[], indent = '   ', prefix = ''): string {
  return goText(JSON.stringify(value, undefined, indent)).replaceAll('\n', `\n${prefix}`);
}

/** The members of an object, by name; `text` is one that `parseJSON` has accepted. */
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

/** Go sorts by the bytes of UTF-8, in which characters beyond U+FFFF come last. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}

/** What JavaScript wrote, with the escapes of Go: `\b` and `\f` have no short form before Go 1.22. */
function goText(text: string): string {
  const spelled = text.replace(/\\./g, (short) => SHORT_ESCAPES.get(short) ?? short);
  return escapeHTML(spelled);
}

const SHORT_ESCAPES = new Map([
  ['\\b', '\\u0008'],
  ['\\f', '\\u000c'],
]);

/** These stand in strings only, and may be escaped wherever they do. */
function escapeHTML(text: string): string {
  return text.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
