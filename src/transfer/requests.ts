import { isDigest } from '../content/digest.js';
import { formatReference, type Reference, withDefaultTag } from '../content/reference.js';
import { LadingError } from '../errors.js';
import { isAttachmentTag } from '../store/attached.js';
import { ImageFiles } from '../store/image-files.js';
import { selectImages } from '../store/select-images.js';
import type { Source } from '../store/store.js';
import { imageTags } from '../store/taken-tags.js';
import type { CopyRequest } from './plan.js';
import { type KnownSource, knownSource, type OpenedSource } from './sources.js';

/**
 * Returns requests for the images that a source was opened for: one image of a registry; from files and other stores,
 * all images, or those that `wanted` means, by names and patterns. Of a registry, `wanted` is a tag or a digest of the
 * same repository, or a pattern of its tags. Rejects with `NOT_FOUND` if there is none.
 */
export async function requestsOf(
  opened: OpenedSource,
  wanted: string | readonly string[] = [],
): Promise<CopyRequest[]> {
  const source = knownSource(opened);
  const texts = typeof wanted === 'string' ? [wanted] : wanted;
  if (source.kind !== 'registry') {
    const named = source.reference === undefined ? [] : [source.reference];
    const location = source.kind === 'path' ? source.path : source.store.location;
    return requestsOfStore(source.store, location, texts.length === 0 ? named : texts);
  }
  const references = await referencesOf(source, texts);
  return references.map((reference) => ({
    source: source.store,
    reference: reference.digest ?? reference.tag ?? 'latest',
    name: formatReference(reference),
  }));
}

/** Returns the images of a repository that texts mean; without a text, the one that the source was opened for. */
async function referencesOf(
  { store, reference }: KnownSource & { kind: 'registry' },
  texts: readonly string[],
): Promise<Reference[]> {
  if (texts.length === 0) return [withDefaultTag(reference)];
  const { registry, repository } = reference;
  if (!texts.some(isSelection)) return texts.map((text) => instead(reference, text));
  const { tagsMeantBy } = await import('../store/match-names.js');
  const tags = await imageTags(store.tags());
  return texts.flatMap((text) =>
    isSelection(text)
      ? tagsMeantBy([text], tags, reference).map((tag) => ({ registry, repository, tag }))
      : [instead(reference, text)],
  );
}

/** True for a text that may mean several images: a pattern of names or of tags. */
export function isSelection(text: string): boolean {
  return /[*{]/.test(text);
}

/** Returns the reference of another image in the same repository: `wanted` is its tag or digest. */
export function instead({ registry, repository }: Reference, wanted: string): Reference {
  return { registry, repository, ...(isDigest(wanted) ? { digest: wanted } : { tag: wanted }) };
}

/**
 * Returns requests for images of an archive, a layout or another store: `those that `wanted` means,
 * or all images, even broken ones. Attachments are left out, because they are carried with their images.
 */
export async function requestsOfStore(
  store: Source,
  location: string,
  wanted: readonly string[],
): Promise<CopyRequest[]> {
  const images =
    wanted.length === 0 ? await allImages(store) : await selectImages(store, wanted, { location });
  if (images.length > 0) return images.map((image) => ({ source: store, ...image }));
  throw new LadingError('NOT_FOUND', `${location} holds no image`);
}

async function allImages(store: Source): Promise<Pick<CopyRequest, 'name' | 'reference'>[]> {
  const images: Pick<CopyRequest, 'name' | 'reference'>[] = [];
  for await (const { name } of store.names())
    if (!isAttachmentTag(name.slice(name.lastIndexOf(':') + 1))) images.push({ name, reference: name });
  const broken = store instanceof ImageFiles ? store.broken : [];
  for (const { name, reference } of broken) images.push({ name, reference });
  return images;
}
