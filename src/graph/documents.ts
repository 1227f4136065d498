import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isImageConfig, MEDIA_TYPE } from '../content/media-types.js';
import { ContentError, isLadingError, LadingError } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import { keptAs } from '../manifest/artifact.js';
import { type ImageConfig, parseCarriedConfig } from '../manifest/config.js';
import type { GraphBudget } from '../manifest/graph-budget.js';
import { type ImageManifest, type Manifest, parseManifest } from '../manifest/manifest.js';
import { irregularities, type ManifestWarning, warningsOf } from '../manifest/warnings.js';
import type { Pool } from '../pool.js';
import { isRetryable, retrying } from '../retry.js';
import { readContent } from '../store/read-content.js';
import type { Source } from '../store/store.js';

/** How documents are read. */
export interface DocumentOptions {
  retries?: number | undefined;
  /**
   * Refuse documents that violate their schema; by default they are copied, with a warning that says what is irregular.
   */
  strict?: boolean | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/** What a config says of its image's platform, and whether that can be relied on. */
export type ConfigPlatform = Pick<
  ImageConfig,
  'os' | 'architecture' | 'variant' | 'os.version' | 'irregular'
>;

/** The manifests and configs of all images of a run; each is read and parsed once. */
export class Documents {
  readonly #pool: Pool;
  readonly #options: DocumentOptions;
  readonly #manifests = new Map<Digest, Promise<{ bytes: Buffer; manifest: Manifest }>>();
  readonly #configs = new Map<Digest, Promise<Buffer>>();
  readonly #platforms = new Map<Digest, Promise<ConfigPlatform>>();
  readonly #layers = new Map<Digest, Promise<Descriptor>>();

  constructor(pool: Pool, options: DocumentOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  manifest(
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

  /**
   * Reads the config of an image, and returns what it says of its platform; undefined for an artifact, whose config is
   * something else.
   */
  async configPlatform(
    source: Source,
    manifest: Manifest,
    { label, budget }: { label: string; budget: GraphBudget },
  ): Promise<ConfigPlatform | undefined> {
    if (!('config' in manifest) || keptAs(manifest) !== undefined) return undefined;
    const { digest, mediaType } = manifest.config;
    if (!isImageConfig(mediaType)) return undefined;
    budget.takeDocument(manifest.config);
    return once(this.#platforms, digest, async () => {
      const config = parseCarriedConfig(await this.#config(source, manifest), digest, { mediaType });
      this.#warn(irregularities(config), label, digest);
      // Not the whole config: its history would be in memory for each of thousands of images.
      const { os, architecture, variant, 'os.version': version, irregular } = config;
      return {
        ...{ os, architecture },
        ...(variant && { variant }),
        ...(version && { 'os.version': version }),
        ...(irregular && { irregular }),
      };
    });
  }

  /** Returns the bytes of a config that was read before, or undefined for any other blob. */
  bytesOf({ digest }: Descriptor): Promise<Buffer> | undefined {
    return this.#configs.get(digest);
  }

  /**
   * Returns the descriptor of a layer of a schema1 manifest, which does not state the sizes of its layers. Rejects with
   * `NOT_FOUND`.
   */
  layer(source: Source, digest: Digest): Promise<Descriptor> {
    return once(this.#layers, digest, async () => {
      const size = await this.#pool.runSmall((signal) => source.sizeOf({ digest }, { signal }));
      if (size === undefined) throw new LadingError('NOT_FOUND', `${digest} is not in ${source.location}`);
      return { mediaType: MEDIA_TYPE.dockerLayerGzip, digest, size };
    });
  }

  #config(source: Source, { config }: ImageManifest): Promise<Buffer> {
    return once(this.#configs, config.digest, () => this.#readContent(source, config));
  }

  async #readContent(source: Source, descriptor: Descriptor): Promise<Buffer> {
    // Damaged content on a local disk stays damaged, so it is not read again.
    const isWorthRetrying = (error: unknown): boolean => !source.isLocal && isRetryable(error);
    try {
      return await this.#pool.runSmall((signal) =>
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
        `${descriptor.digest} is part of an image, but its source does not have it`,
        {
          cause: error,
          hint: 'The image is incomplete at its source. Choosing platforms leaves out the content of all others.',
          remedy: 'platforms',
        },
      );
    }
  }

  /**
   * Warns about irregular documents, which are copied unchanged; with `strict`, throws `INVALID_MANIFEST` if a schema
   * is violated.
   */
  #warn(warnings: readonly ManifestWarning[], label: string, digest: Digest): void {
    const where = label.includes(digest) ? label : `${label}: ${digest}`;
    for (const { code, message } of warnings) {
      if (this.#options.strict && code === 'IRREGULAR')
        throw new ContentError('INVALID_MANIFEST', `${where}: ${message}`);
      this.#options.onEvent?.({ type: 'warning', message: `${where}: ${message}` });
    }
  }
}

/** Failures are not cached: another image may get the same content from another source. */
function once<T>(cache: Map<Digest, Promise<T>>, digest: Digest, make: () => Promise<T>): Promise<T> {
  const cached = cache.get(digest);
  if (cached !== undefined) return cached;
  const made = make();
  cache.set(digest, made);
  made.catch(() => cache.delete(digest));
  return made;
}
