import { absentOf, attestedDigest } from '../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isImageConfig, isNonDistributable, MEDIA_TYPE } from '../content/media-types.js';
import { DEFAULT_PLATFORM, formatPlatform, matchesPlatform, type Platform } from '../content/platform.js';
import { ContentError, isLadingError, LadingError } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import { keptAs } from '../manifest/artifact.js';
import { type ImageConfig, parseCarriedConfig } from '../manifest/config.js';
import { GraphBudget, type GraphLimits } from '../manifest/graph-budget.js';
import {
  type ImageIndex,
  type ImageManifest,
  type Manifest,
  parseManifest,
  successors,
} from '../manifest/manifest.js';
import { irregularities, type ManifestWarning, warningsOf } from '../manifest/warnings.js';
import type { Pool } from '../pool.js';
import { isRetryable, retrying } from '../retry.js';
import { isBlob, readContent } from '../store/read-content.js';
import type { Source } from '../store/store.js';
import { firstImage, rewritten, singleOfIndex } from './choose.js';
import type { ContentSource, ManifestTree, PlannedContent } from './tree.js';

/** What of a graph is read, and how. */
export interface GraphOptions extends GraphLimits {
  /** Only these platforms of an index; default all. */
  platforms?: readonly Platform[] | undefined;
  /**
   * What becomes of an index of which some platforms are chosen: `sparse` keeps its bytes, `rewrite` makes a
   * smaller one, `single` puts the first image that fits in its place.
   */
  index?: 'sparse' | 'rewrite' | 'single' | undefined;
  /** Where a foreign layer comes from that its source need not have; default: it stays where its `urls` point. */
  foreign?: ((source: Source, layer: Descriptor) => ContentSource) | undefined;
  retries?: number | undefined;
  /** Refuse documents that their schema does not allow; default: a warning says what is odd, and they are copied. */
  strict?: boolean | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/** What a manifest is read for. */
interface Context {
  /** The image's name. */
  label: string;
  depth: number;
  /** Of the image that it is a part of. */
  budget: GraphBudget;
  /** What its parent says of it. */
  platform: Platform | undefined;
  /** Platforms that are wanted; undefined where all are. */
  wanted: readonly Platform[] | undefined;
  /** What becomes of an index of which some platforms are chosen. */
  index: GraphOptions['index'];
  /** Children that the source leaves out on purpose. */
  absent: ReadonlySet<Digest>;
}

/** Reads graphs of manifests, each manifest once for all images of a run. */
export class GraphReader {
  readonly #pool: Pool;
  readonly #options: GraphOptions;
  readonly #manifests = new Map<Digest, Promise<{ bytes: Buffer; manifest: Manifest }>>();
  readonly #configs = new Map<Digest, Promise<Buffer>>();
  readonly #imageConfigs = new Map<Digest, Promise<ImageConfig>>();
  readonly #layers = new Map<Digest, Promise<Descriptor>>();

