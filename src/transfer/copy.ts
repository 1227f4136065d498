import { Readable } from 'node:stream';
import type { Descriptor } from '../content/descriptor.js';
import { algorithmOf, type Digest } from '../content/digest.js';
import { askForNew } from '../content/verify.js';
import type { Region } from '../disk/region.js';
import { ContentError, isLadingError } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import type { PlannedContent } from '../graph/tree.js';
import { hashRegions } from '../hashing/hashing.js';
import { createPool, DEFAULT_CONCURRENCY, type Pool } from '../pool.js';
import { isRetryable, retrying } from '../retry.js';
import type { OpenContent, Store } from '../store/store.js';
import { hasAlready, pushTo } from './at-destination.js';
import { CompletedImages } from './completed-images.js';
import { namingImage } from './naming.js';
import type { Plan, PlannedImage } from './plan.js';
import { inRanges, type RangedContent } from './ranges/in-ranges.js';
import { Line } from './ranges/line.js';

export interface CopyOptions {
  /** Maximum number of blobs that are copied at the same time; default 8. */
  concurrency?: number | undefined;
  /** Attempts per blob after the first; default 5. */
  retries?: number | undefined;
  /** Continue with the other images if one fails; default: the first failure aborts the copy. */
  keepGoing?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
  /** Awaited when all content is copied, before the first name is set; it lets several copies finish together. */
  beforeNaming?: (() => Promise<void>) | undefined;
  /** Blobs that this run stored while it read the images; they count as fetched. */
  stored?: ReadonlySet<Digest> | undefined;
  /** Pool to share with other copies; default: a pool of its own, of size `concurrency`. */
  pool?: Pool | undefined;
  /** What the run knows about its connections, to share with other copies; default: its own. */
  line?: Line | undefined;
}

export interface CopyResult {
  blobs: { total: number; fetched: number; reused: number };
  bytes: { total: number; fetched: number };
  failures: { image: PlannedImage; error: unknown }[];
}

/**
 * Copies what was planned: first blobs, largest first; then manifests, children before parents; then names. An image is
 * named only after all of its content is copied.
 */
export async function copyGraph(
  plan: Plan,
  destination: Store,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const pool = options.pool ?? createPool(options.concurrency ?? DEFAULT_CONCURRENCY, options.signal);
  return new GraphCopy(plan, destination, options, pool).run();
}

/** Maximum size of content that counts as small. */
const SMALL_BYTES = 1024 * 1024;

class GraphCopy {
  readonly #plan: Plan;
  readonly #destination: Store;
  readonly #options: CopyOptions;
  readonly #pool: Pool;
  readonly #line: Line;
  readonly #failed = new Map<Digest, unknown>();
  /** Content that is pushed in this run: the destination lacks it, or lacks a part of it. */
  readonly #missing = new Set<Digest>();
  readonly #result: CopyResult;
  /** Only if somebody listens. */
  readonly #completed: CompletedImages | undefined;

