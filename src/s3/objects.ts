import type { Readable } from 'node:stream';
import { RegistryError } from '../errors.js';
import { readBody } from '../registry/http/body.js';
import { contentLength, header, parseContentRange } from '../registry/http/headers.js';
import type { TransportResponse } from '../registry/http/response.js';
import { encoded } from './address.js';
import { ended, type Payload, readDocument, type S3Request, type S3Requester } from './request.js';
import { timeOf } from './time.js';
import { type Element, textOf } from './xml.js';

export interface CallOptions {
  signal?: AbortSignal | undefined;
}

/** Options of calls that remove something. */
export interface RemoveOptions extends CallOptions {
  /** Called before each attempt is signed, also those that repeat it; what it throws ends the call. */
  beforeSigning?: (() => void) | undefined;
}

/** What the service knows about an object. */
export interface ObjectHead {
  size: number;
  /** With its quotes; undefined if the service has none. */
  etag: string | undefined;
  /** Milliseconds since 1970. */
  modified: number | undefined;
}

/** What must be true for a write to happen; it is checked and written in one step. */
export interface Condition {
  /** There is no object of this key. */
  isNew?: boolean | undefined;
  /** The object has this ETag. */
  etag?: string | undefined;
}

/** Returns the condition that an object is still the one that was found, or that there still is none. */
export function unchanged(found: { etag: string | undefined } | undefined): Condition {
  return found === undefined ? { isNew: true } : { etag: found.etag };
}

/** Returns what there is of an object, undefined if there is none. */
export async function headObject(
  request: S3Requester,
  key: string,
  { signal }: CallOptions = {},
): Promise<ObjectHead | undefined> {
  const message: S3Request = { method: 'HEAD', key, action: 's3:GetObject', answers: [404], signal };
  try {
    return await request(message, async (response) => {
      await ended(response);
      return response.status === 404 ? undefined : headOf(response, contentLength(response.headers));
    });
  } catch (error) {
    if (!(error instanceof RegistryError) || error.registryCodes.length > 0) throw error;
    if (![301, 400, 403, 405].includes(error.status ?? 0)) throw error;
    // The answer to HEAD has no body, so only GET says why.
    return headByGet(request, key, signal);
  }
}

async function headByGet(
  request: S3Requester,
  key: string,
  signal: AbortSignal | undefined,
): Promise<ObjectHead | undefined> {
  const message: S3Request = {
    method: 'GET',
    key,
    headers: { range: 'bytes=0-0' },
    // Without the second one, the service says that a missing object is denied.
    action: 's3:GetObject or s3:ListBucket',
    answers: [404, 416],
    signal,
  };
  try {
    return await request(message, async (response) => {
      await ended(response);
      if (response.status === 416) return headOf(response, 0);
      const range = parseContentRange(header(response.headers, 'content-range'));
      return headOf(response, range?.total ?? contentLength(response.headers));
    });
  } catch (error) {
    if (error instanceof RegistryError && error.registryCodes.includes('NoSuchKey')) return undefined;
    throw error;
  }
}

function headOf({ headers, url }: TransportResponse, size: number | undefined): ObjectHead {
  if (size === undefined)
    throw new RegistryError('REGISTRY', `${url.host} does not say how large ${url.pathname} is`);
  return { size, etag: header(headers, 'etag'), modified: timeOf(header(headers, 'last-modified')) };
}

export interface GetOptions extends CallOptions {
  /** First byte; default 0. */
  start?: number | undefined;
  /** Number of bytes; default all that follow. */
  length?: number | undefined;
  /** Number of bytes that are expected to come. */
  expectedBytes?: number | undefined;
}

/** An object whose bytes are coming. */
export interface OpenedObject extends ObjectHead {
  body: Readable;
}

/**
 * Returns the bytes of an object and its whole size, undefined if there is none; exactly the part that was asked for.
 * (RFC 9110, section 14)
 */
export async function getObject(
  request: S3Requester,
  key: string,
  { start = 0, length, expectedBytes, signal }: GetOptions = {},
): Promise<OpenedObject | undefined> {
  const isPart = start > 0 || length !== undefined;
  const last = length === undefined ? '' : String(start + length - 1);
  const message: S3Request = {
    method: 'GET',
    key,
    ...(isPart && { headers: { range: `bytes=${start}-${last}` } }),
    action: 's3:GetObject',
    expectedBytes: length ?? expectedBytes,
    answers: [404, 416],
    signal,
  };
  return request(message, async (response) => {
    const { status, headers, body } = response;
    if (status === 404) {
      await ended(response);
      return undefined;
    }
    const range = parseContentRange(header(headers, 'content-range'));
    const size = isPart ? range?.total : contentLength(headers);
    if (size !== undefined && (isPart ? status === 206 && range?.first === start : status === 200))
      return { ...headOf(response, size), body };
    body.destroy();
    const got = `status ${status}${range === undefined ? '' : `, "${header(headers, 'content-range')}"`}`;
    throw new RegistryError('REGISTRY', `${key}: the bytes from ${start} were asked for, and ${got} came`);
  });
}

/** A small object that was read. */
export interface ReadObject extends Omit<ObjectHead, 'size'> {
  bytes: Buffer;
  /** The service's clock when it answered, in milliseconds since 1970; undefined if it does not say. */
  serverTime: number | undefined;
}

