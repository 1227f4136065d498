import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import type { OpenContent, PushOptions, Store } from '../store.js';

/** What a run knows of the blobs of one registry: in which of its repositories each is, or will be soon. */
export interface KnownBlobs {
  where: Map<Digest, Promise<string | undefined>>;
  /** The repository that everything is copied from, where that is in the same registry. */
  origin: string | undefined;
  /** Blobs that were taken from another repository. */
  mounted: number;
}

export function createKnownBlobs(origin?: string): KnownBlobs {
  return { where: new Map(), origin, mounted: 0 };
}

/**
 * A repository that takes blobs from other repositories of its registry where this run has seen them: a blob
 * that several images share is sent once. While one repository receives it, the others wait for that.
 */
export function mountingStore(store: Store, repository: string, known: KnownBlobs): Store {
  async function push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    if (isManifest(descriptor.mediaType)) return store.push(descriptor, open, options);
    const { digest } = descriptor;
    const earlier = known.where.get(digest);
    const pushing = takeOrPush(earlier ?? Promise.resolve(known.origin), descriptor, open, options);
    // Set before anything is awaited, so that of two repositories one waits for the other. Whoever comes after
    // one that failed is sent where that one was sent.
    known.where.set(
      digest,
      pushing.then(
        () => repository,
        () => earlier,
      ),
    );
    return pushing;
  }

  async function takeOrPush(
    holder: Promise<string | undefined>,
    descriptor: Descriptor,
    open: OpenContent,
    options: PushOptions,
  ): Promise<void> {
    const from = await holder;
    if (from !== undefined && from !== repository && (await store.mount?.(descriptor, from, options)))
      known.mounted++;
    else await store.push(descriptor, open, options);
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