  constructor(pool: Pool, options: GraphOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /** The tree under `root`, with the chosen platforms; rejects with `NOT_FOUND` when the image has none of them. */
  async read(
    source: Source,
    root: Descriptor,
    label: string,
    index = this.#options.index,
  ): Promise<ManifestTree> {
    const { platforms } = this.#options;
    const wanted = platforms ?? (index === 'single' ? [DEFAULT_PLATFORM] : undefined);
    const tree =
      (await this.#readBlob(source, root)) ??
      (await this.#read(source, root, this.#contextOf(root, label, wanted, index)));
    if (tree !== undefined) {
      if (platforms !== undefined) this.#warnOfMissing(platforms, tree, label);
      return tree;
    }
    const whole = await this.readWhole(source, root, label);
    const first = platforms === undefined ? firstImage(whole) : undefined;
    if (first !== undefined)
      return { ...first, leftOut: whole.platforms.filter((platform) => !first.platforms.includes(platform)) };
    throw new LadingError(
      'NOT_FOUND',
      `${label} is not there for ${platforms?.map(formatPlatform).join(', ')}`,
      {
        hint: `It is there for ${whole.platforms.map(formatPlatform).join(', ') || 'no platform that it names'}.`,
      },
    );
  }

  /** Everything under `root`, whatever platforms were chosen: what is attached has none. */
  async readWhole(source: Source, root: Descriptor, label: string): Promise<ManifestTree> {
    const tree = await this.#read(source, root, this.#contextOf(root, label, undefined));
    if (tree === undefined) throw new Error('without a choice of platforms nothing is left out');
    return tree;
  }

  /** A root that is no manifest; undefined for one that is, and for what a registry calls otherwise. */
  async #readBlob(source: Source, root: Descriptor): Promise<ManifestTree | undefined> {
    if (!(await isBlob(source, root))) return undefined;
    const manifest = await this.#plannedBlob(source, root);
    return (
      manifest && { content: manifest, isBlob: true, children: [], blobs: [], absent: [], platforms: [] }
    );
  }

  async #read(source: Source, descriptor: Descriptor, context: Context): Promise<ManifestTree | undefined> {
    context.budget.takeDocument(descriptor);
    const { bytes, manifest } = await this.#manifest(source, descriptor, context.label);
    const content = { descriptor: plainDescriptor(descriptor), source, bytes, manifest };
    if ('manifests' in manifest) return this.#readIndex(source, content, manifest, context);

    const platforms = await this.#platformsOf(source, manifest, context);
    if (!isWanted(platforms, context.wanted)) return undefined;
    const { blobs, unsized } = successors(manifest);
    const layers = await Promise.all(unsized.map((digest) => this.#layer(source, digest)));
    const planned = [...blobs, ...layers].map((blob) => this.#plannedBlob(source, blob));
    const found = (await Promise.all(planned)).filter((blob) => blob !== undefined);
    const held = new Set(found.map(({ descriptor }) => descriptor.digest));
    const foreign = blobs.filter(({ digest }) => !held.has(digest));
    return { content: content, children: [], blobs: found, foreign, absent: [], platforms };
  }

  async #readIndex(
    source: Source,
    content: ManifestTree['content'],
    index: ImageIndex,
    context: Context,
  ): Promise<ManifestTree | undefined> {
    const { manifests, blobs } = successors(index);
    context.budget.take(content.descriptor.digest, context.depth, manifests.length);
    const children = await this.#readChildren(source, manifests, context);
    const kept = children.filter((tree) => tree !== undefined);
    if (context.wanted !== undefined && kept.length === 0) return undefined;

    const left = manifests.filter((_, place) => children[place] === undefined).map(({ digest }) => digest);
    const tree: ManifestTree = {
      content: content,
      children: kept,
      blobs: (await Promise.all(blobs.map((blob) => this.#plannedBlob(source, blob)))).filter(
        (blob) => blob !== undefined,
      ),
      absent: [...left, ...kept.flatMap(({ absent }) => absent)],
      platforms: kept.flatMap(({ platforms }) => platforms),
    };
    if (context.wanted === undefined) return tree;
    switch (context.index) {
      case 'single':
        return singleOfIndex(kept, manifests, children, {
          wanted: context.wanted,
          isChosen: this.#options.platforms !== undefined,
        });
      case 'rewrite':
        return rewritten(tree, manifests, children);
      case 'sparse':
      case undefined:
        return tree;
    }
  }

  /** In the order of the index; undefined where a child is left out: another platform, or an attestation of one. */
  async #readChildren(
    source: Source,
    children: readonly Descriptor[],
    context: Context,
  ): Promise<(ManifestTree | undefined)[]> {
    const read = (child: Descriptor, wanted: Context['wanted']): Promise<ManifestTree | undefined> =>
      this.#read(source, child, { ...context, wanted, depth: context.depth + 1, platform: child.platform });
    const present = children.filter(({ digest }) => !context.absent.has(digest));
    const { wanted } = context;

    const images = present.filter(
      (child) => wanted === undefined || (attestedDigest(child) === undefined && mayBeWanted(child, wanted)),
    );
    const trees = new Map<Descriptor, ManifestTree | undefined>();
    await Promise.all(images.map(async (child) => trees.set(child, await read(child, wanted))));
    const keptDigests = new Set<string>(
      [...trees].flatMap(([child, tree]) => (tree === undefined ? [] : [child.digest])),
    );
    const attestations = present.filter(
      (child) => !trees.has(child) && keptDigests.has(attestedDigest(child) ?? ''),
    );
    await Promise.all(attestations.map(async (child) => trees.set(child, await read(child, undefined))));
    return children.map((child) => trees.get(child));
  }

  async #platformsOf(
    source: Source,
    manifest: Manifest,
    { platform: offered, label, budget, index }: Context,
  ): Promise<Platform[]> {
    // A format with room for one image is particular about its config.
    const isJudged = this.#options.strict || (index === 'single' && offered !== undefined);
    if (isJudged) await this.#imageConfig(source, manifest, { label, budget });
    if (offered !== undefined) return offered.os === 'unknown' ? [] : [offered];
    if (manifest.format === 'docker-schema1')
      return [{ os: 'linux', architecture: manifest.architecture || 'amd64' }];
    const config = await this.#imageConfig(source, manifest, { label, budget });
    if (config === undefined) return [];
    const { os, architecture, variant, 'os.version': version, irregular } = config;
    if (architecture === '' && irregular !== undefined) return []; // it says nothing
    return [{ os, architecture, ...(variant && { variant }), ...(version && { 'os.version': version }) }];
  }

  /** Of an image; artifacts have configs that are none. */
  async #imageConfig(
    source: Source,
    manifest: Manifest,
    { label, budget }: Pick<Context, 'label' | 'budget'>,
  ): Promise<ImageConfig | undefined> {
    if (!('config' in manifest) || keptAs(manifest) !== undefined) return undefined;
    const { digest, mediaType } = manifest.config;
    if (!isImageConfig(mediaType)) return undefined;
    budget.takeDocument(manifest.config);
    return once(this.#imageConfigs, digest, async () => {
      const config = parseCarriedConfig(await this.#config(source, manifest), digest, { mediaType });
      this.#warn(irregularities(config), label, digest);
      return config;
    });
  }

  #manifest(
    source: Source,
    descriptor: Descriptor,
    label: string,
  ): Promise<{ bytes: Buffer; manifest: Manifest }> {
    return once(this.#manifests, descriptor.digest, async () => {
      const bytes = await this.#readContent(source, descriptor);
      const manifest = parseManifest(bytes, descriptor);
      this.#warn(warningsOf(manifest), label, descriptor.digest);
      return { bytes, manifest };
    });
  }

