import { isDigest } from '../content/digest.js';
import { formatReference, type Reference, withDefaultTag } from '../content/reference.js';
import { LadingError } from '../errors.js';
import { isAttachmentTag } from '../store/attached.js';
import { ImageFiles } from '../store/image-files.js';
import type { Source } from '../store/store.js';
import type { CopyRequest } from './plan.js';
import { knownSource, type OpenedSource } from './sources.js';

/**
 * Returns requests for the images that a source was opened for: one image of a registry; from files and other stores,
 * `wanted` or all images. Rejects with `NOT_FOUND` if there is none.
 */
export async function requestsOf(opened: OpenedSource, wanted?: string | undefined): Promise<CopyRequest[]> {
  const source = knownSource(opened);
  if (source.kind !== 'registry') {
    const reference = wanted ?? source.reference;
    const names = reference === undefined ? [] : [reference];
    return requestsOfStore(source.store, source.kind === 'path' ? source.path : source.store.location, names);
  }
  const reference = withDefaultTag(
    wanted === undefined ? source.reference : instead(source.reference, wanted),
  );
  const name = formatReference(reference);
  return [{ source: source.store, reference: reference.digest ?? reference.tag ?? 'latest', name }];
}

/** Returns the reference of another image in the same repository: `wanted` is its tag or digest. */
export function instead({ registry, repository }: Reference, wanted: string): Reference {
  return { registry, repository, ...(isDigest(wanted) ? { digest: wanted } : { tag: wanted }) };
}

/**
 * Returns requests for images of an archive, a layout or another store: `wanted`, or all images, even broken ones.
 * Attachments are left out, because they are carried with their images.
 */
export async function requestsOfStore(
  store: Source,
  location: string,
  wanted: readonly string[],
): Promise<CopyRequest[]> {
  const requests: CopyRequest[] = [];
  for (const reference of wanted)
    requests.push({ source: store, reference, name: await fullName(store, reference) });
  if (wanted.length > 0) return requests;
  for await (const { name } of store.names()) {
    if (!isAttachmentTag(name.slice(name.lastIndexOf(':') + 1)))
      requests.push({ source: store, reference: name, name });
  }
  const broken = store instanceof ImageFiles ? store.broken : [];
  for (const { name, reference } of broken) requests.push({ source: store, reference, name });
  if (requests.length > 0) return requests;
  throw new LadingError('NOT_FOUND', `${location} holds no image`);
}

/** Returns the full name in the archive of an image that was requested by a short name. */
async function fullName(store: Source, wanted: string): Promise<string> {
  const { digest } = await store.resolve(wanted);
  for await (const { name, descriptor } of store.names()) {
    if (
      descriptor.digest === digest &&
      (name === wanted || name.endsWith(`/${wanted}`) || name.endsWith(`:${wanted}`))
    )
      return name;
  }
  return wanted;
}
