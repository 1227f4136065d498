import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Digest, digestOf } from '../../src/content/digest.js';
import { makeLayerTar } from './images.js';

/** An image of Docker before 1.10, as stored in a v1 registry. */
export interface V1TestImage {
  id: string;
  parent: string | undefined;
  json: Buffer;
  /** The bytes that are sent. */
  layer: Buffer;
  diffID: Digest;
}

export interface MakeV1Options {
  /** The parent of the lowest image; default none. */
  on?: V1TestImage;
  /** Compresses the layer; default gzip. */
  pack?: (tar: Buffer) => Buffer;
}

/** Makes a chain of images, base first, with the given numbers of random bytes. */
export async function makeV1Chain(
  seed: string,
  sizes: readonly number[],
  { on, pack = (tar) => gzipSync(tar) }: MakeV1Options = {},
): Promise<V1TestImage[]> {
  const images: V1TestImage[] = [];
  for (const [place, size] of sizes.entries()) {
    const tar = await makeLayerTar(`${seed}/${place}`, size);
    const layer = pack(tar);
    const parent = (images.at(-1) ?? on)?.id;
    images.push(makeV1Image(`${seed}/${place}`, { parent, layer, diffID: digestOf(tar) }));
  }
  return images;
}

/** Makes an image, whose ID depends on the seed. */
export function makeV1Image(
  seed: string,
  { parent, layer, diffID }: { parent: string | undefined; layer: Buffer; diffID: Digest },
): V1TestImage {
  const id = idOf(seed);
  const document = {
    id,
    ...(parent !== undefined && { parent }),
    created: '2014-06-07T08:09:10.123456789Z',
    container_config: { Cmd: ['/bin/sh', '-c', `#(nop) ADD ${seed}`] },
    docker_version: '1.0.0',
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] },
    architecture: 'amd64',
    os: 'linux',
    Size: layer.byteLength,
  };
  return { id, parent, json: Buffer.from(JSON.stringify(document)), layer, diffID };
}

export function idOf(seed: string): string {
  return createHash('sha256').update(`v1 ${seed}`).digest('hex');
}

/** Returns the value that Docker sends as `X-Docker-Checksum-Payload`. */
export function payloadChecksum({ json, layer }: V1TestImage): string {
  return digestOf(Buffer.concat([json, Buffer.from('\n'), layer]));
}