  /** What is odd is carried as it is; `strict` refuses what a schema does not allow. */
  #warn(warnings: readonly ManifestWarning[], label: string, digest: Digest): void {
    const where = label.includes(digest) ? label : `${label}: ${digest}`;
    for (const { code, message } of warnings) {
      if (this.#options.strict && code === 'IRREGULAR')
        throw new ContentError('INVALID_MANIFEST', `${where}: ${message}`);
      this.#options.onEvent?.({ type: 'warning', message: `${where}: ${message}` });
    }
  }

  #config(source: Source, { config }: ImageManifest): Promise<Buffer> {
    return once(this.#configs, config.digest, () => this.#readContent(source, config));
  }

  /** A schema1 manifest does not tell the sizes of its layers. */
  #layer(source: Source, digest: Digest): Promise<Descriptor> {
    return once(this.#layers, digest, async () => {
      const size = await this.#pool.run((signal) => source.sizeOf({ digest }, { signal }));
      if (size === undefined) throw new LadingError('NOT_FOUND', `${digest} is not in ${source.location}`);
      return { mediaType: MEDIA_TYPE.dockerLayerGzip, digest, size };
    });
  }

  async #readContent(source: Source, descriptor: Descriptor): Promise<Buffer> {
    // What is damaged on this machine's disk stays so.
    const isWorthRetrying = (error: unknown): boolean => !source.isLocal && isRetryable(error);
    try {
      return await this.#pool.run((signal) =>
        retrying(descriptor.digest, () => readContent(source, descriptor, { signal }), {
          ...this.#options,
          signal,
          isWorthRetrying,
        }),
      );
    } catch (error) {
      if (!isLadingError(error, 'NOT_FOUND')) throw error;
      throw new ContentError(
        'MISSING_CONTENT',
        `${descriptor.digest} is named by an image, but its source does not have it`,
        {
          cause: error,
          hint: 'The image is incomplete at its source. With --platform, children of other platforms are not needed.',
        },
      );
    }
  }

  #contextOf(
    root: Descriptor,
    label: string,
    wanted: readonly Platform[] | undefined,
    index?: GraphOptions['index'],
  ): Context {
    const budget = new GraphBudget(this.#options);
    const absent = new Set(absentOf(root));
    return { label, depth: 0, budget, platform: root.platform, wanted, index, absent };
  }

  /** Undefined for a foreign layer that stays where it is. */
  async #plannedBlob(source: Source, blob: Descriptor): Promise<PlannedContent | undefined> {
    // A size that lies is told before it is taken for the room that is needed.
    const size = source.isLocal ? await source.sizeOf(blob) : undefined;
    if (size !== undefined && size !== blob.size) throw otherSize(blob, size);
    const descriptor = plainDescriptor(blob);
    // What lies in an archive comes along, whatever it is.
    if (size !== undefined || !isForeign(blob))
      return { descriptor, source, bytes: await this.#configs.get(blob.digest) };
    const elsewhere = this.#options.foreign?.(source, blob);
    return elsewhere && { descriptor, source: elsewhere };
  }

  #warnOfMissing(wanted: readonly Platform[], { platforms }: ManifestTree, label: string): void {
    const missing = wanted.filter(
      (platform) => !platforms.some((offered) => matchesPlatform(platform, offered)),
    );
    if (missing.length === 0 || platforms.length === 0) return;
    const message = `${label} is not there for ${missing.map(formatPlatform).join(', ')}`;
    this.#options.onEvent?.({ type: 'warning', message });
  }
}

