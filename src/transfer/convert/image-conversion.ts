import type { KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import type { Platform } from '../../content/platform.js';
import { readReference } from '../../content/reference.js';
import { ContentError, isLadingError, LadingError } from '../../errors.js';
import {
  bytesOf,
  type ContentSource,
  type ManifestTree,
  manifestOf,
  type PlannedContent,
} from '../../graph/tree.js';
import { keptAs, unknownLayer } from '../../manifest/artifact.js';
import { parseCarriedConfig } from '../../manifest/config.js';
import type { Document } from '../../manifest/convert/conversion.js';
import { EMPTY_LAYER } from '../../manifest/convert/empty-layer.js';
import { fromSchema1, layersOfSchema1 } from '../../manifest/convert/from-schema1.js';
import { convertIndex } from '../../manifest/convert/index-of.js';
import { convertManifest } from '../../manifest/convert/manifest.js';
import { platformOf } from '../../manifest/convert/platform-of.js';
import { convertToSchema1 } from '../../manifest/convert/schema1.js';
import type { ImageManifest, Manifest, Schema1Manifest } from '../../manifest/manifest.js';
import { verifySchema1Signatures } from '../../manifest/schema1/signature.js';
import { readContent } from '../../store/read-content.js';
import { type LayerFacts, type LayerFactsOptions, readLayerFacts } from './layer-facts.js';

/** The formats that images are converted to. */
export type ConversionFormat = 'oci' | 'docker' | 'schema1';

export interface ConvertOptions extends LayerFactsOptions {
  to: ConversionFormat;
  /** Returns a layer in another compression, or undefined to keep it; default: all layers are kept. */
  recompress?: ((layer: PlannedContent) => Promise<PlannedContent | undefined>) | undefined;
  /**
   * Determines the facts about layers that schema1 does not state; default `readLayerFacts`, which reads every layer.
   */
  layerFacts?:
    | ((layers: readonly PlannedContent[], options: LayerFactsOptions) => Promise<Map<Digest, LayerFacts>>)
    | undefined;
  /** The key that signs schema1 manifests. */
  key: KeyObject;
  /** Refuse a schema1 manifest whose signature is missing or invalid; default false. */
  requireSignature?: boolean | undefined;
  /** Keep the original, without a name, beside the converted image; default false. */
  keepOriginal?: boolean | undefined;
  /** Convert even if a `subject` is lost; default false. */
  force?: boolean | undefined;
}

/** Children of an index to convert before other work of this thread gets its turn; they take about 20 ms. */
const CHILDREN_IN_TURN = 20;

/** Converts the manifests of one image, from the children of indexes up. */
export class ImageConversion {
  readonly digests = new Map<Digest, Digest>();
  readonly lost: string[] = [];
  /** The signature of a schema1 original; null if it has none. */
  signature: { valid: boolean; keyID?: string } | null = null;
  readonly #name: string;
  readonly #options: ConvertOptions;

  constructor(name: string, options: ConvertOptions) {
    this.#name = name;
    this.#options = options;
  }

  async convert(tree: ManifestTree, entry?: Descriptor): Promise<ManifestTree> {
    if (tree.isBlob) return tree;
    const { descriptor } = tree.content;
    const manifest = manifestOf(tree);
    if (keptAs(manifest, entry) !== undefined) return tree;
    const unknown = unknownLayer(manifest);
    if (unknown !== undefined) {
      const { digest } = descriptor;
      this.lost.push(
        `the conversion of ${digest}, which stays as it is: its layer ${unknown.digest} has the type "${unknown.mediaType}"`,
      );
      return tree;
    }
    const converted = await this.#convert(tree, manifest);
    const { digest } = converted.content.descriptor;
    if (digest !== descriptor.digest) this.digests.set(descriptor.digest, digest);
    return converted;
  }

  #convert(tree: ManifestTree, manifest: Manifest): Promise<ManifestTree> | ManifestTree {
    switch (manifest.format) {
      case 'oci-index':
      case 'docker-manifest-list':
        return this.#convertIndex(tree, manifest.manifests);
      case 'docker-schema1':
        return this.#convertSchema1(tree, manifest);
      case 'oci-manifest':
      case 'docker-schema2':
        return this.#options.to === 'schema1'
          ? this.#toSchema1(tree, manifest)
          : this.#convertManifest(tree, this.#options.to);
      case 'oci-artifact':
      case 'oras-artifact':
        return tree;
    }
  }

  async #convertIndex(tree: ManifestTree, entries: readonly Descriptor[]): Promise<ManifestTree> {
    const { to } = this.#options;
    if (to === 'schema1') {
      throw new LadingError('UNSUPPORTED', `${this.#name} is an index, which schema1 cannot represent`, {
        hint: 'Choose one platform.',
        remedy: 'platforms',
      });
    }
    const children: ManifestTree[] = [];
    const replaced = new Map<Digest, Descriptor>();
    const platforms = new Map<Digest, Platform>();
    // Of several entries with the same digest the first one counts, and the child is converted only once.
    const firstEntries = new Map(entries.toReversed().map((entry) => [entry.digest, entry]));
    const convertedByDigest = new Map<Digest, ManifestTree>();
    for (const child of tree.children) {
      const { digest } = child.content.descriptor;
      const known = convertedByDigest.get(digest);
      const converted = known ?? (await this.convert(child, firstEntries.get(digest)));
      children.push(converted);
      if (known !== undefined) continue;
      convertedByDigest.set(digest, converted);
      if (convertedByDigest.size % CHILDREN_IN_TURN === 0) await this.#letOthersRun();
      const now = converted.content.descriptor;
      if (now.digest !== digest) replaced.set(digest, now);
      const [platform] = converted.platforms;
      if (platform !== undefined) platforms.set(digest, platform);
    }
    const { index, lost } = convertIndex(bytesOf(tree), to, {
      parsed: manifestOf(tree),
      where: tree.content.descriptor.digest,
      children: replaced,
      platforms,
      force: this.#options.force ?? false,
    });
    this.lost.push(...lost);
    return { ...tree, content: fromMemory(index), children };
  }

  /** Conversions run on this thread, which may be serving other clients. */
  async #letOthersRun(): Promise<void> {
    await setImmediate();
    this.#options.signal?.throwIfAborted();
  }

  /** Converts to schema2 first; OCI is the same with other media types. */
  async #convertSchema1(tree: ManifestTree, manifest: Schema1Manifest): Promise<ManifestTree> {
    const { descriptor } = tree.content;
    const bytes = bytesOf(tree);
    this.#checkSignature(bytes, manifest, descriptor);
    if (this.#options.to === 'schema1') return tree;
    const wanted = new Set(layersOfSchema1(manifest, descriptor.digest));
    const layers = tree.blobs.filter((blob) => wanted.has(blob.descriptor.digest));
    const { layerFacts = readLayerFacts } = this.#options;
    const facts = await layerFacts(layers, this.#options);
    const known = new Map(
      [...facts].map(([digest, { size, diffID }]) => [
        digest,
        { size, diffID, uncompressed: diffID === digest },
      ]),
    );
    const made = fromSchema1(manifest, known, descriptor.digest);
    this.lost.push(...made.lost);
    const schema2 = {
      ...tree,
      content: fromMemory(made.manifest),
      blobs: [fromMemory(made.config), ...layers],
    };
    return this.#convertManifest(schema2, this.#options.to);
  }

  async #convertManifest(tree: ManifestTree, to: 'oci' | 'docker'): Promise<ManifestTree> {
    const { descriptor } = tree.content;
    const image = imageOf(tree);
    const recompressed = await this.#recompress(tree, image);
    const config = await this.#configOf(tree, image);
    const {
      manifest,
      config: newConfig,
      lost,
    } = convertManifest(bytesOf(tree), to, {
      parsed: image,
      where: descriptor.digest,
      layers: descriptorsOf(recompressed),
      config,
      force: this.#options.force ?? false,
      ...(tree.platforms[0] && { platform: tree.platforms[0] }),
    });
    this.lost.push(...lost);
    const blobs = tree.blobs.map((blob) => {
      if (blob.descriptor.digest === image.config.digest && newConfig !== undefined)
        return fromMemory(newConfig);
      return recompressed.get(blob.descriptor.digest) ?? blob;
    });
    const platform = platformOf(parseCarriedConfig(newConfig?.bytes ?? config, image.config.digest));
    return {
      ...tree,
      content: fromMemory(manifest),
      blobs,
      platforms: platform === undefined ? tree.platforms : [platform],
    };
  }

  async #recompress(tree: ManifestTree, { layers }: ImageManifest): Promise<Map<Digest, PlannedContent>> {
    const made = new Map<Digest, PlannedContent>();
    const { recompress } = this.#options;
    if (recompress === undefined) return made;
    const blobs = new Map<Digest, PlannedContent>();
    for (const layer of layers) {
      const blob = tree.blobs.find(({ descriptor }) => descriptor.digest === layer.digest);
      // undefined for a foreign layer that stays where its `urls` point
      if (blob !== undefined) blobs.set(layer.digest, { ...blob, descriptor: plainDescriptor(layer) });
    }
    // The largest first: each is sent while the next one is made, and the last one should be sent soon.
    const ordered = [...blobs.values()].sort((a, b) => b.descriptor.size - a.descriptor.size);
    // All are awaited even if one fails, so that nothing is left running.
    const results = await Promise.allSettled(
      ordered.map(async (blob) => {
        const content = await recompress(blob);
        if (content !== undefined) made.set(blob.descriptor.digest, content);
      }),
    );
    for (const { reason } of results.filter((result) => result.status === 'rejected')) throw reason;
    return made;
  }

  async #toSchema1(tree: ManifestTree, image: ImageManifest): Promise<ManifestTree> {
    const { repository, tag = 'latest' } = nameParts(this.#name);
    const recompressed = await this.#recompress(tree, image);
    const { manifest, needsEmptyLayer, lost } = convertToSchema1(bytesOf(tree), {
      parsed: image,
      where: tree.content.descriptor.digest,
      name: repository,
      tag,
      config: await this.#configOf(tree, image),
      layers: descriptorsOf(recompressed),
      key: this.#options.key,
      force: this.#options.force ?? false,
    });
    this.lost.push(...lost);
    const layers = tree.blobs
      .filter(({ descriptor }) => descriptor.digest !== image.config.digest)
      .map((blob) => recompressed.get(blob.descriptor.digest) ?? blob);
    return {
      ...tree,
      content: fromMemory(manifest),
      blobs: [...layers, ...(needsEmptyLayer ? [emptyLayer()] : [])],
    };
  }

  async #configOf(tree: ManifestTree, { config }: ImageManifest): Promise<Buffer> {
    const blob = tree.blobs.find(({ descriptor }) => descriptor.digest === config.digest);
    if (blob === undefined) throw new Error(`the config ${config.digest} is among the blobs of its image`);
    return blob.bytes ?? readContent(blob.source, config, { signal: this.#options.signal });
  }

  /** A valid signature proves that the manifest was not changed since it was signed, but not who signed it. */
  #checkSignature(bytes: Buffer, { signed }: Schema1Manifest, { digest }: Descriptor): void {
    const { requireSignature = false } = this.#options;
    if (!signed) {
      if (requireSignature) throw invalidSignature(`${digest} has no signature`);
      return;
    }
    try {
      const [signature] = verifySchema1Signatures(bytes, digest);
      this.signature = { valid: true, ...(signature && { keyID: signature.keyID }) };
    } catch (error) {
      if (!isLadingError(error, 'INVALID_SIGNATURE')) throw error;
      if (requireSignature) throw invalidSignature(error.message, error);
      this.signature = { valid: false };
    }
  }
}

