import { RegistryError } from '../errors.js';
import { header } from '../registry/http/headers.js';
import { decoded } from './listing.js';
import {
  type CallOptions,
  type Condition,
  conditionHeaders,
  copySource,
  requireDone,
  type WriteHeaders,
} from './objects.js';
import { ended, type Payload, payloadOf, readDocument, type S3Requester } from './request.js';
import { timeOf } from './time.js';
import { childrenOf, type Element, escaped, textOf } from './xml.js';

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

/** Begins an upload in parts; rejects with `REGISTRY` if the service gives it no ID. (Amazon S3, CreateMultipartUpload) */
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

/** What the service has of an upload. */
export interface UploadState {
  parts: Part[];
  /** When the last of them was written, in milliseconds since 1970; undefined if the service does not say. */
  modified: number | undefined;
}

/** Lists the parts that the service has; undefined if it does not know the upload. (Amazon S3, ListParts) */
export async function stateOfUpload(
  request: S3Requester,
  { key, uploadID }: Upload,
  { signal }: CallOptions = {},
): Promise<UploadState | undefined> {
  const parts: Part[] = [];
  let modified: number | undefined;
  let marker: string | undefined;
  for (;;) {
    const query = { uploadId: uploadID, ...(marker !== undefined && { 'part-number-marker': marker }) };
    const document = await request(
      { method: 'GET', key, query, action: 's3:ListMultipartUploadParts', answers: [404], signal },
      (response) => readDocument(response, key),
    );
    if (document.name === 'Error') return undefined;
    for (const part of childrenOf(document, 'Part')) {
      const written = timeOf(textOf(part, 'LastModified'));
      if (written !== undefined) modified = Math.max(modified ?? written, written);
      parts.push({
        number: Number(textOf(part, 'PartNumber')),
        size: Number(textOf(part, 'Size')),
        etag: textOf(part, 'ETag') ?? '',
      });
    }
    const next = textOf(document, 'NextPartNumberMarker');
    if (textOf(document, 'IsTruncated') !== 'true' || !next || next === marker) return { parts, modified };
    marker = next;
  }
}

/** An upload that is not completed. */
export interface BegunUpload extends Upload {
  /** Milliseconds since 1970; undefined if the service does not say. */
  initiated: number | undefined;
}

/** Lists the uploads that are not completed of keys that begin with `prefix`. (Amazon S3, ListMultipartUploads) */
export async function* listUploads(
  request: S3Requester,
  prefix: string,
  { signal }: CallOptions = {},
): AsyncGenerator<BegunUpload> {
  const what = `the uploads of ${prefix}`;
  const action = 's3:ListBucketMultipartUploads';
  let markers: { 'key-marker': string; 'upload-id-marker': string } | undefined;
  for (;;) {
    const query = { uploads: '', 'encoding-type': 'url', prefix, ...markers };
    const document = await request(
      { method: 'GET', query, action, what, isDocument: true, answers: [404], signal },
      (response) => readDocument(response, what),
    );
    // So rclone says that there are none; that the bucket is not there is an error before.
    if (document.name === 'Error') return;
    const keyIn = (element: Element, name: string): string => {
      const text = textOf(element, name) ?? '';
      return textOf(document, 'EncodingType') === 'url' ? decoded(text) : text;
    };
    for (const upload of childrenOf(document, 'Upload'))
      yield {
        key: keyIn(upload, 'Key'),
        uploadID: textOf(upload, 'UploadId') ?? '',
        initiated: timeOf(textOf(upload, 'Initiated')),
      };
    const next = {
      'key-marker': keyIn(document, 'NextKeyMarker'),
      'upload-id-marker': textOf(document, 'NextUploadIdMarker') ?? '',
    };
    if (textOf(document, 'IsTruncated') !== 'true') return;
    const isSame = next['key-marker'] === markers?.['key-marker'];
    if (next['key-marker'] === '' || (isSame && next['upload-id-marker'] === markers?.['upload-id-marker']))
      throw new RegistryError('REGISTRY', `${what} go on, but the service does not say where`);
    markers = next;
  }
}

/** Lists the uploads of a key that are not completed, the oldest first. */
export async function uploadsOf(
  request: S3Requester,
  key: string,
  options: CallOptions = {},
): Promise<Upload[]> {
  const found: BegunUpload[] = [];
  for await (const upload of listUploads(request, key, options)) if (upload.key === key) found.push(upload);
  found.sort((a, b) => (a.initiated ?? 0) - (b.initiated ?? 0));
  return found.map(({ uploadID }) => ({ key, uploadID }));
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
