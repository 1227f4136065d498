import { RegistryError } from '../errors.js';
import { header } from '../registry/http/headers.js';
import {
  type CallOptions,
  type Condition,
  conditionHeaders,
  copySource,
  requireDone,
  type WriteHeaders,
} from './objects.js';
import { ended, type Payload, payloadOf, readDocument, type S3Requester } from './request.js';
import { childrenOf, escaped, textOf } from './xml.js';

/** A part that the service has. */
export interface Part {
  /** From 1. */
  number: number;
  size: number;
  etag: string;
}

/** An object that is written in parts; it is there when it is completed. */
export interface Upload {
  key: string;
  uploadID: string;
}

export async function createUpload(
  request: S3Requester,
  key: string,
  { headers, signal }: CallOptions & { headers: WriteHeaders },
): Promise<Upload> {
  const message = {
    method: 'POST',
    key,
    query: { uploads: '' },
    headers: { 'content-type': 'application/octet-stream', ...headers },
    action: 's3:PutObject',
    isDocument: true,
    signal,
  } as const;
  return request(message, async (response) => {
    const uploadID = textOf(await readDocument(response, key), 'UploadId');
    if (!uploadID) throw new RegistryError('REGISTRY', `${key}: the service began no upload`);
    return { key, uploadID };
  });
}

/** Writes a part; resolves with its ETag. */
export async function uploadPart(
  request: S3Requester,
  { key, uploadID }: Upload,
  number: number,
  payload: Payload,
  { signal }: CallOptions = {},
): Promise<Part> {
  const query = { partNumber: String(number), uploadId: uploadID };
  const message = {
    method: 'PUT',
    key,
    query,
    payload,
    action: 's3:PutObject',
    isSlow: true,
    signal,
  } as const;
  return request(message, async (response) => {
    await ended(response);
    const etag = header(response.headers, 'etag');
    if (etag === undefined)
      throw new RegistryError('REGISTRY', `${key}: the service gave part ${number} no ETag`);
    return { number, size: payload.size, etag };
  });
}

/** Makes a part of bytes of another object, for objects above 5 GiB. */
export async function uploadPartCopy(
  request: S3Requester,
  { key, uploadID }: Upload,
  number: number,
  { bucket, from, start, length }: { bucket: string; from: string; start: number; length: number },
  { signal }: CallOptions = {},
): Promise<Part> {
  const message = {
    method: 'PUT',
    key,
    query: { partNumber: String(number), uploadId: uploadID },
    headers: {
      'x-amz-copy-source': copySource(bucket, from),
      'x-amz-copy-source-range': `bytes=${start}-${start + length - 1}`,
    },
    action: 's3:GetObject and s3:PutObject',
    isSlow: true,
    signal,
  } as const;
  return request(message, async (response) => {
    const document = await readDocument(response, key);
    requireDone(document, key);
    return { number, size: length, etag: textOf(document, 'ETag') ?? '' };
  });
}

/** Lists the parts that the service has; undefined if it does not know the upload. */
export async function listParts(
  request: S3Requester,
  { key, uploadID }: Upload,
  { signal }: CallOptions = {},
): Promise<Part[] | undefined> {
  const parts: Part[] = [];
  let marker: string | undefined;
  for (;;) {
    const query = { uploadId: uploadID, ...(marker !== undefined && { 'part-number-marker': marker }) };
    const document = await request(
      { method: 'GET', key, query, action: 's3:ListMultipartUploadParts', answers: [404], signal },
      (response) => readDocument(response, key),
    );
    if (document.name === 'Error') return undefined;
    for (const part of childrenOf(document, 'Part'))
      parts.push({
        number: Number(textOf(part, 'PartNumber')),
        size: Number(textOf(part, 'Size')),
        etag: textOf(part, 'ETag') ?? '',
      });
    const next = textOf(document, 'NextPartNumberMarker');
    if (textOf(document, 'IsTruncated') !== 'true' || !next || next === marker) return parts;
    marker = next;
  }
}

/** Lists the uploads of a key that are not completed, the oldest first. */
export async function listUploads(
  request: S3Requester,
  key: string,
  { signal }: CallOptions = {},
): Promise<Upload[]> {
  const query = { uploads: '', prefix: key };
  const what = `the uploads of ${key}`;
  const action = 's3:ListBucketMultipartUploads';
  const document = await request({ method: 'GET', query, action, what, signal }, (response) =>
    readDocument(response, what),
  );
  return childrenOf(document, 'Upload')
    .filter((upload) => textOf(upload, 'Key') === key)
    .map((upload) => ({
      key,
      uploadID: textOf(upload, 'UploadId') ?? '',
      initiated: textOf(upload, 'Initiated') ?? '',
    }))
    .sort((a, b) => (a.initiated < b.initiated ? -1 : 1))
    .map(({ uploadID }) => ({ key, uploadID }));
}

/**
 * Joins the parts to the object. Resolves with false if the condition is not met; rejects with the code
 * `InvalidPart` among its `registryCodes` if the service has other parts.
 */
export async function completeUpload(
  request: S3Requester,
  { key, uploadID }: Upload,
  parts: readonly Part[],
  { condition, signal }: CallOptions & { condition?: Condition | undefined } = {},
): Promise<boolean> {
  const list = parts.map(
    ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`,
  );
  const message = {
    method: 'POST',
    key,
    query: { uploadId: uploadID },
    headers: { 'content-type': 'application/xml', ...conditionHeaders(condition) },
    payload: payloadOf(Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`)),
    action: 's3:PutObject',
    answers: condition === undefined ? [] : [412],
    isSlow: true,
    signal,
  } as const;
  return request(message, async (response) => {
    if (response.status === 412) {
      await ended(response);
      return false;
    }
    const document = await readDocument(response, key);
    if (textOf(document, 'Code') === 'PreconditionFailed') return false;
    requireDone(document, key);
    return true;
  });
}

/** Gives an upload up; its parts cost space until then. */
export async function abortUpload(
  request: S3Requester,
  { key, uploadID }: Upload,
  { signal }: CallOptions = {},
): Promise<void> {
  const query = { uploadId: uploadID };
  await request(
    { method: 'DELETE', key, query, action: 's3:AbortMultipartUpload', answers: [404], signal },
    ended,
  );
}
