import { interpolated, type Values } from './interpolate.js';
import { entriesOf, itemsOf, memberOf, type Node, textOf } from './node.js';

/** Values of variables and parameters, by name. */
export type Variables = ReadonlyMap<string, string>;

const PARAMETER_LISTS: ReadonlySet<string> = new Set(['params', 'parameters']);

/**
 * Returns the parameters that a document gives values to: those of tasks of Tekton, workflows of Argo and templates of
 * OpenShift.
 */
export function parametersOf(root: Node, visit: (node: Node) => unknown): Variables {
  const found = new Map<string, string>();
  const look = (node: Node, key: string, depth: number): void => {
    visit(node);
    if (depth > MAX_DEPTH) return;
    for (const item of itemsOf(node)) {
      if (PARAMETER_LISTS.has(key)) {
        const name = textOf(item, 'name');
        const value = textOf(item, 'value') ?? textOf(item, 'default');
        if (name !== undefined && value !== undefined && !found.has(name)) found.set(name, value);
      }
      look(item, key, depth + 1);
    }
    for (const entry of entriesOf(node)) look(entry.value, entry.key, depth + 1);
  };
  look(root, '', 0);
  return found;
}

const MAX_DEPTH = 100;

/** Returns the variables of a container that have a value of their own. */
export function environmentOf(container: Node): Variables | undefined {
  const env = memberOf(container, 'env');
  if (env?.type !== 'sequence') return undefined;
  const found = new Map<string, string>();
  for (const item of env.items) {
    const [name, value] = [textOf(item, 'name'), textOf(item, 'value')];
    if (name !== undefined && value !== undefined) found.set(name, value);
  }
  return found.size === 0 ? undefined : found;
}

/** `$(params.image)`, `$(VAR)`, `{{inputs.parameters.image}}`: the last part is the name. */
const REFERENCE =
  /\$\((?:[\w.-]+\.)?([\w-]+)\)|\{\{-?\s*(?:inputs|workflow|parameters|params)[\w.]*\.([\w-]+)\s*-?\}\}/g;

/** Fills in what is known; the rest stays. Of several scopes, the innermost is last. */
export function filledIn(text: string, scopes: readonly Variables[]): string {
  if (!/\$|\{\{/.test(text)) return text;
  const variables: Values = {
    get: (name) => {
      const value = scopes.findLast((scope) => scope.has(name))?.get(name);
      // What is longer than any name is no part of one.
      return value !== undefined && value.length > MAX_LENGTH ? undefined : value;
    },
  };
  let filled = text;
  // Values may name other variables.
  for (let round = 0; round < MAX_ROUNDS && filled.length < MAX_LENGTH; round++) {
    const before = filled;
    filled = filled.replace(
      REFERENCE,
      (whole, name: string | undefined, inner: string | undefined) =>
        variables.get(name ?? inner ?? '') ?? whole,
    );
    filled = interpolated(filled, variables);
    if (filled === before) break;
  }
  return filled;
}

const MAX_ROUNDS = 4;
const MAX_LENGTH = 4096;
