import { isUtf8 } from 'node:buffer';
import { ContentError, type ErrorCode } from '../../errors.js';
import { foldName, type Shape, UNKNOWN, VALUE } from './shape.js';

export interface ParseJSONOptions {
  /** The name of the document in errors: a digest or a path. */
  what: string;
  /** Limit for nested objects and lists; default 64. */
  maxDepth?: number;
  /** Throws `TOO_LARGE` beyond this size; default no limit, for callers that have limited the bytes already. */
  maxBytes?: number;
  /** The code of errors; default `INVALID_MANIFEST`. */
  code?: ErrorCode;
  /**
   * The members that the format defines; see `Shape`. It is used to refuse what tools read differently. Default
   * unknown.
   */
  shape?: Shape;
  /** If given, the names that are repeated in values that no tool decodes are added to it. */
  harmless?: Set<string>;
  /**
   * If given, names that are repeated in the outermost object are added to it instead of refused, and the first value
   * is kept. A signed schema1 manifest may repeat members outside of its payload.
   */
  repeated?: Set<string>;
}

export interface JSONObject {
  [name: string]: unknown;
}

const MAX_DEPTH = 64;

/**
 * Parses untrusted JSON. It must be UTF-8 without a byte-order mark, with nothing after the value, no repeated members,
 * no lone surrogates, no integers that a number cannot hold (RFC 7493, I-JSON), and limited depth. For objects with a
 * known `shape`, it also refuses names that differ only in case from a defined name or from each other, and integers
 * with a fraction or an exponent; but values that the format does not define may repeat members. Objects have no
 * prototype, so that members like `__proto__` and `constructor` are not special.
 */
