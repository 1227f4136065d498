import { formatReference, withDefaultTag } from '../content/reference.js';
import { LadingError } from '../errors.js';
import { isAttachmentTag } from '../store/attached.js';
import type { ImageFiles } from '../store/image-files.js';
import type { CopyRequest } from './plan.js';
import type { OpenedSource } from './sources.js';

/** A request for the images that a source was named for: of a registry one, of files `wanted` or all. */
export async function requestsOf(source: OpenedSource, wanted?: string | undefined): Promise<CopyRequest[]> {
  if (source.kind === 'path') {
    const reference = wanted ?? source.reference;
    return requestsOfFiles(source.store, source.path, reference === undefined ? [] : [reference]);
  }
  const reference = withDefaultTag(source.reference);
  const name = formatReference(reference);
  return [{ source: source.store, reference: wanted ?? reference.digest ?? reference.tag ?? 'latest', name }];
}

/**
 * Requests for images of an archive or layout: `wanted`, or all, those that are broken too. What is attached to others
 * comes with those.
 */
export async function requestsOfFiles(
  store: ImageFiles,
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
  for (const { name, reference } of store.broken) requests.push({ source: store, reference, name });
  if (requests.length > 0) return requests;
  throw new LadingError('NOT_FOUND', `${location} holds no image`);
}

/** The name that an archive has for what was asked for in short. */
async function fullName(store: ImageFiles, wanted: string): Promise<string> {
  const { digest } = await store.resolve(wanted);
  for await (const { name, descriptor } of store.names()) {
    if (descriptor.digest === digest && (name === wanted || name.endsWith(wanted))) return name;
  }
  return wanted;
}