/** What failed is asked for again: another image may have it from another source. */
function once<T>(cache: Map<Digest, Promise<T>>, digest: Digest, make: () => Promise<T>): Promise<T> {
  const cached = cache.get(digest);
  if (cached !== undefined) return cached;
  const made = make();
  cache.set(digest, made);
  made.catch(() => cache.delete(digest));
  return made;
}

/** What has no platform (a chart, an SBOM) is wanted on all. */
function isWanted(platforms: readonly Platform[], wanted: readonly Platform[] | undefined): boolean {
  if (wanted === undefined || platforms.length === 0) return true;
  return platforms.some((offered) => wanted.some((platform) => matchesPlatform(platform, offered)));
}

/** A child without a platform has to be read: it is an index, or its config tells. */
function mayBeWanted({ platform }: Descriptor, wanted: readonly Platform[]): boolean {
  if (platform === undefined) return true;
  return wanted.some((candidate) => matchesPlatform(candidate, platform));
}

/** A foreign layer is where its `urls` point, and its registry need not have it. */
function isForeign({ mediaType, urls = [] }: Descriptor): boolean {
  return isNonDistributable(mediaType) && urls.length > 0;
}

function otherSize({ digest, size }: Descriptor, actual: number): ContentError {
  return new ContentError(
    'SIZE_MISMATCH',
    `${digest} has ${actual} bytes where it lies, its descriptor says ${size}`,
  );
}
