import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isImageConfig, MEDIA_TYPE } from '../../content/media-types.js';
import { type Beneath, type GraphVisitor, type Step, walkGraph } from '../../graph/walk.js';
import {
  type ContainerConfig,
  type HistoryEntry,
  historyOf,
  parseCarriedConfig,
} from '../../manifest/config.js';
import { GraphBudget } from '../../manifest/graph-budget.js';
import { withoutNulls } from '../../manifest/json/nulls.js';
import {
  type ImageIndex,
  type ImageManifest,
  parseManifest,
  type Schema1Manifest,
  successors,
} from '../../manifest/manifest.js';
import { checkSchema1Signatures } from '../../manifest/schema1/signature.js';
import { parseV1Image, type V1Image } from '../../manifest/v1/image.js';
import { isBlob, readContent } from '../../store/read-content.js';
import type { Source } from '../../store/store.js';
import { type ReportedSignature, reportedSignature } from '../verify/signatures.js';
import { missingFrom } from './missing.js';

export interface InspectedLayer {
  digest: Digest;
  /** Digest of the uncompressed layer; schema1 does not state it. */
  diffID?: Digest;
  mediaType: string;
  /** Bytes as stored; schema1 does not state them. */
  size?: number;
  createdBy?: string;
}

/** An image for one platform. */
export interface InspectedPlatform {
  os: string;
  architecture: string;
  variant?: string;
  'os.version'?: string;
  digest: Digest;
  mediaType: string;
  /** Bytes of manifest, config and layers, as far as they are known. */
  size: number;
  layers: InspectedLayer[];
  config: ContainerConfig;
  history: HistoryEntry[];
  /** Signatures of a signed schema1 manifest, including invalid ones. */
  signatures?: ReportedSignature[];
}

/** What a manifest leads to. */
export interface InspectedManifest {
  /** The images, one per platform. */
  platforms: InspectedPlatform[];
  /** Entries of an index that are not manifests, as in BuildKit's cache. */
  blobs: InspectedBlob[];
  /** The manifests that were read, except attestations, in the order of the index. */
  manifests: Descriptor[];
  /** Attestations that the index lists beside its images. */
  attestations: Descriptor[];
  /** Everything that was found, each once; the values are bytes. */
  contents: Map<Digest, number>;
}

export interface InspectedBlob {
  digest: Digest;
  mediaType: string;
  size: number;
}

/**
 * Describes what is under a manifest; rejects with `MISSING_CONTENT` if an image is missing. Attestations are read if
 * the store is on this machine.
 */
export async function inspectManifest(
  store: Source,
  descriptor: Descriptor,
  absent: readonly Digest[],
  signal: AbortSignal | undefined,
): Promise<InspectedManifest> {
  if (await isBlob(store, descriptor)) {
    const contents = new Map([[descriptor.digest, descriptor.size]]);
    return { platforms: [], blobs: [plainLayer(descriptor)], manifests: [], attestations: [], contents };
  }
  const inspection = new Inspection(store, absent, signal);
  const under = await walkGraph(descriptor, inspection);
  const { blobs, contents } = inspection;
  return { ...NOTHING, ...under, blobs: [...blobs.values()], contents };
}

type Under = Pick<InspectedManifest, 'platforms' | 'manifests' | 'attestations'>;

const NOTHING: Under = { platforms: [], manifests: [], attestations: [] };

/** A manifest that was entered: an index with its children, or an image with its description. */
interface Entered extends Beneath<Under> {
  platforms: InspectedPlatform[];
  /** Attestations of an index that are not read. */
  unread: Descriptor[];
}

class Inspection implements GraphVisitor<Entered, Under> {
  readonly blobs = new Map<Digest, InspectedBlob>();
  readonly contents = new Map<Digest, number>();
  readonly #budget = new GraphBudget();
  /** Each manifest is read once, however often it is named. */
  readonly #read = new Map<string, Promise<InspectedPlatform[] | ImageIndex>>();

  constructor(
    private readonly store: Source,
    private readonly absent: readonly Digest[],
    private readonly signal: AbortSignal | undefined,
  ) {}

