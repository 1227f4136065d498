/**
 * A document as a tree, whatever it was written in: YAML, JSON or a template. Each node knows where it stands in the
 * text, so that lines are computed only for what is found.
 */
export type Node = Scalar | Mapping | Sequence;

export interface Scalar {
  type: 'scalar';
  /** The value as text: numbers and booleans as they are written, null as the empty text. */
  text: string;
  /** Offset in the text of the document. */
  at: number;
  /** True for text that can only be a string: in quotes, or in a block. */
  isQuoted: boolean;
  /** True for a block (`|`, `>`): its first line is the one after `at`. */
  isBlock: boolean;
}

export interface Mapping {
  type: 'mapping';
  entries: Entry[];
  at: number;
}

export interface Entry {
  key: string;
  at: number;
  value: Node;
}

export interface Sequence {
  type: 'sequence';
  items: Node[];
  at: number;
}

export function scalarAt(
  text: string,
  at: number,
  { isQuoted = false, isBlock = false }: Partial<Pick<Scalar, 'isQuoted' | 'isBlock'>> = {},
): Scalar {
  return { type: 'scalar', text, at, isQuoted, isBlock };
}

/** Returns the value of a member; the last one if the key occurs several times. Looks into merged mappings (`<<`), too. */
export function memberOf(node: Node | undefined, key: string): Node | undefined {
  return memberBelow(node, key, 0);
}

/** Merges of merges are followed this far: anchors can make circles. */
const MAX_MERGES = 16;

function memberBelow(node: Node | undefined, key: string, depth: number): Node | undefined {
  if (node?.type !== 'mapping' || depth > MAX_MERGES) return undefined;
  const own = node.entries.findLast((entry) => entry.key === key);
  if (own !== undefined) return own.value;
  for (const { key: name, value } of node.entries) {
    if (name !== '<<') continue;
    for (const merged of value.type === 'sequence' ? value.items : [value]) {
      const found = memberBelow(merged, key, depth + 1);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Returns a member that is a text that is not empty. */
export function scalarOf(node: Node | undefined, key: string): Scalar | undefined {
  const member = memberOf(node, key);
  return member?.type === 'scalar' && member.text !== '' ? member : undefined;
}

export function textOf(node: Node | undefined, key: string): string | undefined {
  return scalarOf(node, key)?.text;
}

/** Returns the members of a mapping, and none of anything else. */
export function entriesOf(node: Node | undefined): readonly Entry[] {
  return node?.type === 'mapping' ? node.entries : [];
}

/** Returns the elements of a sequence, and none of anything else. */
export function itemsOf(node: Node | undefined): readonly Node[] {
  return node?.type === 'sequence' ? node.items : [];
}

/** Writes the path of a member in a document as people do: `spec.containers[0].image`. */
export function pathTo(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const isPlain = /^[A-Za-z_][\w-]*$/.test(key);
  if (!isPlain) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}
