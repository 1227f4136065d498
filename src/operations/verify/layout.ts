import { absentOf } from '../../content/annotations.js';
import { taggedName } from '../../content/names.js';
import { ContentError } from '../../errors.js';
import type { ImageFiles } from '../../store/image-files.js';
import { entryName } from '../../store/layout/layout-index.js';
import { selecting } from '../../store/select-images.js';
import { verifyBlobs } from './blobs.js';
import { damagedImages } from './damaged.js';
import { GraphCheck } from './graph.js';
import type { VerifyOptions, VerifyResult } from './result.js';

/**
 * Follows every entry of the index to everything it names. Then hashes every blob that is present, whether it is named
 * or not, and compares the layers with their configs. Of selected images or platforms, only what they need is hashed.
 */
export async function verifyLayout(
  store: ImageFiles,
  options: VerifyOptions,
  verifyContents = (walk: GraphCheck) => verifyBlobs(store, walk, options),
): Promise<VerifyResult> {
  const walk = new GraphCheck(store);
  const isSelected = await selecting(store, options.select, options);
  const isPartial = options.select !== undefined || options.platforms !== undefined;
  const partial = isPartial
    ? new (await import('./partial.js')).PartialCheck(store, walk, options)
    : undefined;
  const platforms = partial?.platforms;
  const entries = store.indexEntries.map((entry) => ({ entry, name: entryName(entry) }));
  for (const { entry, name } of (await partial?.imagesAmong(entries)) ?? entries) {
    if (!isSelected(name === undefined ? entry.digest : taggedName(name), entry.digest)) continue;
    await walk.requireTrueType(entry);
    walk.requireTrueName(entry);
    const place = { image: name ?? entry.digest, absent: absentOf(entry), platforms };
    await walk.visit(entry, place);
    await partial?.follow(entry, place);
    options.signal?.throwIfAborted();
  }
  for (const { name, descriptor } of store.twins)
    if (isSelected(name, descriptor.digest))
      await walk.visit(descriptor, { image: name, absent: [], platforms });
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
    ...(platforms && { platforms: platforms.counts }),
    documents: walk.documents,
    findings,
    damaged: findings.length === 0 ? [] : await damagedImages(store, findings, brokenImages),
    notes: [...remarks, ...walk.notes, ...blobs.notes],
  };
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
