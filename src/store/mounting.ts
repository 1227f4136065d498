import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isManifest } from '../content/media-types.js';
import type { Store } from './store.js';

/** What a run knows of the blobs of one registry: in which of its repositories each is, or will be soon. */
export interface KnownBlobs {
  where: Map<Digest, Promise<string | undefined>>;
  /** Blobs that were taken from another repository. */
  mounted: number;
}

export function createKnownBlobs(): KnownBlobs {
  return { where: new Map(), mounted: 0 };
}

/**
 * A repository that takes blobs from other repositories of its registry where this run has seen them: a blob
 * that several images share is sent once. While one repository receives it, the others wait for that.
 */
export function mountingStore(store: Store, repository: string, known: KnownBlobs): Store {
  async function push(
    descriptor: Descriptor,
    ...rest: [open: Parameters<Store['push']>[1], options?: Parameters<Store['push']>[2]]
  ): Promise<void> {
    const { digest, mediaType } = descriptor;
    if (isManifest(mediaType)) return store.push(descriptor, ...rest);
    const holder = await known.where.get(digest);
    if (
      holder !== undefined &&
      holder !== repository &&
      (await store.mount?.(descriptor, holder, { signal: rest[1]?.signal }))
    ) {
      known.mounted++;
      return;
    }
    const pushing = store.push(descriptor, ...rest);
    // One that fails sends nobody there; it is reported where it is awaited.
    known.where.set(
      digest,
      pushing.then(
        () => repository,
        () => undefined,
      ),
    );
    await pushing;
  }

  async function exists(
    descriptor: Descriptor,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    const isThere = await store.exists(descriptor, options);
    if (isThere && !isManifest(descriptor.mediaType))
      known.where.set(descriptor.digest, Promise.resolve(repository));
    return isThere;
  }

  return {
    resolve: (...call) => store.resolve(...call),
    resolveBlob: (...call) => store.resolveBlob(...call),
    fetch: (...call) => store.fetch(...call),
    references: (...call) => store.references(...call),
    referrers: (...call) => store.referrers(...call),
    tag: (...call) => store.tag(...call),
    close: () => store.close(),
    exists,
    push,
  };
}
