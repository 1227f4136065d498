import type { CheckedSignature } from '../../manifest/schema1/signature.js';

/** A signature of a schema1 manifest, as results tell it. One that holds means integrity, not who signed. */
export interface ReportedSignature {
  /** libtrust's fingerprint of the key; absent where the key cannot be read. */
  keyId?: string;
  algorithm: string;
  valid: boolean;
  /** Why it does not hold. */
  problem?: string;
}

export function reportedSignature({ keyID, ...signature }: CheckedSignature): ReportedSignature {
  return { ...(keyID !== undefined && { keyId: keyID }), ...signature };
}