  async enter({ descriptor, depth, parent }: Step): Promise<Entered> {
    const found = await this.#readOnce(descriptor).catch((error: unknown) => {
      throw parent === undefined ? error : missingFrom(parent.descriptor, descriptor, error);
    });
    if (Array.isArray(found)) return { platforms: found, manifests: [], unread: [] };
    this.#budget.take(descriptor.digest, depth, found.manifests.length);
    const { manifests, blobs } = successors(found);
    const present = manifests.filter(({ digest }) => !this.absent.includes(digest));
    const isRead = (child: Descriptor): boolean => !isAttestation(child) || this.store.isLocal;
    return {
      platforms: [],
      manifests: present.filter(isRead),
      unread: present.filter((child) => !isRead(child)),
      blobs,
    };
  }

  async blob(descriptor: Descriptor): Promise<void> {
    this.contents.set(descriptor.digest, descriptor.size);
    this.blobs.set(descriptor.digest, plainLayer(descriptor));
  }

  async leave(
    { descriptor }: Step,
    { platforms, manifests, unread }: Entered,
    children: ReadonlyMap<Descriptor, Under>,
  ): Promise<Under> {
    if (isAttestation(descriptor)) return { ...NOTHING, attestations: [descriptor] };
    const under = manifests.flatMap((child) => children.get(child) ?? []);
    return {
      platforms: [...platforms, ...under.flatMap((each) => each.platforms)],
      manifests: [descriptor, ...under.flatMap((each) => each.manifests)],
      attestations: [...unread, ...under.flatMap(({ attestations }) => attestations)],
    };
  }

  #readOnce(descriptor: Descriptor): Promise<InspectedPlatform[] | ImageIndex> {
    const claim = `${descriptor.digest} ${descriptor.size} ${descriptor.mediaType}`;
    const reading = this.#read.get(claim) ?? this.#readOne(descriptor);
    this.#read.set(claim, reading);
    return reading;
  }

  async #readOne(descriptor: Descriptor): Promise<InspectedPlatform[] | ImageIndex> {
    this.#budget.takeDocument(descriptor);
    const bytes = await readContent(this.store, descriptor, { signal: this.signal });
    const manifest = parseManifest(bytes, descriptor);
    this.contents.set(descriptor.digest, descriptor.size);
    const { blobs } = successors(manifest);
    if (!('manifests' in manifest)) for (const { digest, size } of blobs) this.contents.set(digest, size);
    switch (manifest.format) {
      case 'oci-index':
      case 'docker-manifest-list':
        return manifest;
      case 'docker-schema1':
        return [await this.#withSizes(inspectSchema1(descriptor, manifest, bytes))];
      case 'oci-manifest':
      case 'docker-schema2':
        return [await inspectImageManifest(this.store, descriptor, manifest, this.signal)];
      case 'oci-artifact':
      case 'oras-artifact':
        return [];
    }
  }

  /** Adds the sizes of layers that a schema1 manifest does not state, if they are on this machine. */
  async #withSizes(platform: InspectedPlatform): Promise<InspectedPlatform> {
    if (!this.store.isLocal) return platform;
    const layers: InspectedLayer[] = [];
    for (const layer of platform.layers) {
      const size = await this.store.sizeOf(layer);
      if (size !== undefined) this.contents.set(layer.digest, size);
      layers.push(size === undefined ? layer : { ...layer, size });
    }
    return { ...platform, layers, size: layers.reduce((sum, { size = 0 }) => sum + size, platform.size) };
  }
}

function isAttestation({ platform }: Descriptor): boolean {
  return platform?.os === 'unknown';
}

async function inspectImageManifest(
  store: Source,
  descriptor: Descriptor,
  manifest: ImageManifest,
  signal: AbortSignal | undefined,
): Promise<InspectedPlatform> {
  const { config: configDescriptor, layers } = manifest;
  const size = [descriptor, configDescriptor, ...layers].reduce((sum, content) => sum + content.size, 0);
  const base = { digest: descriptor.digest, mediaType: descriptor.mediaType, size };
  if (!isImageConfig(configDescriptor.mediaType)) {
    // A chart, an SBOM or a signature has layers, but no platform and no history.
    return { os: '', architecture: '', ...base, layers: layers.map(plainLayer), config: {}, history: [] };
  }
  const config = parseCarriedConfig(
    await readContent(store, configDescriptor, { signal }),
    configDescriptor.digest,
    configDescriptor,
  );
  return {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant !== undefined && { variant: config.variant }),
    ...(config['os.version'] !== undefined && { 'os.version': config['os.version'] }),
    ...base,
    layers: historyOf(config, layers).map(({ layer, createdBy }, index) => {
      const diffID = config.rootfs.diff_ids[index];
      return {
        ...plainLayer(layer),
        ...(diffID !== undefined && { diffID }),
        ...(createdBy !== undefined && { createdBy }),
      };
    }),
    config: config.config,
    history: config.history,
  };
}

/**
 * Describes a schema1 image. Its config is spread over the history: the top entry has the config, and each entry has
 * its own step.
 */
function inspectSchema1(descriptor: Descriptor, manifest: Schema1Manifest, bytes: Buffer): InspectedPlatform {
  const images = manifest.history.map((entry) => parseV1Image(Buffer.from(entry), descriptor.digest));
  const [top] = images;
  return {
    os: top?.os ?? 'linux',
    architecture: top?.architecture ?? manifest.architecture,
    ...(typeof top?.variant === 'string' && { variant: top.variant }),
    digest: descriptor.digest,
    mediaType: descriptor.mediaType,
    size: descriptor.size,
    layers: manifest.fsLayers
      .map((digest, index) => {
        const createdBy = createdByOf(images[index]);
        return {
          digest,
          mediaType: MEDIA_TYPE.dockerLayerGzip,
          ...(createdBy !== undefined && { createdBy }),
        };
      })
      .toReversed(),
    config: withoutNulls(top?.config ?? {}),
    history: images.map(historyEntry).toReversed(),
    ...(manifest.signed && {
      signatures: checkSchema1Signatures(bytes, descriptor.digest).map(reportedSignature),
    }),
  };
}

function historyEntry(image: V1Image): HistoryEntry {
  const createdBy = createdByOf(image);
  return withoutNulls({
    created: image.created,
    created_by: createdBy,
    empty_layer: image.throwaway === true ? true : undefined,
  });
}

function createdByOf(image: V1Image | undefined): string | undefined {
  return image?.container_config?.Cmd?.join(' ');
}

function plainLayer({ digest, mediaType, size }: Descriptor): InspectedBlob {
  return { digest, mediaType, size };
}
