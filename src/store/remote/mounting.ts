import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { delegate } from '../delegate.js';
import type { OpenContent, PushOptions, SignalOption, Store } from '../store.js';
import { has, type Wanted } from '../store.js';
import type { AskOptions, RemoteStore } from './remote.js';

/** Sending this many bytes takes no longer than a round trip on most connections. */
const MAX_BEGUN_BYTES = 128 * 1024;

/** Where a blob is, or will be soon. */
interface Whereabouts {
  repository: string;
  /** Resolves with true if the blob arrived there; one that failed is removed from what is known. */
  arrived: Promise<boolean>;
  /** True if this run put the blob there, false if it was found there. */
  isNew: boolean;
}

/** Number of blobs of a repository that were pushed without sending their bytes. */
export interface UnsentBlobs {
  /** Blobs that were mounted from another repository. */
  mounted: number;
  /** Blobs that turned out to be present after they could not be mounted. */
  present: number;
}

/** What a run knows about the blobs of one registry: which repository has each blob, or will have it soon. */
export interface KnownBlobs {
  where: Map<Digest, Whereabouts>;
  /** The repository that everything is copied from, if it is in the same registry. */
  origin: string | undefined;
  /** Counts by the repository that has the blobs now. */
  unsent: Map<string, UnsentBlobs>;
  /** True if the registry has mounted a blob, false if it has refused to; undefined if that is unknown. */
  mounts: boolean | undefined;
}

export function createKnownBlobs(origin?: string): KnownBlobs {
  return { where: new Map(), origin, unsent: new Map(), mounts: undefined };
}

/**
 * Wraps a repository so that it mounts blobs from other repositories of its registry where this run has seen them; a
 * blob that several images share is sent once. While one repository receives a blob, the others wait for it.
 */
export function mountingStore(store: RemoteStore, repository: string, known: KnownBlobs): Store {
  const unsent = known.unsent.get(repository) ?? { mounted: 0, present: 0 };
  known.unsent.set(repository, unsent);
  /** Blobs that `sizeOf` reported as missing without asking the registry. */
  const unasked = new Set<Digest>();
  /** Blobs that the registry would not mount, or failed to: the next attempt sends their bytes. */
  const notMounted = new Set<Digest>();

  async function push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    if (isManifest(descriptor.mediaType)) return store.push(descriptor, open, options);
    for (;;) {
      const elsewhere = known.where.get(descriptor.digest);
      if (elsewhere === undefined || elsewhere.repository === repository) break;
      if (await elsewhere.arrived) return takeOrPush(elsewhere.repository, descriptor, open, options);
    }
    // There is no await between the check and this call, so that of two repositories one waits for the other.
    return announce(descriptor, takeOrPush(known.origin, descriptor, open, options));
  }

  /** Lets other repositories wait for this push. If it fails, the next of them pushes the blob itself. */
  async function announce({ digest }: Descriptor, pushing: Promise<void>): Promise<void> {
    const arrived = pushing.then(
      () => true,
      () => {
        if (known.where.get(digest) === announced) known.where.delete(digest);
        return false;
      },
    );
    const announced: Whereabouts = { repository, arrived, isNew: true };
    known.where.set(digest, announced);
    return pushing;
  }

  async function takeOrPush(
    from: string | undefined,
    descriptor: Descriptor,
    open: OpenContent,
    options: PushOptions,
  ): Promise<void> {
    const { digest } = descriptor;
    if (from !== undefined && from !== repository && !notMounted.has(digest)) {
      // A retry repeats the whole push, without the mount, because the mount may be what fails each time.
      notMounted.add(digest);
      if (await mountOrAskNext(descriptor, from, options)) {
        unsent.mounted++;
        known.mounts ??= true;
        return;
      }
      known.mounts = false;
    }
    const { signal } = options;
    if (unasked.has(digest) && (await ask(descriptor, { signal, retries: 0 }))) unsent.present++;
    else await store.push(descriptor, open, options);
  }

  /** If a mount fails, perhaps only its response was lost: the next attempt checks whether the blob is present. */
  async function mountOrAskNext(
    descriptor: Descriptor,
    from: string,
    { signal }: SignalOption,
  ): Promise<boolean> {
    try {
      return await store.mount(descriptor, from, { signal, retries: 0 });
    } catch (error) {
      unasked.add(descriptor.digest);
      throw error;
    }
  }

  /**
   * A blob that this run had to send to another repository is probably missing here too, and mounting one that is
   * present does no harm. So it is reported as missing without a request, which saves a fifth of all requests if many
   * images share their layers.
   */
  async function sizeOf(content: Wanted, options?: SignalOption): Promise<number | undefined> {
    const { mediaType, digest, size } = content;
    if (mediaType === undefined || size === undefined) return store.sizeOf(content, options);
    const elsewhere = known.where.get(digest);
    if (!elsewhere?.isNew || elsewhere.repository === repository || known.mounts === false)
      return (await ask({ mediaType, digest, size }, options)) ? size : undefined;
    unasked.add(digest);
    return undefined;
  }

  async function ask(descriptor: Descriptor, options?: AskOptions): Promise<boolean> {
    if (isManifest(descriptor.mediaType)) return has(store, descriptor, options);
    const { digest } = descriptor;
    const isThere = (await begin(descriptor, options)) ?? (await has(store, descriptor, options));
    unasked.delete(digest);
    if (isThere) known.where.set(digest, { repository, arrived: Promise.resolve(true), isNew: false });
    return isThere;
  }

  /**
   * Begins the upload with a mount from the repository itself, at a registry that has mounted something before. Only
   * for small blobs, because a registry may not mount from the repository itself, and then a blob that it has is sent
   * again. Not for blobs that can be mounted from elsewhere, because nothing would finish their uploads.
   */
  async function begin(descriptor: Descriptor, options?: SignalOption): Promise<boolean | undefined> {
    const isElsewhere = known.origin !== undefined || known.where.has(descriptor.digest);
    if (isElsewhere || descriptor.size > MAX_BEGUN_BYTES || known.mounts !== true) return undefined;
    const isThere = await store.begin(descriptor, options);
    if (isThere === undefined) known.mounts = false;
    return isThere;
  }

  return delegate<Store>(store, { sizeOf, push });
}
