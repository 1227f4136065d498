import type { CheckedSignature } from '../../manifest/schema1/signature.js';

/** A signature of a schema1 manifest, as results show it. A valid one proves integrity, not who signed. */
export interface ReportedSignature {
  /** libtrust's fingerprint of the key; absent if the key cannot be read. */
  keyId?: string;
  algorithm: string;
  valid: boolean;
  /** Why it is not valid. */
  problem?: string;
}

export function reportedSignature({ keyID, ...signature }: CheckedSignature): ReportedSignature {
  return { ...(keyID !== undefined && { keyId: keyID }), ...signature };
}
