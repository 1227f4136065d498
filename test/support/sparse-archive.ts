import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { Descriptor } from '../../src/content/descriptor.js';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { assignPlaces, directoryHeaders } from '../../src/store/archive/archive-places.js';
import { formatLayoutIndex, LAYOUT_FILE, nameAnnotations } from '../../src/store/layout/layout-index.js';
import { blobPath } from '../../src/store/layout/layout-reader.js';
import { END_OF_ARCHIVE, paddingAfter, tarHeader } from '../../src/tar/write.js';

export interface SparseArchiveOptions {
  images: number;
  /** The number of layers of each image; no layer is shared. */
  layers: number;
  /** The bytes of all layers together. */
  bytes: number;
  format: 'universal' | 'oci-archive';
}

export interface SparseArchive {
  names: string[];
  /** The number of manifests, configs and layers. */
  blobs: number;
  bytes: number;
}

/** The first bytes of each layer, which identify its compression; the rest is a hole. */
const LAYER_START = Buffer.from([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0]);

/**
 * Writes an archive as lading would, but its layers are holes: it has its full size, but takes only 4 KiB of disk for
 * each layer. Everything except the bytes of layers is valid.
 */
export async function writeSparseArchive(
  path: string,
  options: SparseArchiveOptions,
): Promise<SparseArchive> {
  const images = Array.from({ length: options.images }, (_, index) => sparseImage(index, options));
  const contents = [
    ...images.flatMap(({ config, layers }) => [config.descriptor, ...layers]),
    ...images.map(({ manifest }) => manifest.descriptor),
  ];
  const documents = new Map(
    images.flatMap(({ config, manifest }) => [config, manifest]).map((each) => [each.descriptor, each.bytes]),
  );
  const file = openSync(path, 'w');
  try {
    const directories = await directoryHeaders(contents);
    writeSync(file, directories, 0, directories.byteLength, 0);
    let end = directories.byteLength;
    for (const place of (await assignPlaces(contents, end)).values()) {
      const start = Buffer.concat([place.header, documents.get(place.descriptor) ?? LAYER_START]);
      writeSync(file, start, 0, start.byteLength, place.position);
      end = place.end;
    }
    for (const [name, bytes] of filesBesides(images, options)) {
      const padding = Buffer.alloc(paddingAfter(bytes.byteLength));
      const entry = Buffer.concat([await tarHeader({ path: name, size: bytes.byteLength }), bytes, padding]);
      writeSync(file, entry, 0, entry.byteLength, end);
      end += entry.byteLength;
    }
    end += END_OF_ARCHIVE.byteLength;
    ftruncateSync(file, end);
    return { names: images.map(({ name }) => name), blobs: contents.length, bytes: end };
  } finally {
    closeSync(file);
  }
}

interface Document {
  descriptor: Descriptor;
  bytes: Buffer;
}

interface SparseImage {
  name: string;
  config: Document;
  layers: Descriptor[];
  manifest: Document;
}

function sparseImage(index: number, { images, layers: count, bytes }: SparseArchiveOptions): SparseImage {
  const size = Math.max(LAYER_START.byteLength, Math.floor(bytes / (images * count)));
  const layers = Array.from({ length: count }, (_, place) => ({
    mediaType: MEDIA_TYPE.ociLayerGzip,
    digest: digestOf(Buffer.from(`layer ${place} of image ${index}`)),
    size,
  }));
  const config = documentOf(MEDIA_TYPE.ociConfig, {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: [`/image-${index}`] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digestOf(Buffer.from(digest))) },
    history: layers.map((_, place) => ({ created: '1970-01-01T00:00:00Z', created_by: `COPY ${place} /` })),
  });
  const manifest = documentOf(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: config.descriptor,
    layers,
  });
  return { name: `registry.example/group/image-${index}:1`, config, layers, manifest };
}

function documentOf(mediaType: string, value: object): Document {
  const bytes = Buffer.from(JSON.stringify(value));
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

function* filesBesides(
  images: readonly SparseImage[],
  { format }: SparseArchiveOptions,
): Iterable<[name: string, bytes: Buffer]> {
  const entries = images.map(({ name, manifest }) => ({
    ...manifest.descriptor,
    annotations: nameAnnotations(name),
  }));
  yield ['index.json', formatLayoutIndex(entries)];
  if (format === 'universal') {
    const items = images.map(({ name, config, layers }) => ({
      Config: blobPath(config.descriptor.digest),
      RepoTags: [name],
      Layers: layers.map(({ digest }) => blobPath(digest)),
    }));
    yield ['manifest.json', Buffer.from(`${JSON.stringify(items)}\n`)];
  }
  yield ['oci-layout', LAYOUT_FILE];
}
