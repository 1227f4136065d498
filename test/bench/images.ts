import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mountBlob, putBlob, putManifest, TYPE } from '../support/programs/registry-content.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { type Layer, packLayer } from './layer.js';
import { type SourceFile, sourceFiles } from './source-files.js';

export interface BenchImages {
  /** One large image, `REPOSITORY:TAG`. */
  large: string;
  /** Small ones that share all layers but their last. */
  many: string[];
  /** What they are made of, in words. */
  description: string[];
}

export interface ImageSizes {
  /** Bytes of files in each layer of the large image, before compression. */
  large: readonly number[];
  shared: readonly number[];
  /** Of the layer that each small image has for itself. */
  own: number;
  count: number;
}

/** Like an image of a Java application, most of it in two layers: 390 MB compressed where it was measured first. */
export const FULL: ImageSizes = {
  large: [590e6, 280e6, 2e6, 50e3],
  shared: [6e6, 1e6, 100e3],
  own: 100e3,
  count: 60,
};

/** To see whether the benchmark works; its figures say little. */
export const QUICK: ImageSizes = {
  large: [40e6, 15e6, 1e6, 50e3],
  shared: [500e3, 100e3],
  own: 20e3,
  count: 10,
};

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** Makes the images from files of this machine and puts them into a registry. */
export async function pushImages(host: string, sizes: ImageSizes): Promise<BenchImages> {
  const folder = await temporaryFolder('layers');
  const files = sourceFiles();
  const lists: SourceFile[][] = [];
  for (const bytes of [...sizes.large, ...sizes.shared, ...Array(sizes.count).fill(sizes.own)])
    lists.push(await take(files, bytes));
  const layers: Layer[] = [];
  // Two at a time, the large ones first: the rest is packed beside the largest.
  const queue = lists.entries();
  const pack = async () => {
    for (const [index, list] of queue) layers[index] = await packLayer(list, join(folder, `${index}.tar.gz`));
  };
  await Promise.all([pack(), pack()]);

  const large = layers.slice(0, sizes.large.length);
  const shared = layers.slice(sizes.large.length, sizes.large.length + sizes.shared.length);
  const own = layers.slice(sizes.large.length + sizes.shared.length);
  await pushImage(host, 'bench/jvm', large);
  const many: string[] = [];
  for (const [index, layer] of own.entries()) {
    const repository = `bench/many-${String(index + 1).padStart(2, '0')}`;
    await pushImage(host, repository, [...shared, layer]);
    many.push(`${repository}:1`);
  }
  return {
    large: 'bench/jvm:1',
    many,
    description: [
      `jvm: ${describe(large)}`,
      `many: ${own.length} images of ${describe([...shared, ...own.slice(0, 1)])}; all but the last are shared`,
    ],
  };
}

async function take(files: AsyncGenerator<SourceFile>, bytes: number): Promise<SourceFile[]> {
  const taken: SourceFile[] = [];
  for (let size = 0; size < bytes; ) {
    const { value, done } = await files.next();
    if (done) throw new Error('this machine has too few large files to make images of');
    // One file more than asked for would make a small layer a large one.
    if (value.size > bytes) continue;
    taken.push(value);
    size += value.size;
  }
  return taken;
}

/** The repository that a layer was pushed to, by its registry and digest. */
const homes = new Map<string, string>();

/** Puts an image of these layers into a registry, as `REPOSITORY:1`; layers of other images are mounted. */
export async function pushImage(host: string, repository: string, layers: readonly Layer[]): Promise<void> {
  const layerDescriptors = [];
  for (const { file, digest, size } of layers) {
    const home = homes.get(`${host} ${digest}`);
    layerDescriptors.push({ mediaType: LAYER_TYPE, digest, size });
    if (home === undefined) {
      const pushed = await putBlob(host, repository, LAYER_TYPE, await readFile(file));
      if (pushed.digest !== digest) throw new Error(`${file} changed after it was packed`);
      homes.set(`${host} ${digest}`, repository);
    } else if (home !== repository) await mountBlob(host, repository, digest, home);
  }
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/usr/bin'], Cmd: [`/${repository}`] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffID }) => diffID) },
    history: layers.map(({ of }) => ({ created: '1970-01-01T00:00:00Z', created_by: `COPY ${of}` })),
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: TYPE.ociManifest,
    config: await putBlob(host, repository, TYPE.ociConfig, Buffer.from(JSON.stringify(config))),
    layers: layerDescriptors,
  };
  await putManifest(host, repository, '1', TYPE.ociManifest, Buffer.from(JSON.stringify(manifest)));
}

function describe(layers: readonly Layer[]): string {
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  const unpacked = layers.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0);
  const sizes = layers.map(({ size }) => megabytes(size)).join(', ');
  const files = layers.flatMap(({ of }) => of.split(' … '));
  return `${megabytes(total)} compressed with gzip -6, ${megabytes(unpacked)} unpacked, in layers of ${sizes} (files from ${files[0]} to ${files.at(-1)})`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toPrecision(bytes < 1e6 ? 1 : 3)} MB`;
}
