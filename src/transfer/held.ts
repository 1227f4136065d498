import { type Descriptor, plainDescriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { isLadingError } from '../errors.js';
import { MAX_CONFIG_BYTES } from '../manifest/limits.js';
import { delegate } from '../store/delegate.js';
import type { RemoteSource } from '../store/remote/remote-source.js';
import { has, type Source } from '../store/store.js';

/**
 * Wraps a repository so that manifests and configs are read from `held`, the output of an earlier run, if it has them.
 * A digest in `held` is not requested. A tag in `held` is checked with a HEAD request, which does not count towards a
 * registry's pull limit. Content is verified when it is read, and damaged content is fetched at the second attempt.
 */
export function preferringHeld(source: RemoteSource, held: Source): RemoteSource {
  /** Digests that were read from `held` before; a second attempt goes to the registry. */
  const tried = new Set<Digest>();
  return delegate(source, {
    async resolve(reference, options) {
      const isTag = !isDigest(reference);
      const known = await heldAs(held, isTag ? `${source.location}:${reference}` : reference);
      if (known === undefined || !(await has(held, known))) return source.resolve(reference, options);
      const isSame = !isTag || (await source.head(reference, options))?.digest === known.digest;
      return isSame ? plainDescriptor(known) : source.resolve(reference, options);
    },
    async fetch(descriptor, options) {
      const isFirst = !tried.has(descriptor.digest);
      if (isFirst && descriptor.size <= MAX_CONFIG_BYTES && (await has(held, descriptor))) {
        tried.add(descriptor.digest);
        return held.fetch(descriptor, options);
      }
      return source.fetch(descriptor, options);
    },
  });
}

/** Returns what the output has under a name or digest; undefined if it has nothing. */
async function heldAs(held: Source, reference: string): Promise<Descriptor | undefined> {
  try {
    return await held.resolve(reference);
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
