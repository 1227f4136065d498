import { createCipheriv, createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { END_OF_ARCHIVE, paddingAfter, tarHeader } from '../../src/tar/write.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { pushImage } from './images.js';
import { counting, type Layer } from './layer.js';

const LAYERS = 4;
const CHUNK_BYTES = 1024 * 1024;
/** Of each image of many: what it shares with the others, and what it has for itself. */
const SHARED_BYTES = [2_000_000, 500_000];
const OWN_BYTES = 20_000;

/** Puts an image of so many bytes in four layers into a registry; its name. */
export async function pushSized(host: string, bytes: number): Promise<string> {
  const repository = `growth/size-${bytes}`;
  const layers: Layer[] = [];
  for (let place = 0; place < LAYERS; place++)
    layers.push(await randomLayer(`${repository} ${place}`, Math.round(bytes / LAYERS)));
  await pushImage(host, repository, layers);
  return `${repository}:1`;
}

/** Puts so many small images into a registry, which share all layers but their last; their names. */
export async function pushMany(host: string, count: number): Promise<string[]> {
  const shared: Layer[] = [];
  for (const bytes of SHARED_BYTES) shared.push(await randomLayer(`shared ${bytes}`, bytes));
  const names: string[] = [];
  for (let index = 0; index < count; index++) {
    const repository = `growth/many-${String(index + 1).padStart(3, '0')}`;
    await pushImage(host, repository, [...shared, await randomLayer(repository, OWN_BYTES)]);
    names.push(`${repository}:1`);
  }
  return names;
}

/** A layer whose one file holds bytes that follow from `seed`, stored in gzip's form: they could not be compressed. */
async function randomLayer(seed: string, bytes: number): Promise<Layer> {
  const file = join(await temporaryFolder('layer'), 'layer.tar.gz');
  const unpacked = counting();
  const packed = counting();
  await pipeline(
    Readable.from(tarOf(seed, bytes), { objectMode: false }),
    unpacked.stream,
    createGzip({ level: 0, chunkSize: CHUNK_BYTES }),
    packed.stream,
    createWriteStream(file),
  );
  return {
    file,
    digest: `sha256:${packed.hash.digest('hex')}`,
    size: packed.bytes(),
    diffID: `sha256:${unpacked.hash.digest('hex')}`,
    unpackedBytes: unpacked.bytes(),
    of: 'random bytes',
  };
}

async function* tarOf(seed: string, size: number): AsyncIterable<Buffer> {
  yield await tarHeader({ path: 'random', size });
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let done = 0; done < size; done += CHUNK_BYTES)
    yield cipher.update(zeros.subarray(0, Math.min(CHUNK_BYTES, size - done)));
  yield Buffer.alloc(paddingAfter(size));
  yield END_OF_ARCHIVE;
}
