import { RegistryError } from '../errors.js';
import type { CallOptions, RemoveOptions } from './objects.js';
import { payloadOf, readDocument, type S3Requester } from './request.js';
import { timeOf } from './time.js';
import { childrenOf, escaped, textOf } from './xml.js';

export interface ListedObject {
  key: string;
  size: number;
  etag: string | undefined;
  /** Milliseconds since 1970. */
  modified: number | undefined;
}

const MAX_PAGES = 100_000;

/**
 * Lists the objects whose keys begin with `prefix`, in the order of their keys; `most` is for callers that want to know
 * only whether there are any. (Amazon S3, ListObjectsV2)
 */
export async function* listObjects(
  request: S3Requester,
  prefix: string,
  { most, signal }: CallOptions & { most?: number | undefined } = {},
): AsyncGenerator<ListedObject> {
  let token: string | undefined;
  const what = `the list of ${prefix === '' ? 'objects' : prefix}`;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = {
      'list-type': '2',
      // Keys may have characters that XML cannot express.
      'encoding-type': 'url',
      prefix,
      ...(most !== undefined && { 'max-keys': String(most) }),
      ...(token !== undefined && { 'continuation-token': token }),
    };
    const document = await request(
      { method: 'GET', query, action: 's3:ListBucket', what, isDocument: true, signal },
      (response) => readDocument(response, what),
    );
    const isEncoded = textOf(document, 'EncodingType') === 'url';
    for (const object of childrenOf(document, 'Contents')) {
      const key = textOf(object, 'Key') ?? '';
      yield {
        key: isEncoded ? decoded(key) : key,
        size: Number(textOf(object, 'Size') ?? 0),
        etag: textOf(object, 'ETag'),
        modified: timeOf(textOf(object, 'LastModified')),
      };
    }
    const next = textOf(document, 'NextContinuationToken');
    if (textOf(document, 'IsTruncated') !== 'true' || most !== undefined) return;
    if (!next || next === token)
      throw new RegistryError('REGISTRY', `${what} goes on, but the service does not say where`);
    token = next;
  }
}

/** Decodes a key of a listing with the encoding `url`. */
export function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}

/** Most objects that one request removes. */
const MOST_DELETED = 1000;

/** Removes objects, a thousand in a request; resolves with those that could not be removed. (Amazon S3, DeleteObjects) */
export async function deleteObjects(
  request: S3Requester,
  keys: readonly string[],
  { signal, beforeSigning }: RemoveOptions = {},
): Promise<{ key: string; problem: string }[]> {
  const failures: { key: string; problem: string }[] = [];
  for (let first = 0; first < keys.length; first += MOST_DELETED) {
    const some = keys.slice(first, first + MOST_DELETED);
    const objects = some.map((key) => `<Object><Key>${escaped(key)}</Key></Object>`).join('');
    const payload = payloadOf(Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`));
    const headers = {
      'content-type': 'application/xml',
      // The request must have a checksum beside the signed one.
      'x-amz-checksum-sha256': Buffer.from(payload.sha256, 'hex').toString('base64'),
      'x-amz-sdk-checksum-algorithm': 'SHA256',
    };
    const what = `the removal of ${some.length} objects`;
    const message = {
      method: 'POST',
      query: { delete: '' },
      headers,
      payload,
      what,
      isDocument: true,
      signal,
      beforeSigning,
    } as const;
    const document = await request({ ...message, action: 's3:DeleteObject' }, (response) =>
      readDocument(response, what),
    );
    for (const error of childrenOf(document, 'Error'))
      failures.push({ key: textOf(error, 'Key') ?? '', problem: textOf(error, 'Code') ?? 'failed' });
  }
  return failures;
}
