import { openAnnounced } from './open-announced.js';
import { isDocument, verifyDocument } from './verify-document.js';
import { type Finding, type VerifiedDocument, verifyLayout } from './verify-layout.js';

export type { Finding, VerifiedDocument };

export interface VerifyOptions {
  /** Threads that hash; default one a core. */
  concurrency?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Told of every stretch of bytes that was hashed. */
  onHashed?: ((bytes: number, totalBytes: number) => void) | undefined;
  /** Told what the user should know and what stops nothing. */
  onWarning?: ((message: string) => void) | undefined;
}

export interface VerifyResult {
  /** Whether nothing was found. */
  ok: boolean;
  checked: { manifests: number; blobs: number; bytes: number };
  documents: VerifiedDocument[];
  findings: Finding[];
}

/** Checks everything in an archive or layout, or a single document: offline, with all cores. */
export async function verify(path: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  return (await isDocument(path)) ? verifyDocument(path) : verifyStore(path, options);
}

async function verifyStore(path: string, options: VerifyOptions): Promise<VerifyResult> {
  const store = await openAnnounced(path, options);
  try {
    return await verifyLayout(store, options);
  } finally {
    await store.close();
  }
}