  constructor(plan: Plan, destination: Store, options: CopyOptions, pool: Pool) {
    this.#plan = plan;
    this.#destination = destination;
    this.#options = options;
    this.#pool = pool;
    this.#line = options.line ?? new Line(pool);
    this.#completed = options.onEvent && new CompletedImages(plan);
    this.#result = {
      blobs: { total: plan.blobs.length, fetched: 0, reused: 0 },
      bytes: { total: plan.bytes, fetched: 0 },
      failures: [],
    };
  }

  async run(): Promise<CopyResult> {
    const { blobs, manifests, images } = this.#plan;
    const contents = [...blobs, ...manifests].map(({ descriptor }) => descriptor);
    await this.#destination.prepare?.(contents, { signal: this.#pool.signal });
    await this.#forEach(blobs, (blob) => this.#copyBlob(blob));
    for (const level of this.#plan.levels)
      await this.#forEach(level, (manifest) => this.#copyManifest(manifest));
    await this.#options.beforeNaming?.();
    await this.#restoreRemoved();
    try {
      for (const image of images) await this.#nameImage(image);
    } finally {
      // The names that were given lead to all of their content, even if another one could not be given.
      await this.#restoreRemoved();
    }
    this.#abandonRest();
    await this.#destination.commit?.();
    return this.#result;
  }

  /** Runs `copy` for all contents and waits for all of them, even after a failure, so that nothing is left running. */
  async #forEach(
    contents: readonly PlannedContent[],
    copy: (content: PlannedContent) => Promise<void>,
  ): Promise<void> {
    let failure: { error: unknown } | undefined;
    const runs = contents.map(async (content) => {
      try {
        // Small content of a registry costs a round trip rather than bandwidth; local content costs neither.
        const isFar = content.bytes === undefined && content.source.isLocal === false;
        const isSmall = this.#destination.isLocal && isFar && content.descriptor.size <= SMALL_BYTES;
        await (isSmall ? this.#pool.runSmall(() => copy(content)) : this.#pool.run(() => copy(content)));
      } catch (reason) {
        const error = this.#pool.signal.aborted
          ? reason
          : namingImage(reason, this.#namesOf(content.descriptor.digest));
        this.#destination.abandon?.(content.descriptor);
        this.#failed.set(content.descriptor.digest, error);
        if (this.#options.keepGoing && !this.#pool.signal.aborted) return;
        failure ??= { error };
        this.#pool.abort(error);
      }
    });
    await Promise.all(runs);
    if (failure !== undefined) throw failure.error;
  }

  async #copyBlob(content: PlannedContent): Promise<void> {
    const { descriptor } = content;
    const { signal } = this.#pool;
    if (this.#options.stored?.has(descriptor.digest)) {
      this.#countStored(content);
    } else if (await hasAlready(this.#destination, descriptor, { signal })) {
      this.#result.blobs.reused++;
      this.#options.onEvent?.({ type: 'skipped', descriptor });
    } else {
      this.#missing.add(descriptor.digest);
      await this.#transfer(content);
      this.#result.blobs[content.isReused ? 'reused' : 'fetched']++;
    }
    for (const name of this.#completed?.arrived(descriptor.digest) ?? [])
      this.#options.onEvent?.({ type: 'copied', name });
  }

  /** Counts what was stored before the copy began as if the copy had done it. */
  #countStored({ descriptor }: PlannedContent): void {
    const { onEvent } = this.#options;
    this.#missing.add(descriptor.digest);
    this.#result.blobs.fetched++;
    this.#result.bytes.fetched += descriptor.size;
    onEvent?.({ type: 'started', descriptor, name: this.#completed?.neededBy(descriptor.digest) });
    onEvent?.({ type: 'received', descriptor, bytes: descriptor.size, origin: 'fetched' });
    onEvent?.({ type: 'done', descriptor });
  }

  async #copyManifest(content: PlannedContent): Promise<void> {
    const { digest } = content.descriptor;
    const successors = this.#plan.successorsOf(digest);
    const failed = successors.find((successor) => this.#failed.has(successor));
    if (failed !== undefined) throw this.#failed.get(failed);
    // If a part was missing, the manifest is missing too, so there is no need to ask.
    const isNew = successors.some((successor) => this.#missing.has(successor));
    const { signal } = this.#pool;
    if (!isNew && (await hasAlready(this.#destination, content.descriptor, { signal })))
      return this.#link(content);
    this.#missing.add(digest);
    await this.#transfer(content);
  }

  /**
   * Makes a manifest that was there already findable from its subject. The search for the member's name only avoids needless
   * calls: the store parses the manifest.
   */
  async #link({ descriptor, bytes }: PlannedContent): Promise<void> {
    if (!bytes?.includes('"subject"')) return;
    const { onEvent, retries } = this.#options;
    const { signal } = this.#pool;
    const link = async () => this.#destination.link?.(descriptor, bytes, { signal });
    await retrying(descriptor.digest, link, { retries, signal, onEvent });
  }

  /** Copies one piece of content, with retries; each attempt resumes at the byte that the previous one reached. */
  async #transfer(content: PlannedContent): Promise<void> {
    const { descriptor, bytes } = content;
    const { onEvent, retries } = this.#options;
    const { signal } = this.#pool;
    const ranged = this.#inRanges(content);
    const open: OpenContent =
      bytes === undefined
        ? (ranged?.open ?? ((options) => content.source.fetch(descriptor, options)))
        : fromMemory(bytes);
    let received = 0;
    let isReported = false;
    const onBytes = (count: number, origin: 'kept' | 'fetched'): void => {
      // Bytes that an earlier attempt of this run left behind were already reported as fetched.
      if (origin === 'kept' && isReported) return;
      isReported = true;
      if (origin === 'fetched') received += count;
      if (origin === 'fetched' && !content.isReused) this.#result.bytes.fetched += count;
      onEvent?.({ type: 'received', descriptor, bytes: count, origin });
    };
    onEvent?.({ type: 'started', descriptor, name: this.#completed?.neededBy(descriptor.digest) });
    const region = mayHaveRegion(content) ? await content.source.region?.(descriptor) : undefined;
    let damage: ContentError | undefined;
    const push = async (): Promise<void> => {
      try {
        await pushTo(this.#destination, descriptor, open, { signal, onBytes, region });
      } catch (error) {
        if (isLadingError(error, 'DIGEST_MISMATCH')) ranged?.distrust();
        if (region !== undefined && isMismatch(error))
          damage = await this.#damageOf(descriptor, region, error);
        throw damage ?? error;
      }
    };
    // Damaged content on a local disk stays damaged, so sending it again is useless.
    const isWorthRetrying = (error: unknown): boolean => damage === undefined && isRetryable(error);
    await retrying(descriptor.digest, push, { retries, signal, onEvent, isWorthRetrying }, () => received);
    onEvent?.({ type: 'done', descriptor });
  }

  /** Returns content of a registry, which may come over several connections; undefined for other content. */
  #inRanges({ descriptor, source, bytes }: PlannedContent): RangedContent | undefined {
    if (bytes !== undefined || source.isLocal !== false) return undefined;
    const open: OpenContent = (options) => source.fetch(descriptor, options);
    const [registry = ''] = source.location?.split('/', 1) ?? [];
    return inRanges(open, descriptor, { line: this.#line, registry, onEvent: this.#options.onEvent });
  }

  /** Copies again what a collection of garbage has removed from the destination while this run relied on it. */
  async #restoreRemoved(): Promise<void> {
    const destination = this.#destination;
    if (destination.hold === undefined) return;
    const { blobs, levels, manifests, images } = this.#plan;
    const complete = images.filter(
      ({ contents }) => ![...contents].some((digest) => this.#failed.has(digest)),
    );
    const needed = new Set(complete.flatMap(({ contents }) => [...contents]));
    const below = new Set(manifests.flatMap(({ descriptor }) => this.#plan.successorsOf(descriptor.digest)));
    const contents = [...blobs, ...manifests].filter(({ descriptor }) => needed.has(descriptor.digest));
    const descriptors = contents.map(({ descriptor }) => descriptor);
    const roots = descriptors.filter(({ digest }) => !below.has(digest));
    const { signal } = this.#pool;
    for (;;) {
      const removed = await destination.hold(roots, descriptors, { signal });
      if (removed.length === 0) return;
      const digests = new Set(removed.map(({ digest }) => digest));
      for (const level of [blobs, ...levels]) {
        const again = level.filter(({ descriptor }) => digests.has(descriptor.digest));
        await Promise.all(again.map((content) => this.#pool.run(() => this.#transfer(content))));
      }
    }
  }

  async #nameImage(image: PlannedImage): Promise<void> {
    const failed = [...image.contents].find((digest) => this.#failed.has(digest));
    if (failed !== undefined) {
      const error = this.#failed.get(failed);
      this.#result.failures.push({ image, error });
      this.#options.onEvent?.({ type: 'failed', name: image.name, error });
      return;
    }
    for (const { name, descriptor } of image.names) {
      await this.#tag(descriptor, name);
      this.#options.onEvent?.({ type: 'tagged', name, descriptor });
    }
  }

  /** Gives a name; a manifest that a collection of garbage has just removed is copied again first. */
  async #tag(descriptor: Descriptor, name: string): Promise<void> {
    const destination = this.#destination;
    try {
      await destination.tag(descriptor, name);
    } catch (error) {
      if (destination.hold === undefined || !isLadingError(error, 'NOT_FOUND')) throw error;
      await this.#restoreRemoved();
      await destination.tag(descriptor, name);
    }
  }

  #namesOf(digest: Digest): string[] {
    return this.#plan.images.filter(({ contents }) => contents.has(digest)).map(({ name }) => name);
  }

  /** Returns the error for a mismatch if the bytes on the disk are wrong, or undefined if they changed in transit. */
  async #damageOf(descriptor: Descriptor, region: Region, cause: unknown): Promise<ContentError | undefined> {
    const { digest } = descriptor;
    const algorithm = algorithmOf(digest);
    let isWhole = false;
    await hashRegions([{ region, algorithm }], (_, { hex }) => {
      isWhole = `${algorithm}:${hex}` === digest;
    });
    if (isWhole) return undefined;
    const names = this.#namesOf(digest);
    const others = names.length > 1 ? ` and ${names.length - 1} more` : '';
    return new ContentError(
      'DIGEST_MISMATCH',
      `${digest} is damaged in ${region.path}; it is needed by ${names[0]}${others}`,
      {
        cause,
        ...askForNew(names[0] ?? digest),
      },
    );
  }

  /** Removes content that only failed images need; if no image is left, throws the first failure. */
  #abandonRest(): void {
    const { failures } = this.#result;
    const [first] = failures;
    if (first === undefined) return;
    const failed = new Set(failures.map(({ image }) => image));
    const complete = this.#plan.images.filter((image) => !failed.has(image));
    if (complete.length === 0) throw first.error;
    const needed = new Set(complete.flatMap(({ contents }) => [...contents]));
    for (const { descriptor } of [...this.#plan.blobs, ...this.#plan.manifests])
      if (!needed.has(descriptor.digest)) this.#destination.abandon?.(descriptor);
  }
}

/** False for content in memory, and for what is reused from the output: its first read may turn out damaged. */
function mayHaveRegion({ bytes, isReused }: PlannedContent): boolean {
  return bytes === undefined && isReused !== true;
}

function isMismatch(error: unknown): boolean {
  return isLadingError(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH', 'CUT_SHORT');
}

/** Opens content that was read before. */
export function fromMemory(bytes: Buffer): OpenContent {
  return async ({ start = 0 } = {}) => Readable.from([bytes.subarray(start)], { objectMode: false });
}
