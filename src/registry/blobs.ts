import { Readable } from 'node:stream';
import type { Digest } from '../content/digest.js';
import { RegistryError } from '../errors.js';
import { scope } from './auth/scope.js';
import { discard } from './http/body.js';
import { decodeBlob } from './http/encoded-body.js';
import { contentLength, header } from './http/headers.js';
import type { RegistryRequest, Requester } from './http/request.js';
import type { TransportResponse } from './http/response.js';
import { path } from './protocol.js';
import { type DoubtedRanges, fromByte, toStart } from './ranges.js';
import { type CallOptions, type RepositoryName, repositoryText } from './repository.js';

export interface GetBlobOptions extends CallOptions {
  /** First byte wanted; default 0. */
  start?: number | undefined;
  /** How many bytes the whole blob has, where that is known: a part of another total is refused. */
  size?: number | undefined;
  /** Whether the blob itself is compressed, where that is known. */
  isCompressed?: boolean | undefined;
}

/**
 * The bytes of a blob from `start`, not verified. The stream fails with `CUT_SHORT` or `TIMEOUT` when the
 * connection does; to go on, the caller asks again from the byte it has. Where the range is what fails, the whole is
 * asked for and its beginning skipped. (distribution-spec, end-2)
 */
export async function getBlob(
  request: Requester,
  doubted: DoubtedRanges,
  name: RepositoryName,
  digest: Digest,
  options: GetBlobOptions = {},
): Promise<Readable> {
  const { start = 0, size, isCompressed } = options;
  if (start > 0 && start === size) return Readable.from([]); // a range without bytes cannot be asked for
  const message = blobRequest('GET', name, digest, options);
  return request(
    { ...message, ...fromByte(start, size, { doubted, key: `${message.target} ${name.registry}` }) },
    async (response, from) => {
      if (from.mirrorOf !== undefined) requireLength(response, start, size, message.what);
      // A part of something compressed shows itself by another total.
      const body =
        response.status === 206 ? response.body : await decodeBlob(response, { size, isCompressed });
      await toStart({ ...response, body }, start, size, message.what);
      // A registry that sends more than the rest would be believed at its end only, and its mistake kept.
      const isTrusted = from.mirrorOf === undefined && start === 0;
      const isBounded = isTrusted || contentLength(response.headers) !== undefined;
      return isBounded || size === undefined ? body : bounded(body, size - start, message.what);
    },
  );
}

/** The size of a blob, undefined when there is none. Where HEAD tells another than `expected`, GET is asked too. */
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

/** For a registry whose HEAD does not tell: the head of a GET, whose body is left. */
async function sizeByGet(
  request: Requester,
  message: RegistryRequest,
): Promise<{ size: number } | undefined> {
  try {
    return await request(message, async ({ headers, body }) => {
      body.destroy();
      const size = contentLength(headers);
      if (size === undefined)
        throw new RegistryError('REGISTRY', `${message.what}: the registry does not tell its size`);
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

/** A mirror that has something else, a page or nothing at all, shows it by the length. */
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
  throw new RegistryError('REGISTRY', `${what}: ${length} bytes were offered from byte ${start} of ${size}`);
}

/** What comes beyond the blob's size is damage on the way: the next try is made elsewhere, or from the beginning. */
function bounded(body: Readable, size: number, what: string): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    let left = size;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      left -= chunk.byteLength;
      if (left < 0)
        throw new RegistryError('CUT_SHORT', `${what}: more than the ${size} bytes that are left of it came`);
      yield chunk;
    }
  }
  return Readable.from(chunks(), { objectMode: false });
}
