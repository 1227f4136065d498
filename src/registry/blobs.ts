import { Readable } from 'node:stream';
import type { Digest } from '../content/digest.js';
import { RegistryError } from '../errors.js';
import { discard, skipBytes } from './body.js';
import { contentLength, header, parseContentRange } from './headers.js';
import { path } from './protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from './repository.js';
import type { RegistryRequest, Requester } from './request.js';
import { scope } from './scope.js';
import type { TransportResponse } from './transport.js';

export interface GetBlobOptions extends CallOptions {
  /** First byte wanted; default 0. */
  start?: number | undefined;
  /** How many bytes the whole blob has, where that is known: a part of another total is refused. */
  size?: number | undefined;
}

/**
 * The bytes of a blob from `start`, not verified. The stream fails with `CUT_SHORT` or `TIMEOUT` when the
 * connection does; to go on, the caller asks again from the byte it has. (distribution-spec, end-2)
 */
export async function getBlob(
  request: Requester,
  name: RepositoryName,
  digest: Digest,
  options: GetBlobOptions = {},
): Promise<Readable> {
  const { start = 0, size } = options;
  if (start > 0 && start === size) return Readable.from([]); // a range without bytes cannot be asked for
  const message = blobRequest('GET', name, digest, options);
  return request(
    {
      ...message,
      headers: start === 0 ? {} : { range: `bytes=${start}-` },
      expectedBytes: size === undefined ? undefined : size - start,
    },
    async (response) => {
      await toStart(response, start, size, message.what);
      return response.body;
    },
  );
}

/** The size of a blob, undefined when there is none. */
export async function headBlob(
  request: Requester,
  name: RepositoryName,
  digest: Digest,
  options: CallOptions = {},
): Promise<{ size: number } | undefined> {
  const message = blobRequest('HEAD', name, digest, options);
  try {
    const size = await request(message, async ({ headers, body }) => {
      await discard(body);
      return contentLength(headers);
    });
    if (size !== undefined) return { size };
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
  { signal, retries }: CallOptions,
): RegistryRequest {
  return {
    ...name,
    method,
    target: path.blob(name.repository, digest),
    scopes: [scope.pull(name.repository)],
    what: `blob ${digest} of ${repositoryText(name)}`,
    order: 'mirrors first',
    retries,
    signal,
  };
}

/** Brings the body to its byte `start`, whether the server sent that part or everything. */
export async function toStart(
  { status, headers, body }: TransportResponse,
  start: number,
  size: number | undefined,
  what: string,
): Promise<void> {
  if (status === 200) return skipBytes(body, start, what);
  const range = status === 206 ? parseContentRange(header(headers, 'content-range')) : undefined;
  const isWanted =
    start > 0 &&
    range?.first === start &&
    (size === undefined || range.total === undefined || range.total === size);
  if (isWanted) return;
  body.destroy();
  const got = status === 206 ? `Content-Range "${header(headers, 'content-range')}"` : `status ${status}`;
  throw new RegistryError(
    'REGISTRY',
    `${what}: asked from byte ${start}${size === undefined ? '' : ` of ${size}`}, the registry answered with ${got}`,
    {
      hint: 'The registry or a proxy before it does not keep to ranges; run the command again from the start.',
    },
  );
}
