import type { Digest } from '../../content/digest.js';
import type { ErrorCode } from '../../errors.js';
import type { OnCopyEvent } from '../../events.js';
import type { IdentifiedKind } from '../../manifest/identify.js';
import type { ManifestWarning } from '../../manifest/warnings.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import type { LayerLimits } from '../../store/limits.js';
import type { ReportedSignature } from './signatures.js';

export interface VerifyOptions extends LayerLimits, Pick<ConnectionOptions, 's3' | 'tlsVerify' | 'caFile'> {
  /** Number of threads that hash; default: one per core. */
  concurrency?: number | undefined;
  /** Decompress every layer to compare it with its config; default true. This takes most of the time. */
  diffIDs?: boolean | undefined;
  /**
   * Verify only these images of an archive or layout with what is attached to them, by their names, the ends of their
   * names, or patterns (`ghcr.io/product/*`), and only the content that they need; default everything.
   */
  select?: readonly string[] | undefined;
  /**
   * Verify only what these platforms of the images need, `OS/ARCH[/VARIANT][:VERSION]`, with what is attached to them and
   * to the images as a whole; default all.
   */
  platforms?: readonly string[] | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
}

export interface VerifyResult {
  /** True if there are no findings; notes do not count. */
  ok: boolean;
  /** `diffIDs` is the number of layers that were decompressed and compared with a config. */
  checked: { manifests: number; blobs: number; bytes: number; diffIDs: number };
  /** Set if only some platforms were to be verified. */
  platforms?: VerifiedPlatforms;
  documents: VerifiedDocument[];
  findings: Finding[];
  /** The images that findings concern: what has to be asked for again. */
  damaged: DamagedImage[];
  notes: Note[];
}

/** How many of the images for single platforms were verified. */
export interface VerifiedPlatforms {
  checked: number;
  /** Those that were verified, and those that were not. */
  all: number;
  /** The platforms that were not verified of each image, each once, in the order in which they were found. */
  unchecked: string[];
}

/** An image that needs content with a finding, or that cannot be read. */
export interface DamagedImage {
  /** The name in the archive, or the digest of an image without a name. */
  name: string;
  /** Absent for an image of a docker-archive, which has no manifest of its own. */
  digest?: Digest;
}

/** A problem that was found. */
export interface Finding {
  code: ErrorCode;
  digest?: string;
  path?: string;
  message: string;
}

/** Something odd, but harmless. */
export interface Note {
  /**
   * Besides the warnings about manifests: content that no image needs, children left out on purpose, layers that are
   * elsewhere, diffIDs that could not be checked, and oddities of the archive itself.
   */
  code:
    | ManifestWarning['code']
    | 'HISTORY_MISMATCH'
    | 'TOO_MANY_LAYERS'
    | 'UNREFERENCED'
    | 'LEFT_OUT'
    | 'FOREIGN_LAYER'
    | 'NOT_CHECKED'
    | 'ODD_ARCHIVE'
    | 'LAYER_FORM'
    | 'ODD_NAME'
    | 'REPEATED_MEMBER';
  digest?: string;
  path?: string;
  message: string;
}

/** A manifest or config that was read, or the single document. */
export interface VerifiedDocument {
  kind: IdentifiedKind;
  digest: Digest;
  mediaType: string;
  /** Signatures of signed schema1. */
  signatures?: ReportedSignature[];
}
