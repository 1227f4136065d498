import { absentOf } from '../../content/annotations.js';
import { isDigest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { taggedName } from '../../content/names.js';
import { ContentError } from '../../errors.js';
import type { ImageFiles } from '../../store/image-files.js';
import { entryName } from '../../store/layout/layout-index.js';
import { selecting } from '../../store/select-images.js';
import { verifyBlobs } from './blobs.js';
import { damagedImages } from './damaged.js';
import { GraphCheck, type Place } from './graph.js';
import type { VerifyOptions, VerifyResult } from './result.js';

/**
 * Follows every entry of the index to everything it names. Then hashes every blob that is present, whether it is named
 * or not, and compares the layers with their configs. Of selected images, only what they need is hashed.
 */
export async function verifyLayout(
  store: ImageFiles,
  options: VerifyOptions,
  verifyContents = (walk: GraphCheck) => verifyBlobs(store, walk, options),
): Promise<VerifyResult> {
  const walk = new GraphCheck(store);
  const isSelected = await selecting(store, options.select, options);
  const asked = { documents: 0 };
  for (const entry of store.indexEntries) {
    const name = entryName(entry);
    if (!isSelected(name === undefined ? entry.digest : taggedName(name), entry.digest)) continue;
    await walk.requireTrueType(entry);
    walk.requireTrueName(entry);
    const place = { image: name ?? entry.digest, absent: absentOf(entry) };
    await walk.visit(entry, place);
    if (options.select !== undefined) await visitAttached(store, walk, { place, asked });
    options.signal?.throwIfAborted();
  }
  for (const { name, descriptor } of store.twins)
    if (isSelected(name, descriptor.digest)) await walk.visit(descriptor, { image: name, absent: [] });
  const brokenImages = store.broken.filter(({ name }) => isSelected(name, undefined));
  // It is unknown what a broken image needs.
  if (brokenImages.length > 0) walk.hasGaps = true;
  const blobs = await verifyContents(walk);
  const path = store.location;
  const broken = [...new Set(brokenImages.map(({ error }) => error))];
  const problems = [
    ...store.contradictions,
    ...store.problems,
    ...broken,
    ...(await problemsOfArchive(store)),
  ];
  const ofArchive = problems.map(({ code, message }) => ({
    code,
    path,
    message,
  }));
  const remarks = [
    ...store.remarks.map((message) => ({ code: 'ODD_ARCHIVE' as const, path, message })),
    ...store.warnings.map((message) => ({ code: 'ODD_NAME' as const, path, message })),
  ];
  const findings = [...ofArchive, ...walk.findings, ...blobs.findings];
  const documentBytes = [...walk.verified.values()].reduce((sum, size) => sum + size, 0);
  return {
    ok: findings.length === 0,
    checked: {
      manifests: walk.manifests,
      blobs: blobs.count + walk.configs,
      bytes: blobs.bytes + documentBytes,
      diffIDs: blobs.diffIDs,
    },
    documents: walk.documents,
    findings,
    damaged: findings.length === 0 ? [] : await damagedImages(store, findings, brokenImages),
    notes: [...remarks, ...walk.notes, ...blobs.notes],
  };
}

/** Checks what is attached to the manifests that were read, and to that; all entries of an index are visited anyway. */
async function visitAttached(
  store: ImageFiles,
  walk: GraphCheck,
  { place, asked }: { place: Place; asked: { documents: number } },
): Promise<void> {
  for (; asked.documents < walk.documents.length; asked.documents++) {
    const { digest = '', mediaType = '' } = walk.documents[asked.documents] ?? {};
    if (!isDigest(digest) || !isManifest(mediaType)) continue;
    const subject = { digest, mediaType, size: walk.verified.get(digest) ?? 0 };
    for await (const { descriptor } of store.referrers(subject)) await walk.visit(descriptor, place);
  }
}

async function problemsOfArchive(store: ImageFiles): Promise<ContentError[]> {
  try {
    await store.checkArchive();
    return [];
  } catch (error) {
    if (error instanceof ContentError) return [error];
    throw error;
  }
}
