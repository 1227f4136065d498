import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { type Descriptor, plainDescriptor } from '../../src/content/descriptor.js';
import { digestOf, encodedOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { DEFAULT_PLATFORM, type Platform } from '../../src/content/platform.js';
import type { Store } from '../../src/store/store.js';

/** Bytes with their descriptor. */
export interface Content {
  descriptor: Descriptor;
  bytes: Buffer;
}

export interface MadeImage {
  manifest: Content;
  config: Content;
  layers: Content[];
  /** All content in the order of a push: layers, config, manifest. */
  all: Content[];
  platform: Platform;
}

export interface MadeIndex {
  manifest: Content;
  /** The contents of the children without repetitions, then the index itself. */
  all: Content[];
}

export interface MadeSignature extends MadeImage {
  /** The tag under which cosign looks for it: `sha256-<hex>.sig`. */
  tag: string;
}

export interface MakeImageOptions {
  /** The same seed gives the same bytes, and another seed gives other bytes. */
  seed: number | string;
  /** Bytes of random data in each layer, base first; default `[1000, 2000]`. */
  layers?: number[];
  /** The format; default `oci`. */
  format?: 'oci' | 'docker';
  /** The platform; default linux/amd64. */
  platform?: Platform;
  /** Annotations of the manifest; Docker's format does not have them. */
  annotations?: Record<string, string>;
  /** Seeds of single layers, so that images can share them; default that of the image. */
  seeds?: readonly string[];
  /** The commands that made the layers, as the history has them. */
  steps?: readonly string[];
  /** Members of the config's `config`, beside those that every image has. */
  config?: Record<string, unknown>;
}

const CREATED = '2024-01-02T03:04:05Z';
const EMPTY_JSON = contentOf(MEDIA_TYPE.ociEmpty, Buffer.from('{}'));

/** Makes an image that looks runnable from a seed: gzip layers, a config with their diffIDs, and a manifest. */
export async function makeImage(options: MakeImageOptions): Promise<MadeImage> {
  const { seed, format = 'oci', platform = DEFAULT_PLATFORM, annotations } = options;
  const types = TYPES[format];

  const layers: Content[] = [];
  const diffIDs: string[] = [];
  for (const [position, size] of (options.layers ?? [1000, 2000]).entries()) {
    const tar = await makeLayerTar(`${options.seeds?.[position] ?? seed}/${position}`, size);
    diffIDs.push(digestOf(tar));
    layers.push(contentOf(types.layer, gzip(tar)));
  }
  const config = jsonContent(types.config, {
    created: CREATED,
    author: 'lading tests',
    ...platform,
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'], Labels: { seed: String(seed) }, ...options.config },
    rootfs: { type: 'layers', diff_ids: diffIDs },
    history: diffIDs.map((_, position) => ({
      created: CREATED,
      created_by: options.steps?.[position] ?? `ADD layer ${position}`,
    })),
  });
  const manifest = jsonContent(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: config.descriptor,
    layers: layers.map((layer) => layer.descriptor),
    ...(annotations !== undefined && format === 'oci' ? { annotations } : {}),
  });
  return { manifest, config, layers, all: unique([...layers, config, manifest]), platform };
}

/** Makes an index (or Docker manifest list) of images, in their order. */
export function makeIndex(
  images: readonly (MadeImage | MadeIndex)[],
  options: { format?: 'oci' | 'docker'; annotations?: Record<string, string> } = {},
): MadeIndex {
  const { format = 'oci', annotations } = options;
  const mediaType = TYPES[format].index;
  const manifest = jsonContent(mediaType, {
    schemaVersion: 2,
    mediaType,
    manifests: images.map((image) => ({
      ...image.manifest.descriptor,
      ...('platform' in image ? { platform: image.platform } : {}),
    })),
    ...(annotations !== undefined && format === 'oci' ? { annotations } : {}),
  });
  return { manifest, all: unique([...images.flatMap((image) => image.all), manifest]) };
}

