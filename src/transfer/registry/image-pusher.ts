import { setTimeout as delay } from 'node:timers/promises';
import type { Descriptor } from '../../content/descriptor.js';
import { formatReference, type Reference } from '../../content/reference.js';
import { ContentError } from '../../errors.js';
import type { PlannedContent } from '../../graph/tree.js';
import { createPool, DEFAULT_CONCURRENCY, type Pool } from '../../pool.js';
import type { RegistryClient } from '../../registry/client.js';
import { delayBefore } from '../../retry.js';
import { createKnownBlobs, type KnownBlobs, mountingStore } from '../../store/remote/mounting.js';
import { createRemoteStore, type RemoteStoreOptions } from '../../store/remote/remote.js';
import type { Store } from '../../store/store.js';
import { has } from '../../store/store.js';
import { type CopyOptions, type CopyResult, copyGraph } from '../copy.js';
import type { Survey, WriteResult } from '../destination.js';
import { namingImage } from '../naming.js';
import { assemblePlan, type Plan } from '../plan.js';
import { Line } from '../ranges/line.js';
import { type HeadStartStore, headStartStore } from './head-start.js';
import type { ImageToPush } from './registry-names.js';
import { surveyRepositories } from './survey.js';
import { requireFreeTags, resolveOrUndefined, warnOfMovedAttachments } from './tags.js';

export interface PushImagesOptions extends Omit<CopyOptions, 'beforeNaming' | 'pool'>, RemoteStoreOptions {
  /** Refuse to move an existing tag that names something else; default false. */
  noClobber?: boolean | undefined;
  /** The repository of the same registry that the images come from. */
  origin?: string | undefined;
}

/** What a repository gets. */
export interface RepositoryPush {
  plan: Plan;
  store: HeadStartStore;
  group: readonly ImageToPush[];
  repository: string;
}

/** Pushes images into the repositories of a registry: only what is missing, and each blob once for all of them. */
export class ImagePusher {
  readonly #client: RegistryClient;
  readonly #options: PushImagesOptions;
  readonly #known: KnownBlobs;
  readonly #pool: Pool;
  readonly #line: Line;
  readonly #stores = new Map<string, HeadStartStore>();

  constructor(client: RegistryClient, options: PushImagesOptions) {
    this.#client = client;
    this.#options = options;
    this.#known = createKnownBlobs(options.origin);
    this.#pool = createPool(options.concurrency ?? DEFAULT_CONCURRENCY, options.signal);
    this.#line = new Line(this.#pool);
  }

