import type { ConvertedImage } from '../../transfer/convert.js';
import type { ImageTrees, PlanOptions } from '../../transfer/plan.js';
import type { ConvertOptions, ConvertResult } from './options.js';

/** Where converted images go. */
export interface ConvertOutput {
  /** Beside it, there is room for images; undefined where that is the system's folder for temporary files. */
  directory: string | undefined;
  write(
    originals: readonly ImageTrees[],
    convertThem: () => Promise<ConvertedImage[]>,
  ): Promise<ConvertResult>;
  close(): Promise<void>;
}

export function pace({ concurrency, retries, signal, onEvent }: ConvertOptions): PlanOptions {
  return { concurrency, retries, signal, onEvent };
}

/** What became of an image, as the result says it; `written` is its name at the output. */
export function describeConverted(
  { name, from, to, signature, digests, lost }: ConvertedImage,
  written: string,
): ConvertResult['images'][number] {
  return {
    name,
    written,
    from: { mediaType: from.mediaType, digest: from.digest },
    to: { mediaType: to.mediaType, digest: to.digest },
    signature: signature && {
      valid: signature.valid,
      ...(signature.keyID !== undefined && { keyId: signature.keyID }),
    },
    digests: Object.fromEntries(digests),
    lost,
  };
}
