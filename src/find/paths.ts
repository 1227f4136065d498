import { entriesOf, itemsOf, type Node, pathTo } from './node.js';

/** A value of a document with its path. */
export interface Located {
  node: Node;
  path: string;
}

/**
 * Returns the values at a path: `[]` stands for each element of a list, `*` for each member, `name*` and `*Name` for
 * members with such a name, and `**` for any number of levels (none, too). `visit` is called for
 * every value that `**` passes; it returns false to stay out of one.
 */
export function valuesAt(root: Located, path: string, visit: (node: Node) => boolean): Located[] {
  const steps = path.replaceAll('[]', '.[]').split('.');
  let current: Located[] = [root];
  for (const step of steps) {
    if (current.length === 0) return [];
    current =
      step === '**'
        ? current.flatMap((each) => [...below(each, visit)])
        : current.flatMap((each) => stepInto(each, step));
  }
  return current;
}

function stepInto({ node, path }: Located, step: string): Located[] {
  if (step === '[]') return itemsOf(node).map((item, place) => ({ node: item, path: pathTo(path, place) }));
  const isWanted = matcherOf(step);
  return entriesOf(node)
    .filter(({ key }) => isWanted(key))
    .map(({ key, value }) => ({ node: value, path: pathTo(path, key) }));
}

/** Deeper values are left to the walk, which has a limit. */
const MAX_DEPTH = 100;

function* below(located: Located, visit: (node: Node) => boolean, depth = 0): Generator<Located> {
  if (depth > MAX_DEPTH || !visit(located.node)) return;
  yield located;
  const { node, path } = located;
  for (const [place, item] of itemsOf(node).entries())
    yield* below({ node: item, path: pathTo(path, place) }, visit, depth + 1);
  for (const { key, value } of entriesOf(node))
    yield* below({ node: value, path: pathTo(path, key) }, visit, depth + 1);
}

function matcherOf(step: string): (key: string) => boolean {
  if (step === '*') return () => true;
  if (step.startsWith('*')) return (key) => key.endsWith(step.slice(1));
  if (step.endsWith('*')) return (key) => key.startsWith(step.slice(0, -1));
  return (key) => key === step;
}