/** Reads a small object whole; `unchanged` if it has the ETag that the caller knows, undefined if there is none. */
export async function readObject(
  request: S3Requester,
  key: string,
  { maxBytes, etag, signal }: CallOptions & { maxBytes: number; etag?: string | undefined },
): Promise<ReadObject | 'unchanged' | undefined> {
  const message: S3Request = {
    method: 'GET',
    key,
    ...(etag !== undefined && { headers: { 'if-none-match': etag } }),
    action: 's3:GetObject',
    isDocument: true,
    answers: [304, 404],
    signal,
  };
  return request(message, async (response) => {
    if (response.status === 304 || response.status === 404) {
      await ended(response);
      return response.status === 304 ? 'unchanged' : undefined;
    }
    const tooLarge = (): RegistryError =>
      new RegistryError('TOO_LARGE', `${key} has more than ${maxBytes} bytes`, { isFinal: true });
    const bytes = await readBody(response, maxBytes, tooLarge);
    const { headers } = response;
    return {
      bytes,
      etag: header(headers, 'etag'),
      modified: timeOf(header(headers, 'last-modified')),
      serverTime: timeOf(header(headers, 'date')),
    };
  });
}

/** Headers that ask the service to encrypt what is written. */
export type WriteHeaders = Readonly<Record<string, string>>;

/**
 * Writes an object. Resolves with its ETag, or with undefined if the condition is not met; rejects with `CONFLICT` after
 * races that the service did not decide.
 */
export async function putObject(
  request: S3Requester,
  key: string,
  payload: Payload,
  {
    condition,
    headers,
    contentType,
    signal,
  }: CallOptions & {
    condition?: Condition | undefined;
    headers: WriteHeaders;
    contentType?: string | undefined;
  },
): Promise<{ etag: string | undefined } | undefined> {
  const message: S3Request = {
    method: 'PUT',
    key,
    headers: {
      'content-type': contentType ?? 'application/octet-stream',
      ...headers,
      ...conditionHeaders(condition),
    },
    payload,
    action: 's3:PutObject',
    // An object that was removed since is not the one with this ETag either.
    answers: condition === undefined ? [] : condition.etag === undefined ? [412] : [404, 412],
    isSlow: payload.size > 1024 * 1024,
    signal,
  };
  return request(message, async (response) => {
    await ended(response);
    if (response.status >= 300) return undefined;
    return { etag: header(response.headers, 'etag') };
  });
}

/** Returns the headers of a condition. (RFC 9110, 13.1.1 and 13.1.2) */
export function conditionHeaders({ isNew, etag }: Condition = {}): Record<string, string> {
  return { ...(isNew && { 'if-none-match': '*' }), ...(etag !== undefined && { 'if-match': etag }) };
}

/** Removes an object, if it is there; resolves with false if it has another ETag than `etag`. */
export async function deleteObject(
  request: S3Requester,
  key: string,
  { etag, signal, beforeSigning }: RemoveOptions & { etag?: string | undefined } = {},
): Promise<boolean> {
  const message: S3Request = {
    method: 'DELETE',
    key,
    headers: conditionHeaders({ etag }),
    action: 's3:DeleteObject',
    answers: [404, 412],
    signal,
    beforeSigning,
  };
  return request(message, async (response) => {
    await ended(response);
    return response.status !== 412;
  });
}

/**
 * Copies an object inside of the bucket; onto itself, it gets a new time. A copy that changes nothing is refused, so the
 * metadata is written anew. Resolves with false if there is no such object. At most 5 GiB. (Amazon S3, CopyObject)
 */
export async function copyObject(
  request: S3Requester,
  { bucket, from, to }: { bucket: string; from: string; to: string },
  { etag, headers, signal }: CallOptions & { etag?: string | undefined; headers: WriteHeaders },
): Promise<boolean> {
  const message: S3Request = {
    method: 'PUT',
    key: to,
    headers: {
      ...headers,
      'x-amz-copy-source': copySource(bucket, from),
      'x-amz-metadata-directive': 'REPLACE',
      'content-type': 'application/octet-stream',
      ...(etag !== undefined && { 'x-amz-copy-source-if-match': etag }),
    },
    action: 's3:GetObject and s3:PutObject',
    answers: [404, 412],
    isSlow: true,
    signal,
  };
  return request(message, async (response) => {
    if (response.status >= 300) {
      await ended(response);
      return false;
    }
    requireDone(await readDocument(response, to), to);
    return true;
  });
}

/** Returns the value of `x-amz-copy-source` for an object. (Amazon S3, CopyObject) */
export function copySource(bucket: string, key: string): string {
  return `/${encoded(bucket)}/${key.split('/').map(encoded).join('/')}`;
}

/**
 * Throws if an answer with status 200 has an error in it, as those have that take long: the service sends the status
 * first.
 */
export function requireDone(document: Element, what: string): void {
  if (document.name !== 'Error') return;
  const code = textOf(document, 'Code') ?? '';
  const message = textOf(document, 'Message') ?? '';
  throw new RegistryError('REGISTRY', `${what}: the service failed (${code}: ${message})`, {
    status: code === 'InternalError' ? 500 : code === 'SlowDown' ? 503 : 400,
    registryCodes: [code],
  });
}
