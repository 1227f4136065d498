import { LadingError } from '../../errors.js';
import { unpackedTo, warningsTo } from '../../events.js';
import { openAnnounced } from '../../store/open.js';
import { knownSource, type SourceLike } from '../../transfer/sources.js';
import { isDocument, verifyDocument } from './document.js';
import { verifyLayout } from './layout.js';
import type { VerifyOptions, VerifyResult } from './result.js';

/**
 * Verifies everything in an archive or layout, or a single document, with all cores and without a network. `target` is
 * a path, or an archive or layout that `openSource` has opened. The result contains all problems; this rejects only if
 * `target` cannot be opened, and with `USAGE` if it is not in files on this machine.
 */
export async function verify(target: SourceLike, options: VerifyOptions = {}): Promise<VerifyResult> {
  if (typeof target !== 'string') return verifyOpened(target, options);
  if (await isDocument(target)) return verifyDocument(target);
  const onWarning = warningsTo(options.onEvent);
  const onUnpacked = unpackedTo(options.onEvent);
  const store = await openAnnounced(target, {
    ...options,
    onWarning,
    onUnpacked,
    keepContradictions: true,
  });
  try {
    return await verifyLayout(store, options);
  } finally {
    await store.close();
  }
}

function verifyOpened(target: Exclude<SourceLike, string>, options: VerifyOptions): Promise<VerifyResult> {
  const source = knownSource(target);
  if (source.kind === 'path') return verifyLayout(source.store, options);
  throw new LadingError('USAGE', `${source.store.location} is not an archive or layout on this machine`, {
    hint: 'Copy it into one, and verify that.',
  });
}
