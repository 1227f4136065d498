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
  /** Refuse documents that their schema does not allow; default: a warning says what is odd, and they are copied. */
  strict?: boolean | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/** The manifests and configs of all images of a run, each read and parsed once. */
export class Documents {
  readonly #pool: Pool;
  readonly #options: DocumentOptions;
  readonly #manifests = new Map<Digest, Promise<{ bytes: Buffer; manifest: Manifest }>>();
  readonly #configs = new Map<Digest, Promise<Buffer>>();
  readonly #imageConfigs = new Map<Digest, Promise<ImageConfig>>();
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

  /** Of an image; artifacts have configs that are none. */
  async imageConfig(
    source: Source,
    manifest: Manifest,
    { label, budget }: { label: string; budget: GraphBudget },
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

  /** The bytes of a config that was read, undefined of any other blob. */
  bytesOf({ digest }: Descriptor): Promise<Buffer> | undefined {
    return this.#configs.get(digest);
  }

  /** A schema1 manifest does not tell the sizes of its layers. */
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
    // What is damaged on this machine's disk stays so.
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
        `${descriptor.digest} is named by an image, but its source does not have it`,
        {
          cause: error,
          hint: 'The image is incomplete at its source. Of platforms that are not chosen nothing is needed.',
          remedy: 'platforms',
        },
      );
    }
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
