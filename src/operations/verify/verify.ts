import type { Digest } from '../../content/digest.js';
import { makeTemporaryFolder } from '../../disk/temporary-folder.js';
import { LadingError } from '../../errors.js';
import { unpackedTo, warningsTo } from '../../events.js';
import type { ContentFile } from '../../store/content-files.js';
import { isBucket } from '../../store/locator.js';
import { openAnnounced } from '../../store/open.js';
import { knownSource, type SourceLike } from '../../transfer/sources.js';
import { isToHash, verifyFiles } from './blobs.js';
import { isDocument, verifyDocument } from './document.js';
import { verifyLayout } from './layout.js';
import type { VerifyOptions, VerifyResult } from './result.js';

/**
 * Verifies everything in an archive, a layout or a bucket, or a single document, with all cores. `target` is
 * a path, a bucket (`s3://…`), or an archive or layout that `openSource` has opened. The result contains all problems; this rejects only if
 * `target` cannot be opened, and with `USAGE` if it is not in files on this machine.
 */
export async function verify(target: SourceLike, options: VerifyOptions = {}): Promise<VerifyResult> {
  if (typeof target !== 'string') return verifyOpened(target, options);
  if (isBucket(target)) return verifyInBucket(target, options);
  if (await isDocument(target)) {
    if (options.platforms !== undefined)
      throw new LadingError('USAGE', `${target} is a single document, which has no platforms to choose`);
    return verifyDocument(target);
  }
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

async function verifyInBucket(location: string, options: VerifyOptions): Promise<VerifyResult> {
  const { openBucket } = await import('../../store/bucket/bucket.js');
  const { verifyStoredBlobs } = await import('./bucket.js');
  const source = await openBucket(location, options);
  try {
    const images = await source.imageFiles(options.signal);
    const folder = await makeTemporaryFolder();
    try {
      return await verifyLayout(images, options, (walk) => {
        const check = {
          isToHash: (blob: { digest: Digest }) => isToHash(blob, walk, options),
          verifyFiles: (files: readonly ContentFile[], onHashed: (bytes: number) => void) =>
            verifyFiles(files, walk, options, onHashed),
        };
        return verifyStoredBlobs(source, folder.path, check, options);
      });
    } finally {
      await folder.remove();
    }
  } finally {
    await source.close();
  }
}

function verifyOpened(target: Exclude<SourceLike, string>, options: VerifyOptions): Promise<VerifyResult> {
  const source = knownSource(target);
  if (source.kind === 'path') return verifyLayout(source.store, options);
  throw new LadingError('USAGE', `${source.store.location} is not an archive or layout on this machine`, {
    hint: 'Copy it into one, and verify that.',
  });
}
