import type { Digest } from '../../content/digest.js';
import { RegistryError } from '../../errors.js';
import { scope } from '../auth/scope.js';
import { discard } from '../http/body.js';
import { header } from '../http/headers.js';
import type { RegistryRequest } from '../http/registry-request.js';
import type { Requester } from '../http/request.js';
import type { TransportResponse } from '../http/response.js';
import { isOutOfReach } from '../mirrors.js';
import { HEADER, path } from '../protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from '../repository.js';
import { BLOB_HINTS, START_HINTS } from './push-hints.js';

/** An upload that was started at a registry. Bytes that it already has need not be sent again. */
export interface UploadSession {
  /** The absolute URL for the next request, from the registry's latest response. It may contain a secret. */
  location: string;
  /** Number of bytes that the registry has confirmed. */
  offset: number;
  /** Whether more bytes were sent without an answer, so that the registry has to be asked how many it has. */
  isCut: boolean;
  /** Minimum size of a chunk, except for the last one. */
  minChunkBytes?: number | undefined;
}

export type MountResult =
  | { type: 'mounted' }
  /** The registry did not mount the blob but started an upload for it. */
  | { type: 'started'; session: UploadSession }
  | { type: 'refused' };

/** Starts an upload. (distribution-spec, end-4a) */
export async function startUpload(
  request: Requester,
  name: RepositoryName,
  digest: Digest,
  options: CallOptions = {},
): Promise<UploadSession> {
  const message: RegistryRequest = {
    ...uploadRequest(name, digest, options),
    method: 'POST',
    target: path.uploads(name.repository),
    hints: START_HINTS,
  };
  return request(message, async (response) => {
    await discard(response.body);
    return sessionOf(response, message.what);
  });
}

/**
 * Asks a registry to mount a blob from another of its repositories. A refusal is not an error, since the blob can still
 * be sent. (distribution-spec, end-11)
 */
export async function mountBlob(
  request: Requester,
  name: RepositoryName,
  digest: Digest,
  from: string,
  options: CallOptions = {},
): Promise<MountResult> {
  repositoryText({ ...name, repository: from });
  const query = new URLSearchParams({ mount: digest, from });
  const message: RegistryRequest = {
    ...uploadRequest(name, digest, options),
    method: 'POST',
    target: `${path.uploads(name.repository)}?${query}`,
    scopes: [scope.push(name.repository), scope.pull(from)],
  };
  try {
    return await request(message, async (response) => {
      await discard(response.body);
      if (response.status === 201) return { type: 'mounted' };
      // Some registries answer with another successful status and have not mounted the blob.
      if (response.status !== 202 || locationIn(response) === undefined) return { type: 'refused' };
      return { type: 'started', session: sessionOf(response, message.what) };
    });
  } catch (error) {
    if (isRefusal(error)) return { type: 'refused' };
    throw error;
  }
}

/**
 * Whether an error is the refusal of a mount, by the registry or its token service: old Quay answers 400, no access to
 * the source gives 401 or 403, an unknown source 404, no support for mounts 405, 406 or 422, and a token for two
 * repositories 500. Not a refusal: a request to wait (429, 503), or no answer.
 */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof RegistryError) || isOutOfReach(error)) return false;
  return error.status !== 429 && error.status !== 503 && error.code !== 'CUT_SHORT';
}

/** Asks the registry how many bytes of an upload it has. (distribution-spec, end-13) */
export async function askOffset(
  request: Requester,
  name: RepositoryName,
  digest: Digest,
  session: UploadSession,
  options: CallOptions = {},
): Promise<UploadSession> {
  const message: RegistryRequest = {
    ...uploadRequest(name, digest, options),
    method: 'GET',
    target: session.location,
  };
  return request(message, async (response) => {
    await discard(response.body);
    const offset = offsetIn(response, session.offset);
    return { ...session, location: locationIn(response) ?? session.location, offset, isCut: false };
  });
}

/** The parts that all requests of a blob's upload have in common. */
export function uploadRequest(
  name: RepositoryName,
  digest: Digest,
  { signal, retries }: CallOptions,
): Omit<RegistryRequest, 'method' | 'target'> {
  return {
    ...name,
    scopes: [scope.push(name.repository)],
    what: `upload of ${digest} to ${repositoryText(name)}`,
    hints: BLOB_HINTS,
    retries,
    signal,
  };
}

/** Returns the Location of a response as an absolute URL; it may be relative to the URL that answered. */
export function locationIn({ headers, url }: TransportResponse): string | undefined {
  // Behind a proxy that joins paths wrongly, some registries send `//v2//REPOSITORY/…`, which is a path and does not
  // start with a host.
  const location = header(headers, 'location')?.replace(/^\/\/v2\/+/, '/v2/');
  return location !== undefined && URL.canParse(location, url.href) ? new URL(location, url).href : undefined;
}

/** Returns the URL that completes an upload: the registry's own, with its query unchanged and the digest added. */
export function completionTarget({ location }: UploadSession, digest: Digest): string {
  const url = new URL(location);
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url.href;
}

function sessionOf(response: TransportResponse, what: string): UploadSession {
  const location = locationIn(response);
  if (location === undefined)
    throw new RegistryError(
      'REGISTRY',
      `${what}: the registry did not say where to send the bytes (no valid Location)`,
    );
  const minChunkBytes = /^\d{1,15}$/.exec(header(response.headers, HEADER.chunkMinLength) ?? '');
  return {
    location,
    offset: 0,
    isCut: false,
    ...(minChunkBytes === null ? {} : { minChunkBytes: Number(minChunkBytes[0]) }),
  };
}

/**
 * Parses `Range: 0-LAST`. Some registries send `0-0` for no bytes, so it counts as one byte only if one was confirmed.
 */
function offsetIn({ headers }: TransportResponse, confirmed: number): number {
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(header(headers, 'range')?.trim() ?? '') ?? [];
  if (last === undefined) return confirmed;
  return last === '0' ? Math.min(confirmed, 1) : Number(last) + 1;
}