  /**
   * Starts to send a blob of an image that will be passed to `push`. Does nothing with `noClobber`: then nothing may be
   * sent until the tags are known to be free or to name the same image, which requires the whole image.
   */
  begin(blob: PlannedContent, destination: Reference): void {
    if (!this.#options.noClobber) this.#storeFor(destination).begin(blob);
  }

  /**
   * Pushes the images. Tags are set when all content of all images is pushed; then each image is requested from the
   * registry by its digest, to confirm that it arrived.
   */
  async push(images: readonly ImageToPush[]): Promise<WriteResult> {
    const options = this.#options;
    const pool = this.#pool;
    const pushes = await this.#checked(images);

    const barrier = createBarrier(pushes.length);
    const results = await Promise.allSettled(
      pushes.map(async ({ plan, store }) => {
        try {
          return await copyGraph(plan, store, {
            ...options,
            pool,
            line: this.#line,
            beforeNaming: () => barrier.arrive(),
          });
        } catch (error) {
          barrier.fail(error, options.keepGoing === true);
          throw error;
        }
      }),
    );
    const rejected = results.find((result) => result.status === 'rejected');
    // The first failure aborts the pushes to all repositories, so the first rejected result may be a consequence of
    // another one.
    if (rejected !== undefined && !options.keepGoing)
      throw pool.signal.aborted ? pool.signal.reason : (barrier.failure() ?? rejected.reason);
    const summary = summarize(pushes, results, this.#known);
    if (summary.images.length === 0 && summary.failures[0] !== undefined) throw summary.failures[0].error;
    await Promise.all(pushes.map(({ store, group }) => prove(store, group, summary, pool)));
    return summary;
  }

  /** Asks the registry what `push` would send; rejects as `push` does if a tag may not move. */
  async survey(images: readonly ImageToPush[]): Promise<Survey<ImageToPush>> {
    return surveyRepositories(await this.#checked(images), this.#pool);
  }

  /** Returns what each repository gets, after its tags were checked. */
  async #checked(images: readonly ImageToPush[]): Promise<RepositoryPush[]> {
    const options = this.#options;
    const pushes = byRepository(images).map(({ destination, group }) => ({
      plan: planOf(group),
      store: this.#storeFor(destination),
      group,
      repository: destination.repository,
    }));
    reportTotals(
      pushes.map(({ plan }) => plan),
      options,
    );
    for (const { store, group } of pushes) {
      if (options.noClobber) await requireFreeTags(store, group, this.#pool);
      else await warnOfMovedAttachments(store, group, this.#pool, options);
    }
    return pushes;
  }

  /** Aborts everything that is running, and waits until it has ended. */
  async close(): Promise<void> {
    this.#pool.abort(new DOMException('what is pushed is not needed any more', 'AbortError'));
    await Promise.all([...this.#stores.values()].map((store) => store.settled()));
  }

  #storeFor({ registry, repository }: Reference): HeadStartStore {
    const held = this.#stores.get(repository);
    if (held !== undefined) return held;
    const remote = createRemoteStore(this.#client, { registry, repository }, this.#options);
    const store = headStartStore(mountingStore(remote, repository, this.#known), this.#pool);
    this.#stores.set(repository, store);
    return store;
  }
}

function byRepository(images: readonly ImageToPush[]): { destination: Reference; group: ImageToPush[] }[] {
  const groups = new Map<string, { destination: Reference; group: ImageToPush[] }>();
  for (const image of images) {
    const { destination } = image;
    const held = groups.get(destination.repository);
    if (held === undefined) groups.set(destination.repository, { destination, group: [image] });
    else held.group.push(image);
  }
  return [...groups.values()];
}

/** In a repository an image is named by its tag; without a tag, only by its digest. */
function planOf(group: readonly ImageToPush[]): Plan {
  const plan = assemblePlan(group.map(({ image }) => image));
  const images = plan.images.map((image, place) => {
    const tag = group[place]?.destination.tag;
    const [, ...attached] = image.names;
    const tags = attached.map(({ name, descriptor }) => ({
      name: name.slice(name.lastIndexOf(':') + 1),
      descriptor,
    }));
    return {
      ...image,
      names: [...(tag === undefined ? [] : [{ name: tag, descriptor: image.root }]), ...tags],
    };
  });
  return { ...plan, images };
}

function reportTotals(plans: readonly Plan[], { onEvent }: PushImagesOptions): void {
  const sizes = new Map<string, number>();
  for (const plan of plans) {
    for (const { descriptor } of [...plan.blobs, ...plan.manifests])
      sizes.set(descriptor.digest, descriptor.size);
  }
  onEvent?.({
    type: 'planned',
    images: plans.reduce((sum, { images }) => sum + images.length, 0),
    blobs: new Set(plans.flatMap(({ blobs }) => blobs.map(({ descriptor }) => descriptor.digest))).size,
    bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  });
}

/** Verifies that the registry has the root of each pushed image under its digest. */
async function prove(
  store: Store,
  group: readonly ImageToPush[],
  { images }: WriteResult,
  pool: Pool,
): Promise<void> {
  const pushed = new Set(images.map(({ written }) => written));
  await Promise.all(
    group.map(async ({ image, destination }) => {
      const { descriptor } = image.tree.content;
      if (!pushed.has(nameAt(destination, descriptor))) return;
      if (await arrived(store, descriptor, image.name, pool)) return;
      throw new ContentError(
        'MISSING_CONTENT',
        `${formatReference(destination)} was pushed, but the registry does not have ${descriptor.digest}`,
        {
          hint: 'Something between here and the registry loses content; ask its owner.',
        },
      );
    }),
  );
}

/** How often to look: some registries show new content only after a moment, and some only to GET. */
const LOOKS = 4;

async function arrived(store: Store, descriptor: Descriptor, name: string, pool: Pool): Promise<boolean> {
  try {
    for (let look = 1; ; look += 1) {
      if (await pool.runSmall((signal) => has(store, descriptor, { signal }))) return true;
      if ((await resolveOrUndefined(store, descriptor.digest, pool)) !== undefined) return true;
      if (look === LOOKS) return false;
      await delay(delayBefore(look, undefined), undefined, { signal: pool.signal });
    }
  } catch (error) {
    throw namingImage(error, [name]);
  }
}

/** Returns the name of an image in its registry, with its tag or else its digest. */
export function nameAt({ registry, repository, tag }: Reference, { digest }: Descriptor): string {
  return formatReference({ registry, repository, ...(tag === undefined ? { digest } : { tag }) });
}

function summarize(
  pushes: readonly RepositoryPush[],
  results: readonly PromiseSettledResult<CopyResult>[],
  known: KnownBlobs,
): WriteResult {
  const summary: WriteResult = {
    images: [],
    kept: [],
    blobs: { total: 0, sent: 0, mounted: 0, present: 0 },
    bytes: { total: 0, sent: 0 },
    failures: [],
  };
  for (const [place, { plan, group, repository }] of pushes.entries()) {
    const result = results[place];
    summary.blobs.total += plan.blobs.length;
    if (result?.status !== 'fulfilled') {
      for (const { image } of group) summary.failures.push({ name: image.name, error: result?.reason });
      continue;
    }
    const { blobs, bytes, failures } = result.value;
    const { mounted, present } = known.unsent.get(repository) ?? { mounted: 0, present: 0 };
    summary.blobs.sent += blobs.fetched - mounted - present;
    summary.blobs.mounted += mounted;
    summary.blobs.present += blobs.reused + present;
    summary.bytes.total += bytes.total;
    summary.bytes.sent += bytes.fetched;
    const failed = new Map(failures.map(({ image, error }) => [image, error]));
    for (const [index, planned] of plan.images.entries()) {
      const destination = group[index]?.destination;
      if (destination === undefined) continue;
      if (failed.has(planned)) summary.failures.push({ name: planned.name, error: failed.get(planned) });
      else
        summary.images.push({
          name: planned.name,
          written: nameAt(destination, planned.root),
          digest: planned.root.digest,
          planned,
        });
    }
  }
  return summary;
}

/** A barrier that opens when all parties have arrived, or breaks at the first failure. */
function createBarrier(parties: number): {
  arrive(): Promise<void>;
  fail(error: unknown, goOn: boolean): void;
  failure(): unknown;
} {
  let waiting = parties;
  let failure: { error: unknown } | undefined;
  let open = (): void => undefined;
  let breakWith = (_: unknown): void => undefined;
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    breakWith = reject;
  });
  opened.catch(() => undefined); // avoids an unhandled rejection if nobody waits
  const arrived = (): void => {
    waiting--;
    if (waiting <= 0) open();
  };
  return {
    arrive() {
      arrived();
      return opened;
    },
    fail(error, goOn) {
      failure ??= { error };
      if (goOn) arrived();
      else breakWith(error);
    },
    failure: () => failure?.error,
  };
}
