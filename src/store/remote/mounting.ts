import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { delegate } from '../delegate.js';
import type { OpenContent, PushOptions, SignalOption, Store } from '../store.js';
import { has, type Wanted } from '../store.js';
import type { AskOptions, RemoteStore } from './remote.js';

/** Sending so little takes no longer than a round trip over most lines. */
const MAX_BEGUN_BYTES = 128 * 1024;

/** Where a blob is, or will be soon. */
interface Whereabouts {
  repository: string;
  /** Whether it came there; one that failed is not among what is known any more. */
  arrived: Promise<boolean>;
  /** Whether this run put it there, rather than finding it. */
  isNew: boolean;
}

/** Blobs of a repository that were pushed without a byte being sent. */
export interface UnsentBlobs {
  /** Taken from another repository. */
  mounted: number;
  /** Found to be there when they were not to be had from another. */
  present: number;
}

/** What a run knows of the blobs of one registry: in which of its repositories each is, or will be soon. */
export interface KnownBlobs {
  where: Map<Digest, Whereabouts>;
  /** The repository that everything is copied from, where that is in the same registry. */
  origin: string | undefined;
  /** By the repository they are in now. */
  unsent: Map<string, UnsentBlobs>;
  /** Whether the registry takes blobs from its other repositories, as far as it has shown. */
  mounts: boolean | undefined;
}

export function createKnownBlobs(origin?: string): KnownBlobs {
  return { where: new Map(), origin, unsent: new Map(), mounts: undefined };
}

/**
 * A repository that takes blobs from other repositories of its registry where this run has seen them: a blob
 * that several images share is sent once. While one repository receives it, the others wait for that.
 */
export function mountingStore(store: RemoteStore, repository: string, known: KnownBlobs): Store {
  const unsent = known.unsent.get(repository) ?? { mounted: 0, present: 0 };
  known.unsent.set(repository, unsent);
  /** Blobs that were said to be missing here without asking. */
  const unasked = new Set<Digest>();
  /** Blobs whose bytes the registry wanted: another try to send them goes on with the first. */
  const notMounted = new Set<Digest>();

  async function push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    if (isManifest(descriptor.mediaType)) return store.push(descriptor, open, options);
    for (;;) {
      const elsewhere = known.where.get(descriptor.digest);
      if (elsewhere === undefined || elsewhere.repository === repository) break;
      if (await elsewhere.arrived) return takeOrPush(elsewhere.repository, descriptor, open, options);
    }
    // Nothing is awaited between the look and this, so that of two repositories one waits for the other.
    return announce(descriptor, takeOrPush(known.origin, descriptor, open, options));
  }

  /** Others wait for what comes here; of those who waited for one that failed, the next is the first again. */
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
      // The whole push is repeated where something passes, nothing within it: and then without the mount, which may be
      // what fails each time.
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

  /** Of a mount that failed, only the answer may have been lost: the next try looks whether the blob is there. */
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
   * What this run had to send to another repository will be missing here too, and a mount does no harm where it is
   * not: a question for each would be a fifth of all requests where many images share their layers.
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
   * Only where a registry that mounts would say so; that one may not from the repository itself costs few bytes. What
   * is to be mounted from elsewhere is not begun: nobody would end it.
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
