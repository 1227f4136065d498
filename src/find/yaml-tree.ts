import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Node as YAMLNode,
  Scalar as YAMLScalar,
} from 'yaml';
import { type Limits, tooDeep, tooManyValues, Unreadable } from './limits.js';
import { type Entry, type Node, scalarAt } from './node.js';

/**
 * Reads any one YAML document as a tree with positions. An alias gives the very node that it stands for, so that a
 * "billion laughs" needs no memory. Throws `Unreadable`.
 */
export function readYAMLTree(text: string, limits: Limits): Node {
  const document = parsed(text);
  const [problem] = document.errors;
  if (problem !== undefined)
    throw isStackOverflow(problem.message)
      ? new Unreadable('it is nested too deep')
      : new Unreadable(firstLine(problem.message), problem.pos[0]);
  return new TreeBuilder(limits).build(document.contents);
}

function parsed(text: string): ReturnType<typeof parseDocument> {
  try {
    return parseDocument(text, {
      // What repeats a key is read by most tools, and every image in it counts.
      uniqueKeys: false,
      strict: false,
      // Values stay as they are written: 1.10 is no number, and no `!tag` is an error.
      schema: 'failsafe',
      logLevel: 'silent',
      prettyErrors: false,
      stringKeys: false,
    });
  } catch (error) {
    // The parser is recursive.
    if (error instanceof RangeError) throw new Unreadable('it is nested too deep');
    throw error;
  }
}

/** The parser reports some of its own overflows as errors of the document. */
function isStackOverflow(message: string): boolean {
  return message.includes('call stack');
}

class TreeBuilder {
  readonly #limits: Limits;
  /** The nodes that anchors name. */
  readonly #anchors = new Map<string, Node>();
  #count = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  build(contents: unknown): Node {
    return this.#node(contents, 0, 0);
  }

  #node(node: unknown, depth: number, otherwiseAt: number): Node {
    const { maxNodes, maxDepth } = this.#limits;
    const at = placeOf(node) ?? otherwiseAt;
    if (++this.#count > maxNodes) throw tooManyValues(maxNodes, at);
    if (depth > maxDepth) throw tooDeep(maxDepth, at);
    if (isAlias(node)) {
      const named = this.#anchors.get(node.source);
      if (named === undefined) throw new Unreadable(`it has no anchor for the alias *${node.source}`, at);
      return named;
    }
    if (isMap(node)) {
      const entries: Entry[] = [];
      const mapping: Node = { type: 'mapping', entries, at };
      this.#name(node, mapping);
      for (const { key, value } of node.items) {
        const keyAt = placeOf(key) ?? at;
        const named = this.#node(key, depth + 1, keyAt);
        const own = isScalar(key) && typeof key.value === 'string' ? key.value : undefined;
        const name = own ?? (named.type === 'scalar' ? named.text : '');
        entries.push({ key: name, at: keyAt, value: this.#node(value, depth + 1, keyAt) });
      }
      return mapping;
    }
    if (isSeq(node)) {
      const items: Node[] = [];
      const sequence: Node = { type: 'sequence', items, at };
      this.#name(node, sequence);
      for (const item of node.items) items.push(this.#node(item, depth + 1, at));
      return sequence;
    }
    const scalar = isScalar(node) ? scalarOf(node, at) : scalarAt('', at);
    if (isScalar(node)) this.#name(node, scalar);
    return scalar;
  }

  #name({ anchor }: { anchor?: string }, node: Node): void {
    if (anchor !== undefined) this.#anchors.set(anchor, node);
  }
}

const NULLS: ReadonlySet<unknown> = new Set(['', 'null', '~', 'Null', 'NULL']);

function scalarOf({ value, type }: YAMLScalar, at: number): Node {
  const isBlock = type === YAMLScalar.BLOCK_LITERAL || type === YAMLScalar.BLOCK_FOLDED;
  const isQuoted = isBlock || type === YAMLScalar.QUOTE_DOUBLE || type === YAMLScalar.QUOTE_SINGLE;
  const isNull = !isQuoted && NULLS.has(value);
  return scalarAt(isNull || typeof value !== 'string' ? '' : value, at, { isQuoted, isBlock });
}

function placeOf(node: unknown): number | undefined {
  return (node as YAMLNode | null | undefined)?.range?.[0]; // every node of a parsed document has a range
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]?.replace(/ at line \d+.*$/, '') ?? '';
}