function invalidSignature(problem: string, cause?: unknown): ContentError {
  return new ContentError('INVALID_SIGNATURE', problem, {
    cause,
    hint: 'Get it again from where it was signed, or convert it without requiring a valid signature.',
    remedy: 'omitVerifySignature',
  });
}

function imageOf(tree: ManifestTree): ImageManifest {
  const manifest = manifestOf(tree);
  if (!('layers' in manifest)) throw new Error(`${manifest.format} has no config and layers`);
  return manifest;
}

/** Splits an image name for schema1. A name that is not an image's, as in layouts of single images, becomes the tag. */
function nameParts(name: string): { repository: string; tag?: string } {
  if (isDigest(name)) return { repository: '' };
  return readReference(name) ?? { repository: '', tag: name };
}

function descriptorsOf(contents: ReadonlyMap<Digest, PlannedContent>): Map<Digest, Descriptor> {
  return new Map([...contents].map(([digest, { descriptor }]) => [digest, descriptor]));
}

function emptyLayer(): PlannedContent {
  const { bytes, digest, size } = EMPTY_LAYER;
  return fromMemory({ descriptor: { mediaType: MEDIA_TYPE.dockerLayerGzip, digest, size }, bytes });
}

function fromMemory({ descriptor, bytes }: Document): PlannedContent & { bytes: Buffer } {
  return { descriptor, bytes, source: NOWHERE };
}

/** The source of content that a conversion made: it is in memory, so it is never fetched. */
const NOWHERE: ContentSource = {
  fetch: async ({ digest }) => {
    throw new Error(`${digest} is in memory`);
  },
};
