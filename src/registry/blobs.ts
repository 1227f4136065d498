import { Readable } from 'node:stream';
import type { Digest } from '../content/digest.js';
import { RegistryError } from '../errors.js';
import { scope } from './auth/scope.js';
import { discard } from './http/body.js';
import { decodeBlob } from './http/encoded-body.js';
import { contentLength, header } from './http/headers.js';
import type { RegistryRequest } from './http/registry-request.js';
import type { Requester } from './http/request.js';
import type { TransportResponse } from './http/response.js';
import { path } from './protocol.js';
import { type DoubtedRanges, fromByte, requireRange, toStart } from './ranges.js';
import { type CallOptions, type RepositoryName, repositoryText } from './repository.js';

export interface GetBlobOptions extends CallOptions {
  /** First byte to return; default 0. */
  start?: number | undefined;
  /** Size of the whole blob in bytes, if known; a response for another size is refused. */
  size?: number | undefined;
  /** Whether the blob itself is compressed, if known. */
  isCompressed?: boolean | undefined;
}

/**
 * Returns the bytes of a blob from `start`, not verified. The stream fails with `CUT_SHORT` or `TIMEOUT` if the
 * connection does; the caller then asks again from the byte it has. If the range request itself fails, requests the
 * whole blob and skips its beginning. (distribution-spec, end-2)
 */
export async function getBlob(
  request: Requester,
  doubted: DoubtedRanges,
  name: RepositoryName,
  digest: Digest,
  options: GetBlobOptions = {},
): Promise<Readable> {
  const { start = 0, size, isCompressed } = options;
  if (start > 0 && start === size) return Readable.from([]); // HTTP has no empty ranges
  const message = blobRequest('GET', name, digest, options);
  return request(
    { ...message, ...fromByte(start, size, { doubted, key: `${message.target} ${name.registry}` }) },
    async (response, from) => {
      if (from.mirrorOf !== undefined) requireLength(response, start, size, message.what);
      // A range of an encoded blob is recognised by its other total size.
      const body =
        response.status === 206 ? response.body : await decodeBlob(response, { size, isCompressed });
      await toStart({ ...response, body }, start, size, message.what);
      // Without a length, a response that is too long would be noticed only at its end, after it was stored.
      const isTrusted = from.mirrorOf === undefined && start === 0;
      const isBounded = isTrusted || contentLength(response.headers) !== undefined;
      return isBounded || size === undefined ? body : bounded(body, size - start, message.what);
    },
  );
}

export interface BlobRange {
  /** First byte to return. */
  start: number;
  /** Number of bytes to return. */
  length: number;
  /** Size of the whole blob. */
  size: number;
}

/**
 * Returns a part of a blob, not verified, for callers that fetch several parts at once. The blob may have been redirected
 * before; then its place is asked without the registry. Rejects with `REGISTRY`, without a status, if the server sends
 * anything but this range. The stream never has more bytes than were requested, but may end early. (RFC 9110, section 14)
 */
export async function getBlobRange(
  request: Requester,
  name: RepositoryName,
  digest: Digest,
  { start, length, size, ...options }: BlobRange & CallOptions,
): Promise<Readable> {
  const message = blobRequest('GET', name, digest, options);
  const headers = { range: `bytes=${start}-${start + length - 1}` };
  return request({ ...message, headers, expectedBytes: length, reusesRedirect: true }, async (response) => {
    requireRange(response, { start, length, size }, message.what);
    const { body } = response;
    return contentLength(response.headers) === undefined ? bounded(body, length, message.what) : body;
  });
}

/**
 * Returns the size of a blob, or undefined if it does not exist. If HEAD gives another size than `expected`, asks again
 * with GET.
 */
export async function headBlob(
  request: Requester,
  name: RepositoryName,
  digest: Digest,
  { expected, ...options }: CallOptions & { expected?: number | undefined } = {},
): Promise<{ size: number } | undefined> {
  const message = blobRequest('HEAD', name, digest, options);
  try {
    const size = await request(message, async ({ headers, body }) => {
      await discard(body);
      return contentLength(headers);
    });
    if (size !== undefined && (expected === undefined || size === expected)) return { size };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (error.status === 404) return undefined;
    if (error.status !== 405 && error.status !== 501) throw error;
  }
  return sizeByGet(request, { ...message, method: 'GET' });
}

/** Reads the size from the head of a GET, for registries whose HEAD does not give it. */
async function sizeByGet(
  request: Requester,
  message: RegistryRequest,
): Promise<{ size: number } | undefined> {
  try {
    return await request(message, async ({ headers, body }) => {
      body.destroy();
      const size = contentLength(headers);
      if (size === undefined)
        throw new RegistryError('REGISTRY', `${message.what}: the registry did not say how large it is`);
      return { size };
    });
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return undefined;
    throw error;
  }
}

function blobRequest(
  method: 'GET' | 'HEAD',
  name: RepositoryName,
  digest: Digest,
  { signal, retries, order = 'mirrors first' }: CallOptions,
): RegistryRequest {
  return {
    ...name,
    method,
    target: path.blob(name.repository, digest),
    scopes: [scope.pull(name.repository)],
    what: `blob ${digest} of ${repositoryText(name)}`,
    order,
    retries,
    signal,
  };
}

/** Refuses a mirror's response with a wrong length: it may be a web page or empty. */
function requireLength(
  { status, headers, body }: TransportResponse,
  start: number,
  size: number | undefined,
  what: string,
): void {
  const length = contentLength(headers);
  const wanted = size === undefined || status === 206 ? undefined : size;
  if (length === undefined || wanted === undefined || length === wanted) return;
  if (header(headers, 'content-encoding') !== undefined) return;
  body.destroy();
  throw new RegistryError(
    'REGISTRY',
    `${what}: the mirror offered ${length} bytes from byte ${start}, although the blob has ${size}`,
  );
}

/**
 * Fails if there are more than `size` bytes. The content was damaged on its way; the caller retries at another
 * endpoint, or from the beginning.
 */
function bounded(body: Readable, size: number, what: string): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    let left = size;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      left -= chunk.byteLength;
      if (left < 0)
        throw new RegistryError(
          'CUT_SHORT',
          `${what}: the server sent more than the remaining ${size} bytes`,
        );
      yield chunk;
    }
  }
  return Readable.from(chunks(), { objectMode: false });
}
