import type { Finder } from '../finder.js';
import {
  entriesOf,
  itemsOf,
  type Mapping,
  memberOf,
  type Node,
  pathTo,
  type Scalar,
  scalarOf,
  textOf,
} from '../node.js';

/** Annotations that list the images of a chart: HIP-15, Bitnami and dt, Artifact Hub. */
const LISTS: ReadonlySet<string> = new Set(['helm.sh/images', 'images', 'artifacthub.io/images']);

/** True for a Chart.yaml. */
export function isChart(root: Mapping): boolean {
  return (
    /^v[12]$/.test(textOf(root, 'apiVersion') ?? '') &&
    textOf(root, 'kind') === undefined &&
    textOf(root, 'name') !== undefined &&
    textOf(root, 'version') !== undefined &&
    memberOf(root, 'metadata') === undefined
  );
}

/** Parses the text of an annotation: a document by itself. */
export type ParseNested = (value: Scalar) => { root: Node; finder: Finder } | undefined;

/** Finds the images that a chart says it has. What has a condition may not be used, so it is likely only. (Helm HIP-15) */
export function findInChart(finder: Finder, root: Mapping, parse: ParseNested): void {
  for (const { key, value } of entriesOf(memberOf(root, 'annotations'))) {
    if (!LISTS.has(key) || value.type !== 'scalar') continue;
    finder.done(value);
    const nested = parse(value);
    if (nested === undefined) {
      finder.problem(`the annotation ${key} is not a list`, value.at);
      continue;
    }
    for (const [place, item] of itemsOf(nested.root).entries()) {
      const image = item.type === 'scalar' ? item : scalarOf(item, 'image');
      if (image === undefined) continue;
      const isConditional = textOf(item, 'condition') !== undefined;
      nested.finder.certain(image, pathTo(pathTo('', place), 'image'), isConditional ? 'likely' : 'certain');
    }
  }
}
