import type { Digest } from '../../content/digest.js';
import type { ErrorCode } from '../../errors.js';
import type { OnCopyEvent } from '../../events.js';
import type { IdentifiedKind } from '../../manifest/identify.js';
import type { ManifestWarning } from '../../manifest/warnings.js';
import type { LayerLimits } from '../../store/limits.js';
import type { ReportedSignature } from './signatures.js';

export interface VerifyOptions extends LayerLimits {
  /** Threads that hash; default one a core. */
  concurrency?: number | undefined;
  /** Decompress every layer, to compare it with what its config says of it; default true. It costs most of the time. */
  diffIDs?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
}

export interface VerifyResult {
  /** Whether nothing was found; notes do not count. */
  ok: boolean;
  /** `diffIDs` are the layers that were decompressed and compared with a config. */
  checked: { manifests: number; blobs: number; bytes: number; diffIDs: number };
  documents: VerifiedDocument[];
  findings: Finding[];
  notes: Note[];
}

/** Something that is not as it should be. */
export interface Finding {
  code: ErrorCode;
  digest?: string;
  path?: string;
  message: string;
}

/** Something odd that does no harm. */
export interface Note {
  /** Beside the warnings about manifests: content no image needs, children that are absent on purpose, layers that are elsewhere, diffIDs that could not be checked, and what is odd about the archive itself. */
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
  /** Of signed schema1. */
  signatures?: ReportedSignature[];
}
