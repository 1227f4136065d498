import { openAnnounced } from '../../store/open-announced.js';
import { isDocument, verifyDocument } from './document.js';
import { verifyLayout } from './layout.js';
import type { VerifyOptions, VerifyResult } from './result.js';

/**
 * Checks everything in an archive or layout, or a single document: offline, with all cores. What is wrong is in
 * the result; only what cannot be opened at all rejects.
 */
export async function verify(path: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  return (await isDocument(path)) ? verifyDocument(path) : verifyStore(path, options);
}

async function verifyStore(path: string, options: VerifyOptions): Promise<VerifyResult> {
  const store = await openAnnounced(path, { ...options, keepContradictions: true });
  try {
    return await verifyLayout(store, options);
  } finally {
    await store.close();
  }
}
