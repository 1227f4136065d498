import { Readable } from 'node:stream';
import {
  type Compressor,
  type DecompressLimits,
  decompressed,
  detectCompression,
  MAGIC_LENGTH,
} from '../../compression/compression.js';
import type { Descriptor } from '../../content/descriptor.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { verified } from '../../content/verify.js';
import type { PlannedContent } from '../../graph/tree.js';
import { compressionOfType } from '../../manifest/layer-types.js';
import type { Scratch } from '../../store/scratch.js';

/** What layers are to be compressed with. */
export type LayerCompression = 'keep' | 'gzip' | 'none';

export interface RecompressOptions {
  limits?: DecompressLimits | undefined;
  signal?: AbortSignal | undefined;
}

/** What layers are made with; whoever opened both closes them. */
export interface RecompressTools {
  scratch: Scratch;
  compressor: Compressor;
}

/**
 * Makes layers of another compression in the scratch, each once however many images share it; undefined for
 * those that are as they should be.
 */
export function createRecompressor(
  compression: Exclude<LayerCompression, 'keep'>,
  tools: RecompressTools,
  options: RecompressOptions,
): (layer: PlannedContent) => Promise<PlannedContent | undefined> {
  const made = new Map<string, Promise<PlannedContent | undefined>>();
  return (layer) => {
    const { digest } = layer.descriptor;
    const making = made.get(digest) ?? recompress(layer, compression, tools, options);
    made.set(digest, making);
    return making;
  };
}

async function recompress(
  { descriptor, source }: PlannedContent,
  compression: 'gzip' | 'none',
  { scratch, compressor }: RecompressTools,
  { limits, signal }: RecompressOptions,
): Promise<PlannedContent | undefined> {
  const mediaType = compression === 'none' ? MEDIA_TYPE.ociLayerTar : MEDIA_TYPE.ociLayerGzip;
  if ((await compressionOf(descriptor, source)) === compression) {
    // The bytes are as wanted; where the media type says something else, it is corrected.
    if (compressionOfType(descriptor.mediaType) === compression) return undefined;
    return { descriptor: { ...descriptor, mediaType }, source };
  }
  // Nobody else checks the bytes that came: what is made of them has a digest of its own.
  const openVerified = async (): Promise<Readable> =>
    Readable.from(verified(descriptor, await source.fetch(descriptor, { signal })), { objectMode: false });
  const openPlain = (): Promise<Readable> =>
    decompressed(openVerified, { limits, signal, name: descriptor.digest });
  const openGzip = (): Promise<Readable> => compressor.compress(openPlain, { signal });
  const made = await scratch.keep(mediaType, compression === 'none' ? openPlain : openGzip);
  return { descriptor: made, source: scratch };
}

/** By the first bytes: media types lie. */
async function compressionOf(descriptor: Descriptor, source: PlannedContent['source']): Promise<string> {
  const body = await source.fetch(descriptor);
  let start = Buffer.alloc(0);
  for await (const chunk of body as AsyncIterable<Buffer>) {
    start = Buffer.concat([start, chunk]);
    if (start.byteLength >= MAGIC_LENGTH) break;
  }
  return detectCompression(start);
}
