import type { Digest } from '../../content/digest.js';
import type { WithConnection } from '../../registry/connect.js';
import type { LayerLimits } from '../../store/limits.js';
import type { ConversionFormat } from '../../transfer/convert.js';
import type { DestinationLike } from '../../transfer/destinations.js';
import type { LayerCompression } from '../../transfer/recompress.js';
import type { SourceLike } from '../../transfer/sources.js';
import type { SaveOutputOptions } from '../../transfer/to-files.js';
import type { SaveFormat } from '../../transfer/write-files.js';

export type ConvertOptions = WithConnection<ConversionOptions>;

interface ConversionOptions
  extends LayerLimits,
    Omit<SaveOutputOptions, 'dockerPlatform' | 'inputs' | 'name' | 'signal' | 'onEvent'> {
  /** A locator, a path, or an image of a registry; or what was opened. */
  source: SourceLike;
  /** A locator, a file, a directory (`…/`), a stream for an archive, or a store of any kind. */
  output: DestinationLike;
  to: ConversionFormat;
  /** Only this image of an archive or layout. */
  reference?: string | undefined;
  /** What layers are compressed with afterwards; default `keep`, which touches none. */
  compression?: LayerCompression | undefined;
  /** Refuse a schema1 manifest whose signature does not hold, or that has none; default false. */
  verifySignature?: boolean | undefined;
  /** How schema1 is signed: with the key in this file (PEM); default a key made for the run. */
  signing?: { keyFile?: string | undefined } | undefined;
  /** In a registry, give an image that is named by its digest alone a tag, too; default false. */
  tagDigests?: boolean | undefined;
  /** Keep the originals, without names, beside what is made of them; default false. */
  keepOriginal?: boolean | undefined;
  /** Refuse images whose documents break their specification; default: a warning says what is odd. */
  strict?: boolean | undefined;
  /** Convert although something is lost that guards against it; default false. */
  force?: boolean | undefined;
  /** Only these platforms of an index; default all, for schema1 linux/amd64 or the first. */
  platforms?: readonly string[] | undefined;
  dockerPlatform?: string | undefined;
}

export interface ConvertResult {
  /** `-` for a stream. */
  output: string;
  format: SaveFormat | 'registry' | 'store';
  images: {
    name: string;
    /** What it is called at the output. */
    written: string;
    from: { mediaType: string; digest: Digest };
    to: { mediaType: string; digest: Digest };
    /** Of a schema1 original; null where there is none. */
    signature: { valid: boolean; keyId?: string } | null;
    /** Every manifest that changed: old digest → new digest. */
    digests: Record<string, string>;
    /** What could not be kept, one line each. */
    lost: string[];
  }[];
  blobs: { total: number; fetched: number; reused: number };
  bytes: { total: number; fetched: number };
}
