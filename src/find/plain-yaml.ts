import { DEFAULT_LIMITS, type Limits, tooManyValues } from './limits.js';
import { type Entry, type Node, scalarAt } from './node.js';
import { NOT_PLAIN, plainScalar, readFlow, readQuoted, requirePlain } from './plain-flow.js';
import { withoutTrailing } from './plain-text.js';

/**
 * Reads the YAML that programs print: blocks of mappings and sequences, scalars and flow collections on one line, and
 * literal blocks. Returns undefined for anything else (anchors, tags, values over several lines, errors), for the `yaml`
 * package to read; throws `Unreadable` for too many values. Of 10,000 documents of 1.3 kB, this takes 0.2 s, and the package 8.2 s.
 */
export function readPlainYAML(
  text: string,
  { maxNodes }: Pick<Limits, 'maxNodes'> = DEFAULT_LIMITS,
): Node | undefined {
  // A carriage return alone ends a line, too.
  if (text.includes('\r') && /\r(?!\n)/.test(text)) return undefined;
  try {
    return new PlainReader(text, maxNodes).read();
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

/** Deeper documents are rare, and for a reader that counts. */
const MAX_DEPTH = 64;

const SPACE = 0x20;
const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const HASH = 0x23;
const DASH = 0x2d;
const COLON = 0x3a;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const BAR = 0x7c;

class PlainReader {
  readonly #text: string;
  readonly #maxNodes: number;
  #nodes = 0;
  /** The start of the line after the current one. */
  #next = 0;
  /** Column of the content of the current line; -1 at the end. */
  #indent = -1;
  #start = 0;
  #end = 0;

  constructor(text: string, maxNodes: number) {
    this.#text = text;
    this.#maxNodes = maxNodes;
  }

  read(): Node | undefined {
    this.#advance();
    if (this.#indent === 0 && this.#end - this.#start === 3 && this.#text.startsWith('---', this.#start))
      this.#advance();
    if (this.#indent < 0) return scalarAt('', 0);
    const node = this.#block(0);
    if (this.#indent >= 0) throw NOT_PLAIN;
    return node;
  }

  /** Goes to the next line that has more than a comment. */
  #advance(): void {
    const text = this.#text;
    while (this.#next < text.length) {
      const lineStart = this.#next;
      let lineEnd = text.indexOf('\n', lineStart);
      if (lineEnd < 0) lineEnd = text.length;
      this.#next = lineEnd + 1;
      let start = lineStart;
      while (text.charCodeAt(start) === SPACE) start++;
      const first = text.charCodeAt(start);
      if (start >= lineEnd || first === HASH || (first === CARRIAGE_RETURN && start + 1 === lineEnd))
        continue;
      if (first === TAB) throw NOT_PLAIN;
      this.#indent = start - lineStart;
      this.#start = start;
      this.#end = this.#trimmedEnd(start, lineEnd);
      return;
    }
    this.#indent = -1;
  }

  #trimmedEnd(start: number, end: number): number {
    let trimmed = end;
    while (trimmed > start && isSpace(this.#text.charCodeAt(trimmed - 1))) trimmed--;
    return trimmed;
  }

  /** Reads what begins on the current line. */
  #block(depth: number): Node {
    if (depth > MAX_DEPTH) throw NOT_PLAIN;
    if (this.#isItem()) return this.#sequence(depth);
    const colon = this.#colon();
    if (colon < 0) throw NOT_PLAIN; // a scalar of its own is rare
    return this.#mapping(depth, colon);
  }

  #mapping(depth: number, firstColon: number): Node {
    const indent = this.#indent;
    const at = this.#start;
    const entries: Entry[] = [];
    for (let colon = firstColon; ; colon = this.#colon()) {
      if (colon < 0) throw NOT_PLAIN;
      const keyAt = this.#start;
      const key = this.#key(colon);
      this.#start = this.#skipSpaces(colon + 1);
      entries.push({ key, at: keyAt, value: this.#value(indent, depth, true) });
      if (this.#indent !== indent) break;
      if (this.#isItem()) throw NOT_PLAIN;
    }
    if (this.#indent > indent) throw NOT_PLAIN;
    return { type: 'mapping', entries, at };
  }

  #sequence(depth: number): Node {
    const indent = this.#indent;
    const at = this.#start;
    const items: Node[] = [];
    while (this.#indent === indent && this.#isItem()) {
      const start = this.#skipSpaces(this.#start + 1);
      const column = indent + start - this.#start;
      this.#start = start;
      if (start < this.#end && this.#text.charCodeAt(start) !== HASH) {
        this.#indent = column;
        if (this.#isItem() || this.#colon() >= 0) {
          items.push(this.#block(depth + 1));
          continue;
        }
      }
      items.push(this.#value(indent, depth, false));
    }
    if (this.#indent > indent) throw NOT_PLAIN;
    return { type: 'sequence', items, at };
  }

  /** Reads the value that begins at `#start`, or on the lines below, and goes to the line after it. */
  #value(indent: number, depth: number, isOfMapping: boolean): Node {
    if (++this.#nodes > this.#maxNodes) throw tooManyValues(this.#maxNodes, this.#start);
    const at = this.#start;
    const first = at < this.#end ? this.#text.charCodeAt(at) : HASH;
    if (first === HASH) {
      this.#advance();
      if (this.#indent > indent || (isOfMapping && this.#indent === indent && this.#isItem()))
        return this.#block(depth + 1);
      return scalarAt('', at);
    }
    if (first === BAR) return this.#literal(indent);
    const scalar = this.#scalar(at);
    this.#advance();
    if (this.#indent > indent) throw NOT_PLAIN; // the scalar goes on
    return scalar;
  }

  #scalar(at: number): Node {
    const text = this.#text;
    const first = text.charCodeAt(at);
    if (first === DOUBLE_QUOTE || first === SINGLE_QUOTE) {
      const { scalar, next } = readQuoted(text, at, this.#end);
      this.#requireEnd(next);
      return scalar;
    }
    if (first === OPEN_BRACKET || first === OPEN_BRACE) {
      const { node, next, nodes } = readFlow(text, at, {
        end: this.#end,
        maxNodes: this.#maxNodes,
        nodes: this.#nodes,
      });
      this.#nodes = nodes;
      this.#requireEnd(next);
      return node;
    }
    const rest = text.slice(at, this.#end);
    requirePlain(rest);
    const comment = rest.search(/\s#/);
    const plain = comment < 0 ? rest : rest.slice(0, comment).trimEnd();
    if (plain.includes(': ') || plain.includes('\t') || plain.endsWith(':')) throw NOT_PLAIN;
    return plainScalar(plain, at);
  }

  /** Throws if a line has more than a comment from `position` on. */
  #requireEnd(position: number): void {
    if (position < this.#end && !/^\s+#/.test(this.#text.slice(position, this.#end))) throw NOT_PLAIN;
  }

  /** Reads `|` or `|-` and the lines below it that stand deeper than `indent`. */
  #literal(indent: number): Node {
    const at = this.#start;
    const [, chomp] = /^\|(-?)(?:\s+#.*)?$/.exec(this.#text.slice(at, this.#end)) ?? [];
    if (chomp === undefined) throw NOT_PLAIN;
    const text = this.#text;
    const lines: string[] = [];
    let blockIndent = -1;
    while (this.#next < text.length) {
      let lineEnd = text.indexOf('\n', this.#next);
      if (lineEnd < 0) lineEnd = text.length;
      let start = this.#next;
      while (text.charCodeAt(start) === SPACE) start++;
      const column = start - this.#next;
      const end = text.charCodeAt(lineEnd - 1) === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
      if (start >= end) {
        // Leading empty lines with more spaces than the text are an error.
        if (blockIndent < 0 && column > indent + 1) throw NOT_PLAIN;
        lines.push(blockIndent >= 0 && column > blockIndent ? text.slice(this.#next + blockIndent, end) : '');
      } else {
        if (column <= indent) break;
        if (blockIndent < 0) blockIndent = column;
        if (column < blockIndent || text.charCodeAt(start) === TAB) throw NOT_PLAIN;
        lines.push(text.slice(this.#next + blockIndent, end));
      }
      this.#next = lineEnd + 1;
    }
    this.#advance();
    const body = withoutTrailing(lines.join('\n'), '\n');
    return scalarAt(chomp === '-' || body === '' ? body : `${body}\n`, at, { isQuoted: true, isBlock: true });
  }

  #isItem(): boolean {
    if (this.#text.charCodeAt(this.#start) !== DASH) return false;
    return this.#start + 1 === this.#end || this.#text.charCodeAt(this.#start + 1) === SPACE;
  }

  /** Returns the position of the colon after the key that the current line begins with; -1 if there is none. */
  #colon(): number {
    const text = this.#text;
    const first = text.charCodeAt(this.#start);
    let position = this.#start;
    if (first === DOUBLE_QUOTE || first === SINGLE_QUOTE) {
      const close = text.indexOf(first === DOUBLE_QUOTE ? '"' : "'", position + 1);
      if (close < 0 || close >= this.#end) return -1;
      position = close + 1;
      const isKey = text.charCodeAt(position) === COLON;
      return isKey && (position + 1 >= this.#end || text.charCodeAt(position + 1) === SPACE) ? position : -1;
    }
    for (; position < this.#end; position++) {
      const code = text.charCodeAt(position);
      if (code === COLON) {
        if (position + 1 >= this.#end || text.charCodeAt(position + 1) === SPACE) return position;
      } else if (!isKeyCharacter(code)) return -1;
    }
    return -1;
  }

  #key(colon: number): string {
    const key = this.#text.slice(this.#start, colon);
    const first = key.charCodeAt(0);
    if (first !== DOUBLE_QUOTE && first !== SINGLE_QUOTE) {
      if (key === '' || key === '<<' || key.endsWith(' ')) throw NOT_PLAIN;
      return key;
    }
    if (key.includes('\\') || key.includes("''")) throw NOT_PLAIN;
    return key.slice(1, -1);
  }

  #skipSpaces(position: number): number {
    let at = position;
    while (at < this.#end && this.#text.charCodeAt(at) === SPACE) at++;
    if (this.#text.charCodeAt(at) === TAB) throw NOT_PLAIN;
    return at;
  }
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB || code === CARRIAGE_RETURN || code === LINE_FEED;
}

/** The characters of keys that need no quotes. */
function isKeyCharacter(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x2d && code <= 0x39) || // - . / and digits
    code === 0x5f
  );
}
