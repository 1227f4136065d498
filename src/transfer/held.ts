import { type Descriptor, plainDescriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { isLadingError } from '../errors.js';
import { MAX_CONFIG_BYTES } from '../manifest/limits.js';
import { delegate } from '../store/delegate.js';
import type { RemoteSource } from '../store/remote/remote-source.js';
import { has, type Source } from '../store/store.js';

/**
 * A repository of which some images may be in `held` already, the output of an earlier run. A digest that it has is not asked
 * for. A tag that it has is asked for with HEAD, which costs nothing of a registry's limit of pulls; where that tells the same
 * digest, manifests and configs are read from `held`. They are verified when they are read: what is damaged is fetched at the
 * second try.
 */
export function preferringHeld(source: RemoteSource, held: Source): RemoteSource {
  /** What is read from `held` once. */
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

/** What the output has under a name or digest. */
async function heldAs(held: Source, reference: string): Promise<Descriptor | undefined> {
  try {
    return await held.resolve(reference);
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
