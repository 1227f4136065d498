import type { Descriptor } from '../content/descriptor.js';

/** A manifest that a walk has reached. */
export interface Step {
  descriptor: Descriptor;
  /** Number of indexes above it: 0 for the root. */
  depth: number;
  /** The index that names it; undefined for the root. */
  parent: Step | undefined;
}

/** What is below a manifest, as far as the walk should visit it. */
export interface Beneath<T> {
  manifests: readonly Descriptor[];
  /** Config, layers, blobs of an artifact, and children of an index that are not manifests. */
  blobs?: readonly Descriptor[];
  /** Returns more manifests to visit, chosen after the results of the first ones are known. */
  afterwards?(results: ReadonlyMap<Descriptor, T>): readonly Descriptor[];
}

/** What is done at each manifest and blob of a walk. */
export interface GraphVisitor<B extends Beneath<T>, T> {
  /** Reads the manifest and returns what is below it, or undefined if the walk should skip it. */
  enter(step: Step): Promise<B | undefined>;
  /** Called for each blob of a manifest that was entered, after its manifests. */
  blob?(descriptor: Descriptor, parent: Step): Promise<void>;
  /**
   * Called after everything below a manifest was visited, with the results of those of its manifests that returned one.
   */
  leave?(step: Step, beneath: B, results: ReadonlyMap<Descriptor, T>): Promise<T | undefined>;
}

/**
 * Walks the graph of manifests under `root`; every traversal of a graph uses this function. Siblings are visited
 * concurrently, or with `inTurn` one after the other, which preserves their order. A manifest that is named twice is
 * entered twice: visitors decide whether to read it again, and limit how far a graph may branch (`GraphBudget`).
 */
export async function walkGraph<B extends Beneath<T>, T>(
  root: Descriptor,
  visitor: GraphVisitor<B, T>,
  { inTurn = false }: { inTurn?: boolean } = {},
): Promise<T | undefined> {
  const each = async <I>(items: readonly I[], visit: (item: I) => Promise<void>): Promise<void> => {
    if (!inTurn) await Promise.all(items.map(visit));
    else for (const item of items) await visit(item);
  };
  const visit = async (step: Step): Promise<T | undefined> => {
    const beneath = await visitor.enter(step);
    if (beneath === undefined) return undefined;
    const results = new Map<Descriptor, T>();
    const visitChild = async (descriptor: Descriptor): Promise<void> => {
      const result = await visit({ descriptor, depth: step.depth + 1, parent: step });
      if (result !== undefined) results.set(descriptor, result);
    };
    await each(beneath.manifests, visitChild);
    await each(beneath.afterwards?.(results) ?? [], visitChild);
    await each(beneath.blobs ?? [], async (blob) => visitor.blob?.(blob, step));
    return visitor.leave?.(step, beneath, results);
  };
  return visit({ descriptor: root, depth: 0, parent: undefined });
}
