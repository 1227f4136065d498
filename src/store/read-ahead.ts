import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isLadingError } from '../errors.js';
import type { ManifestGraph } from './manifest-graph.js';
import { endsSearch } from './repository-contents.js';

/** Manifests that are read at a time; each may have 4 MiB. */
const AT_ONCE = 32;

/**
 * Reads the manifests that a search from these will read, and what is attached to them, many at a time, so that the graph
 * knows them. What cannot be read is left to the search, unless nothing can be.
 */
export async function readAhead(
  roots: readonly Descriptor[],
  graph: Pick<ManifestGraph, 'linksOf'>,
  referrersOf: (subject: Descriptor) => AsyncIterable<Descriptor>,
): Promise<void> {
  const seen = new Set<Digest>();
  let level = roots;
  while (level.length > 0) {
    const next: Descriptor[] = [];
    const look = async (descriptor: Descriptor): Promise<void> => {
      try {
        next.push(...(await graph.linksOf(descriptor)).manifests);
        for await (const referrer of referrersOf(descriptor)) next.push(referrer);
      } catch (error) {
        if (!isLadingError(error) || endsSearch(error)) throw error;
      }
    };
    for (let start = 0; start < level.length; start += AT_ONCE)
      await Promise.all(level.slice(start, start + AT_ONCE).map(look));
    level = next.filter(({ digest }) => !seen.has(digest) && seen.add(digest));
  }
}
