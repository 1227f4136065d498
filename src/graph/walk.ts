import type { Descriptor } from '../content/descriptor.js';

/** A manifest that a walk has come to. */
export interface Step {
  descriptor: Descriptor;
  /** How many indexes it stands in: 0 for the root. */
  depth: number;
  /** The index that names it; undefined for the root. */
  parent: Step | undefined;
}

/** What lies under a manifest, as far as the walk shall go there. */
export interface Beneath<T> {
  manifests: readonly Descriptor[];
  /** Config, layers, an artifact's blobs, and what an index names that is no manifest. */
  blobs?: readonly Descriptor[];
  /** More manifests, chosen when the results of the first ones are known. */
  afterwards?(results: ReadonlyMap<Descriptor, T>): readonly Descriptor[];
}

/** What a walk through the graph of an image is made for. */
export interface GraphVisitor<B extends Beneath<T>, T> {
  /** Reads the manifest and says what lies under it; undefined where the walk shall not enter it. */
  enter(step: Step): Promise<B | undefined>;
  /** Called for each blob of a manifest that was entered, after its manifests. */
  blob?(descriptor: Descriptor, parent: Step): Promise<void>;
  /** Called when all under a manifest was visited, with the results of those of its manifests that have one. */
  leave?(step: Step, beneath: B, results: ReadonlyMap<Descriptor, T>): Promise<T | undefined>;
}

/**
 * Goes through the manifests under `root`: the one way through a graph, whatever is done on it. Manifests beside each other
 * are visited at once, or `inTurn`, which keeps the order of what is found. A manifest that is named twice is entered twice:
 * whether to read it again, and how far an image may branch out, is the visitor's (`GraphBudget`).
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
