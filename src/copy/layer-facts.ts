import { type DecompressLimits, decompressed } from '../compression.js';
import { createDigester, type Digest } from '../content/digest.js';
import { hashRegions } from '../hashing/hashing.js';

import type { PlannedContent } from './plan.js';

/** What only the bytes of a layer tell. */
export interface LayerFacts {
  /** Bytes as stored. */
  size: number;
  diffID: Digest;
  /** Bytes when decompressed. */
  plainSize: number;
}

export interface LayerFactsOptions {
  /** Against decompression bombs. */
  limits?: DecompressLimits | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Decompresses each layer once, to learn its diffID: with all cores where the bytes lie on this machine's
 * disk. Nothing is written.
 */
export async function readLayerFacts(
  layers: readonly PlannedContent[],
  options: LayerFactsOptions = {},
): Promise<Map<Digest, LayerFacts>> {
  const facts = new Map<Digest, LayerFacts>();
  const onDisk = [];
  for (const layer of new Map(layers.map((content) => [content.descriptor.digest, content])).values()) {
    const { descriptor, source } = layer;
    const region = await source.region?.(descriptor);
    const { digest, size } = descriptor;
    if (region !== undefined) onDisk.push({ digest, region, algorithm: 'sha256', decompress: digest });
    else facts.set(digest, { size, ...(await streamFacts(layer, options)) });
  }
  const { limits, signal } = options;
  await hashRegions(
    onDisk.map((request) => ({ ...request, limits })),
    ({ digest, region }, hex, plainSize) =>
      facts.set(digest, { size: region.size, diffID: `sha256:${hex}`, plainSize }),
    { signal },
  );
  return facts;
}

async function streamFacts(
  { descriptor, source }: PlannedContent,
  { limits, signal }: LayerFactsOptions,
): Promise<{ diffID: Digest; plainSize: number }> {
  const digester = createDigester();
  const layer = await decompressed(() => source.fetch(descriptor, { signal }), {
    limits,
    signal,
    name: descriptor.digest,
  });
  for await (const chunk of layer as AsyncIterable<Buffer>) digester.update(chunk);
  return { diffID: digester.digest(), plainSize: digester.size };
}
