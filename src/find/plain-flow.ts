import { tooManyValues } from './limits.js';
import { type Entry, type Node, type Scalar, scalarAt } from './node.js';

/** Thrown for what is left to the `yaml` package. It is thrown often, so it is no error with a stack. */
export const NOT_PLAIN = Symbol('not plain');

const MAX_DEPTH = 32;
const NULLS: ReadonlySet<string> = new Set(['null', '~', 'Null', 'NULL']);
/** A plain scalar may not begin with these. */
const INDICATORS = '&*!|>%@`{}[],"\'#';

/** A plain scalar that is `null` is the empty text. */
export function plainScalar(text: string, at: number): Scalar {
  return scalarAt(NULLS.has(text) ? '' : text, at);
}

/** Throws if a plain scalar cannot begin like this. */
export function requirePlain(text: string): void {
  if (INDICATORS.includes(text[0] ?? '#') || /^[-?:](?: |$)/.test(text)) throw NOT_PLAIN;
}

/** Returns the text in quotes at `at`, and where it ends; both quotes are on one line. */
export function readQuoted(text: string, at: number, end: number): { scalar: Scalar; next: number } {
  const isDouble = text[at] === '"';
  const close = isDouble ? closingDouble(text, at) : closingSingle(text, at);
  if (close < 0 || close >= end) throw NOT_PLAIN;
  const raw = text.slice(at + 1, close);
  const value = isDouble ? unescaped(raw) : raw.replaceAll("''", "'");
  return { scalar: scalarAt(value, at, { isQuoted: true }), next: close + 1 };
}

function closingSingle(text: string, at: number): number {
  let close = text.indexOf("'", at + 1);
  while (close >= 0 && text[close + 1] === "'") close = text.indexOf("'", close + 2);
  return close;
}

function closingDouble(text: string, at: number): number {
  for (let close = text.indexOf('"', at + 1); close >= 0; close = text.indexOf('"', close + 1)) {
    let slashes = 0;
    while (text[close - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return close;
  }
  return -1;
}

/** The escapes of JSON mean the same in YAML, which has more. */
function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`);
  } catch {
    throw NOT_PLAIN;
  }
}

export interface FlowOptions {
  /** Where the line ends. */
  end: number;
  maxNodes: number;
  /** The values before it. */
  nodes: number;
}

/** Reads a flow collection that is on one line: `[a, "b"]`, `{a: b}`. Throws `NOT_PLAIN` for what is more. The `nodes` that it returns count those before. */
export function readFlow(
  text: string,
  at: number,
  { end, maxNodes, nodes }: FlowOptions,
): { node: Node; next: number; nodes: number } {
  const reader = new FlowReader(text, at, { end, maxNodes, nodes });
  return { node: reader.collection(0), next: reader.at, nodes: reader.nodes };
}

class FlowReader {
  readonly #text: string;
  readonly #end: number;
  readonly #maxNodes: number;
  at: number;
  nodes: number;

  constructor(text: string, at: number, { end, maxNodes, nodes }: FlowOptions) {
    this.nodes = nodes;
    this.#text = text;
    this.at = at;
    this.#end = end;
    this.#maxNodes = maxNodes;
  }

  collection(depth: number): Node {
    if (depth > MAX_DEPTH) throw NOT_PLAIN;
    const at = this.at;
    const isMapping = this.#text[at] === '{';
    const close = isMapping ? '}' : ']';
    const entries: Entry[] = [];
    const items: Node[] = [];
    this.at++;
    this.#space();
    if (this.#text[this.at] !== close || this.at >= this.#end) {
      for (;;) {
        if (isMapping) entries.push(this.#entry(depth));
        else items.push(this.#value(depth));
        this.#space();
        if (this.at >= this.#end) throw NOT_PLAIN;
        const mark = this.#text[this.at];
        if (mark === close) break;
        if (mark !== ',') throw NOT_PLAIN;
        this.at++;
        this.#space();
      }
    }
    this.at++;
    return isMapping ? { type: 'mapping', entries, at } : { type: 'sequence', items, at };
  }

  #entry(depth: number): Entry {
    const at = this.at;
    const key = this.#scalar();
    if (key.text === '' || key.text === '<<') throw NOT_PLAIN;
    // In JSON there may be no space behind the colon.
    if (this.#text[this.at] !== ':' || this.#text[this.at + 1] !== ' ') throw NOT_PLAIN;
    this.at++;
    this.#space();
    return { key: key.text, at, value: this.#value(depth) };
  }

  #value(depth: number): Node {
    if (++this.nodes > this.#maxNodes) throw tooManyValues(this.#maxNodes, this.at);
    const first = this.#text[this.at];
    if (this.at >= this.#end) throw NOT_PLAIN;
    if (first === '{' || first === '[') return this.collection(depth + 1);
    const scalar = this.#scalar();
    if (this.#text[this.at] === ':') throw NOT_PLAIN;
    return scalar;
  }

  #scalar(): Scalar {
    const text = this.#text;
    const start = this.at;
    if (text[start] === '"' || text[start] === "'") {
      const { scalar, next } = readQuoted(text, start, this.#end);
      this.at = next;
      return scalar;
    }
    let end = start;
    while (end < this.#end && !',[]{}'.includes(text[end] ?? ',')) {
      if (text[end] === ':' && ' ,[]{}'.includes(text[end + 1] ?? ' ')) break;
      if (text[end] === '#' || text[end] === '\t') throw NOT_PLAIN;
      end++;
    }
    const plain = text.slice(start, end).trimEnd();
    requirePlain(plain);
    if (text[end] === ':' && plain.length < end - start) throw NOT_PLAIN;
    this.at = end;
    return plainScalar(plain, start);
  }

  #space(): void {
    while (this.#text[this.at] === ' ') this.at++;
  }
}