export function parseJSON(bytes: Uint8Array, options: ParseJSONOptions): unknown {
  const { what, maxBytes = Number.POSITIVE_INFINITY, code = 'INVALID_MANIFEST' } = options;
  if (bytes.byteLength > maxBytes)
    throw new ContentError('TOO_LARGE', `${what} has ${bytes.byteLength} bytes; the limit is ${maxBytes}`);
  if (!isUtf8(bytes)) throw new ContentError(code, `${what} is not JSON: it is not UTF-8`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return new Parser(text, {
    what,
    code,
    maxDepth: options.maxDepth ?? MAX_DEPTH,
    repeated: options.repeated,
    harmless: options.harmless,
  }).document(options.shape ?? UNKNOWN);
}

/** Returns the names that are repeated in values that no tool decodes. The document must be valid. */
export function namesRepeatedUnread(bytes: Uint8Array, options: { what: string; shape: Shape }): string[] {
  const harmless = new Set<string>();
  parseJSON(bytes, { ...options, harmless, repeated: harmless });
  return [...harmless];
}

/** True for a JSON object, but not for a list or null. */
export function isJSONObject(value: unknown): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const HEX4 = /^[0-9a-fA-F]{4}$/;
const ESCAPES: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

interface ParserOptions {
  what: string;
  code: ErrorCode;
  maxDepth: number;
  repeated: Set<string> | undefined;
  harmless: Set<string> | undefined;
}

/** Parses the text in one pass; `#at` is the position of the next character. */
class Parser {
  readonly #text: string;
  readonly #options: ParserOptions;
  #at = 0;
  #depth = 0;

  constructor(text: string, options: ParserOptions) {
    this.#text = text;
    this.#options = options;
  }

  document(shape: Shape): unknown {
    if (this.#text.startsWith('\ufeff')) throw this.#error('a byte-order mark');
    this.#skipSpace();
    const value = this.#value(shape);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#error('more after the end of the value');
    return value;
  }

  #value(shape: Shape): unknown {
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(shape);
      case '[':
        return this.#array(shape);
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      default:
        return this.#number(shape);
    }
  }

  #object(shape: Shape): JSONObject {
    this.#enter();
    const object: JSONObject = Object.create(null);
    const names = new Names(shape);
    if (!this.#takes('}')) {
      do {
        this.#skipSpace();
        if (this.#text[this.#at] !== '"') throw this.#unexpected('a member name');
        const start = this.#at;
        const name = this.#string();
        if (!this.#takes(':')) throw this.#unexpected('":"');
        this.#skipSpace();
        const other = names.otherSpelling(name);
        if (other !== undefined) throw this.#twoSpellings(name, other, start);
        if (!(name in object)) object[name] = this.#value(names.shapeOf(name));
        else if (shape.type === 'value') {
          this.#options.harmless?.add(name);
          object[name] = this.#value(VALUE);
        } else this.#repeatedMember(name, start);
      } while (this.#takes(','));
      if (!this.#takes('}')) throw this.#unexpected('"," or "}"');
    }
    this.#depth -= 1;
    return object;
  }

  #repeatedMember(name: string, start: number): void {
    if (this.#depth > 1 || this.#options.repeated === undefined)
      throw this.#error(`the member "${shorten(name)}" for the second time`, start);
    this.#options.repeated.add(name);
    this.#value(VALUE);
  }

  #twoSpellings(name: string, other: string, start: number): ContentError {
    const { what, code } = this.#options;
    const found = `a member "${shorten(name)}", which some tools read as "${shorten(other)}"`;
    return new ContentError(code, `${what} is ambiguous: it has ${found}, at byte ${this.#offset(start)}`, {
      hint: AMBIGUITY_HINT,
    });
  }

  #array(shape: Shape): unknown[] {
    this.#enter();
    const element = shape.type === 'list' ? shape.of : shape.type === 'value' ? VALUE : UNKNOWN;
    const array: unknown[] = [];
    if (!this.#takes(']')) {
      do {
        this.#skipSpace();
        array.push(this.#value(element));
      } while (this.#takes(','));
      if (!this.#takes(']')) throw this.#unexpected('"," or "]"');
    }
    this.#depth -= 1;
    return array;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > this.#options.maxDepth) throw this.#error(`more than ${this.#options.maxDepth} levels`);
    this.#at += 1;
  }

  #string(): string {
    const text = this.#text;
    let start = this.#at + 1;
    let decoded = '';
    for (let at = start; ; at += 1) {
      const character = text.charCodeAt(at);
      if (character === QUOTE) {
        this.#at = at + 1;
        return decoded === '' ? text.slice(start, at) : decoded + text.slice(start, at);
      }
      if (character === BACKSLASH) {
        this.#at = at;
        decoded += text.slice(start, at) + this.#escape();
        start = this.#at;
        at = start - 1;
      } else if (!(character >= SPACE)) {
        // A control character, or NaN after the end of the text.
        throw this.#unexpected('the rest of a string', at);
      }
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    if (letter !== 'u') {
      const character = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
      if (character === undefined) throw this.#error('an unknown escape');
      this.#at += 2;
      return character;
    }
    const first = this.#escapedUnit();
    if (first < 0xd800 || first > 0xdfff) return String.fromCharCode(first);
    const start = this.#at - 6;
    const second = this.#text.startsWith('\\u', this.#at) ? this.#escapedUnit() : 0;
    if (first > 0xdbff || second < 0xdc00 || second > 0xdfff)
      throw this.#error('half of a surrogate pair', start);
    return String.fromCharCode(first, second);
  }

  /** Reads `\uXXXX`. */
  #escapedUnit(): number {
    const digits = this.#text.slice(this.#at + 2, this.#at + 6);
    if (!HEX4.test(digits)) throw this.#error('an unknown escape');
    this.#at += 6;
    return Number.parseInt(digits, 16);
  }

  #number(shape: Shape): number {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#unexpected('a value');
    const [literal, fraction, exponent] = match;
    const number = Number(literal);
    const exact = fraction !== undefined || exponent !== undefined || Number.isSafeInteger(number);
    if (!exact || !Number.isFinite(number))
      throw this.#error(`the number ${shorten(literal)}, which is too large`);
    if (shape.type === 'integer' && (fraction !== undefined || exponent !== undefined))
      throw this.#error(`the number ${shorten(literal)}, which is not written as an integer`);
    this.#at += literal.length;
    return number;
  }

  #literal<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected('a value');
    this.#at += word.length;
    return value;
  }

  /** Skips white space, and the punctuation mark if it comes next; returns whether it did. */
  #takes(mark: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== mark) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const character = this.#text.charCodeAt(this.#at);
      if (character !== 0x20 && character !== 0x0a && character !== 0x0d && character !== 0x09) return;
      this.#at += 1;
    }
  }

  #unexpected(expected: string, at = this.#at): ContentError {
    const character = this.#text.codePointAt(at);
    const found = character === undefined ? 'its end' : `"${String.fromCodePoint(character)}"`;
    return this.#error(`${found} where ${expected} was expected`, at);
  }

  #error(found: string, at = this.#at): ContentError {
    const { what, code } = this.#options;
    return new ContentError(code, `${what} is not valid JSON: it has ${found}, at byte ${this.#offset(at)}`);
  }

  #offset(at: number): number {
    return Buffer.byteLength(this.#text.slice(0, at));
  }
}

export const AMBIGUITY_HINT =
  'Different tools can read different images from it; ask its publisher to build it again.';

/** The member names of one object: finds the shapes of defined members, and names with two spellings. */
class Names {
  readonly #shape: Shape;
  /** Names that the format does not define, by their folded form. */
  #undefined: Map<string, string> | undefined;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  /** Returns another name that is equal to this one for tools that ignore case. */
  otherSpelling(name: string): string | undefined {
    if (this.#shape.type !== 'object') return undefined;
    const folded = foldName(name);
    this.#undefined ??= new Map();
    const other = this.#shape.members.get(folded)?.name ?? this.#undefined.get(folded);
    if (other === undefined) this.#undefined.set(folded, name);
    return other === name ? undefined : other;
  }

  shapeOf(name: string): Shape {
    switch (this.#shape.type) {
      case 'object':
        return this.#shape.members.get(foldName(name))?.shape ?? VALUE;
      case 'map':
        return this.#shape.of;
      case 'value':
        return VALUE;
      default:
        return UNKNOWN;
    }
  }
}

/** Cuts text of any length for an error message. */
export function shorten(text: string, maxLength = 80): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
}
