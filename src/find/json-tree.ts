import { type Limits, tooDeep, tooManyValues } from './limits.js';
import { type Entry, type Node, scalarAt } from './node.js';

/** Reads JSON as a tree with positions; undefined if it is not JSON. Throws `Unreadable` beyond the limits. */
export function readJSONTree(text: string, limits: Limits): Node | undefined {
  try {
    const reader = new JSONReader(text, limits);
    const node = reader.value(0);
    reader.end();
    return node;
  } catch (error) {
    if (error === NOT_JSON) return undefined;
    throw error;
  }
}

const NOT_JSON = Symbol('not JSON');
const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;

class JSONReader {
  readonly #text: string;
  readonly #limits: Limits;
  #at = 0;
  #nodes = 0;

  constructor(text: string, limits: Limits) {
    this.#text = text;
    this.#limits = limits;
  }

  value(depth: number): Node {
    this.#space();
    const at = this.#at;
    if (++this.#nodes > this.#limits.maxNodes) throw tooManyValues(this.#limits.maxNodes, at);
    if (depth > this.#limits.maxDepth) throw tooDeep(this.#limits.maxDepth, at);
    const first = this.#text[at];
    if (first === '{') return this.#object(at, depth);
    if (first === '[') return this.#array(at, depth);
    if (first === '"') return scalarAt(this.#string(), at, { isQuoted: true });
    LITERAL.lastIndex = at;
    const [literal] = LITERAL.exec(this.#text) ?? [];
    if (literal === undefined) throw NOT_JSON;
    this.#at += literal.length;
    return scalarAt(literal === 'null' ? '' : literal, at);
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw NOT_JSON;
  }

  #object(at: number, depth: number): Node {
    const entries: Entry[] = [];
    this.#at++;
    if (!this.#takes('}')) {
      do {
        this.#space();
        const keyAt = this.#at;
        if (this.#text[keyAt] !== '"') throw NOT_JSON;
        const key = this.#string();
        if (!this.#takes(':')) throw NOT_JSON;
        entries.push({ key, at: keyAt, value: this.value(depth + 1) });
      } while (this.#takes(','));
      if (!this.#takes('}')) throw NOT_JSON;
    }
    return { type: 'mapping', entries, at };
  }

  #array(at: number, depth: number): Node {
    const items: Node[] = [];
    this.#at++;
    if (!this.#takes(']')) {
      do items.push(this.value(depth + 1));
      while (this.#takes(','));
      if (!this.#takes(']')) throw NOT_JSON;
    }
    return { type: 'sequence', items, at };
  }

  #string(): string {
    const start = this.#at;
    let close = start;
    do {
      close = this.#text.indexOf('"', close + 1);
      if (close < 0) throw NOT_JSON;
    } while (this.#isEscaped(close, start));
    this.#at = close + 1;
    const raw = this.#text.slice(start + 1, close);
    if (!raw.includes('\\')) return raw;
    try {
      return JSON.parse(`"${raw}"`);
    } catch {
      throw NOT_JSON;
    }
  }

  #isEscaped(position: number, start: number): boolean {
    let slashes = 0;
    while (position - slashes - 1 > start && this.#text[position - slashes - 1] === '\\') slashes++;
    return slashes % 2 === 1;
  }

  #takes(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }
}
