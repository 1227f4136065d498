import type { Digest } from '../../content/digest.js';
import type { WithConnection } from '../../registry/connect.js';
import type { LayerLimits } from '../../store/limits.js';
import type { ConversionFormat } from '../../transfer/convert/image-conversion.js';
import type { LayerCompression } from '../../transfer/convert/recompress.js';
import type { DestinationLike } from '../../transfer/destinations.js';
import type { SaveOutputOptions } from '../../transfer/files/to-files.js';
import type { SaveFormat } from '../../transfer/files/write-files.js';
import type { SourceLike } from '../../transfer/sources.js';

export type ConvertOptions = WithConnection<ConversionOptions>;

interface ConversionOptions
  extends LayerLimits,
    Omit<SaveOutputOptions, 'dockerPlatform' | 'inputs' | 'name' | 'signal' | 'onEvent'> {
  /** A locator, a path, an image of a registry, or an opened source. */
  source: SourceLike;
  /** A locator, a file, a directory (`…/`), a stream for an archive, or any store. */
  output: DestinationLike;
  to: ConversionFormat;
  /**
   * Convert only this image of an archive or layout, or those that a pattern means (`ghcr.io/product/*`); of a registry,
   * this tag or digest of the repository, or the tags that a pattern takes.
   */
  reference?: string | undefined;
  /**
   * The compression of layers afterwards; default `keep`, which leaves them unchanged. `zstd` needs OCI's format and
   * Node.js 22.15. A layer that is compressed as requested stays as it is, whatever its level.
   */
  compression?: LayerCompression | undefined;
  /** Level of `gzip` (1 to 9, default 4) or `zstd` (1 to 19, default 3). */
  compressionLevel?: number | undefined;
  /** Refuse a schema1 manifest whose signature is missing or invalid; default false. */
  verifySignature?: boolean | undefined;
  /** Signs schema1 with the key in this file (PEM); default: a key made for this run. */
  signing?: { keyFile?: string | undefined } | undefined;
  /** In a registry, also give a tag to an image that is named by its digest alone; default false. */
  tagDigests?: boolean | undefined;
  /** Keep the originals, without names, beside the converted images; default false. */
  keepOriginal?: boolean | undefined;
  /** Refuse images whose documents violate their specification; default: they cause a warning. */
  strict?: boolean | undefined;
  /** Convert even if that loses something that stops a conversion otherwise, such as a `subject`; default false. */
  force?: boolean | undefined;
  /** Convert only these platforms of an index; default all, or for schema1 linux/amd64 or else the first. */
  platforms?: readonly string[] | undefined;
  dockerPlatform?: string | undefined;
}

export interface ConvertResult {
  /** The output as the user named it; `-` for a stream. */
  output: string;
  format: SaveFormat | 'registry' | 'store';
  images: {
    name: string;
    /** The name at the output. */
    written: string;
    from: { mediaType: string; digest: Digest };
    to: { mediaType: string; digest: Digest };
    /** Signature of a schema1 original; null if it has none. */
    signature: { valid: boolean; keyId?: string } | null;
    /** Every manifest that changed: old digest → new digest. */
    digests: Record<string, string>;
    /** What could not be kept, one line each. */
    lost: string[];
  }[];
  blobs: { total: number; fetched: number; reused: number };
  bytes: { total: number; fetched: number };
}
