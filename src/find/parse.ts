import { readJSONTree } from './json-tree.js';
import { type Limits, Unreadable } from './limits.js';
import type { Node } from './node.js';
import { readPlainYAML } from './plain-yaml.js';
import { readYAMLTree } from './yaml-tree.js';

/** The `yaml` package needs 25 times the memory of the text. */
const MAX_OF_PACKAGE = 16 * 1024 * 1024;

/** Parses one document, by the fastest reader that can; several for JSON with one value a line. Throws `Unreadable`. */
export function parseTree(text: string, limits: Limits): Node[] {
  const first = /\S/.exec(text)?.[0];
  if (first === '{' || first === '[') {
    const json = readJSONTree(text, limits);
    if (json !== undefined) return [json];
    const lines = valuesByLine(text, limits);
    if (lines !== undefined) return lines;
  }
  const plain = readPlainYAML(text, limits);
  if (plain !== undefined) return [plain];
  if (text.length > MAX_OF_PACKAGE)
    throw new Unreadable(`it has ${text.length} characters of YAML in a form that takes too much memory`, 0);
  return [readYAMLTree(text, limits)];
}

function valuesByLine(text: string, limits: Limits): Node[] | undefined {
  const found: Node[] = [];
  let at = 0;
  for (const line of text.split('\n')) {
    if (line.trim() !== '') {
      const value = readJSONTree(line, limits);
      if (value === undefined) return undefined;
      found.push(moved(value, at));
    }
    at += line.length + 1;
  }
  return found.length === 0 ? undefined : found;
}

function moved(node: Node, by: number): Node {
  node.at += by;
  if (node.type === 'sequence') for (const item of node.items) moved(item, by);
  if (node.type === 'mapping')
    for (const entry of node.entries) {
      entry.at += by;
      moved(entry.value, by);
    }
  return node;
}