/** Makes an artifact that is attached to `subject` by the specification: an OCI manifest with a `subject` member. */
export function makeReferrer(
  subject: Descriptor,
  options: { artifactType: string; payload: string | Buffer; annotations?: Record<string, string> },
): MadeImage {
  const { artifactType, payload, annotations } = options;
  const layer = contentOf(artifactType, Buffer.from(payload));
  const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType,
    config: EMPTY_JSON.descriptor,
    layers: [layer.descriptor],
    subject: plainDescriptor(subject),
    ...(annotations === undefined ? {} : { annotations }),
  });
  return artifact(manifest, EMPTY_JSON, layer);
}

/** Makes a signature as older versions of cosign do: without `subject`, found by its tag. The signature is random. */
export function makeCosignSignature(subject: Descriptor, reference = 'registry.test/signed'): MadeSignature {
  const payload = JSON.stringify({
    critical: {
      identity: { 'docker-reference': reference },
      image: { 'docker-manifest-digest': subject.digest },
      type: 'cosign container image signature',
    },
    optional: null,
  });
  const layer = contentOf('application/vnd.dev.cosign.simplesigning.v1+json', Buffer.from(payload));
  const config = jsonContent(MEDIA_TYPE.ociConfig, {
    created: CREATED,
    architecture: '',
    os: '',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
  });
  const signature = randomBytesFrom(subject.digest, 64).toString('base64');
  const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: config.descriptor,
    layers: [{ ...layer.descriptor, annotations: { 'dev.cosignproject.cosign/signature': signature } }],
  });
  return { ...artifact(manifest, config, layer), tag: `sha256-${encodedOf(subject.digest)}.sig` };
}

/** Pushes contents one after the other, in this order. */
export async function pushAll(store: Store, contents: Iterable<Content>): Promise<void> {
  for (const { descriptor, bytes } of contents) {
    await store.push(descriptor, async ({ start = 0 } = {}) => Readable.from([bytes.subarray(start)]));
  }
}

/** Returns bytes with their descriptor. */
export function contentOf(mediaType: string, bytes: Buffer): Content {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** Returns `value` as a compact JSON document. */
export function jsonContent(mediaType: string, value: unknown): Content {
  return contentOf(mediaType, Buffer.from(JSON.stringify(value)));
}

/** Returns `size` incompressible bytes, always the same for a seed: the key stream of a cipher. */
export function randomBytesFrom(seed: number | string, size: number): Buffer {
  const key = createHash('sha256').update(String(seed)).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

const TYPES = {
  oci: {
    manifest: MEDIA_TYPE.ociManifest,
    index: MEDIA_TYPE.ociIndex,
    config: MEDIA_TYPE.ociConfig,
    layer: MEDIA_TYPE.ociLayerGzip,
  },
  docker: {
    manifest: MEDIA_TYPE.dockerManifest,
    index: MEDIA_TYPE.dockerManifestList,
    config: MEDIA_TYPE.dockerConfig,
    layer: MEDIA_TYPE.dockerLayerGzip,
  },
};

/** Makes an uncompressed layer with a directory and one file of `size` random bytes. */
export async function makeLayerTar(seed: number | string, size: number): Promise<Buffer> {
  const times = { mtime: new Date(CREATED) };
  const name = createHash('sha256').update(String(seed)).digest('hex').slice(0, 12);
  const tar = pack();
  tar.entry({ name: 'opt/', type: 'directory', ...times });
  tar.entry({ name: `opt/${name}`, ...times }, randomBytesFrom(seed, size));
  tar.finalize();
  return buffer(tar);
}

/** Compresses with gzip, without the operating system that zlib writes into byte 9 of the header. */
function gzip(bytes: Buffer): Buffer {
  const compressed = gzipSync(bytes);
  compressed[9] = 0xff; // RFC 1952: unknown
  return compressed;
}

function artifact(manifest: Content, config: Content, layer: Content): MadeImage {
  const platform = { os: 'unknown', architecture: 'unknown' };
  return { manifest, config, layers: [layer], all: unique([layer, config, manifest]), platform };
}

function unique(contents: Content[]): Content[] {
  return [...new Map(contents.map((content) => [content.descriptor.digest, content])).values()];
}
