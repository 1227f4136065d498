import { type DecompressLimits, decompressed } from '../../compression/compression.js';
import { createDigester, type Digest } from '../../content/digest.js';
import { isTarStart, TAR_START_LENGTH } from '../../content/tar-start.js';
import { ContentError } from '../../errors.js';
import type { OnCopyEvent } from '../../events.js';
import type { PlannedContent } from '../../graph/tree.js';
import { hashRegions } from '../../hashing/hashing.js';

/** Facts that only the bytes of a layer reveal. */
export interface LayerFacts {
  /** Bytes of the layer as stored. */
  size: number;
  diffID: Digest;
  /** Bytes of the decompressed layer. */
  plainSize: number;
}

export interface LayerFactsOptions {
  /** Limits against decompression bombs. */
  limits?: DecompressLimits | undefined;
  signal?: AbortSignal | undefined;
  /** Read layers on the local disk in threads, even small ones; default: only those large enough to benefit. */
  alwaysInThreads?: boolean | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/**
 * Decompresses each layer once to determine its diffID; layers on the local disk are read with all cores. Writes
 * nothing.
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
  const { limits, signal, alwaysInThreads, onEvent } = options;
  await hashRegions(
    onDisk.map((request) => ({ ...request, limits })),
    ({ digest, region }, { hex, size: plainSize, isTar = true }) => {
      requireTar(isTar, digest);
      facts.set(digest, { size: region.size, diffID: `sha256:${hex}`, plainSize });
    },
    { signal, alwaysInThreads, onHashed: (bytes) => onEvent?.({ type: 'processed', bytes }) },
  );
  return facts;
}

async function streamFacts(
  { descriptor, source }: PlannedContent,
  { limits, signal, onEvent }: LayerFactsOptions,
): Promise<{ diffID: Digest; plainSize: number }> {
  const digester = createDigester();
  const layer = await decompressed(() => source.fetch(descriptor, { signal }), {
    limits,
    signal,
    name: descriptor.digest,
  });
  let start = Buffer.alloc(0);
  for await (const chunk of layer as AsyncIterable<Buffer>) {
    if (start.byteLength < TAR_START_LENGTH)
      start = Buffer.concat([start, chunk.subarray(0, TAR_START_LENGTH - start.byteLength)]);
    digester.update(chunk);
  }
  requireTar(isTarStart(start), descriptor.digest);
  onEvent?.({ type: 'processed', bytes: descriptor.size });
  return { diffID: digester.digest(), plainSize: digester.size };
}

function requireTar(isTar: boolean, layer: Digest): void {
  if (isTar) return;
  throw new ContentError('INVALID_ARCHIVE', `layer ${layer} is neither a tar nor a compressed tar`, {
    hint: 'The image is damaged where it came from: no engine could unpack this layer.',
  });
}
