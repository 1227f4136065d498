import type { Digest } from '../../content/digest.js';
import { RegistryError } from '../../errors.js';
import { scope } from '../auth/scope.js';
import { discard } from '../http/body.js';
import { header } from '../http/headers.js';
import type { RegistryRequest, Requester } from '../http/request.js';
import type { TransportResponse } from '../http/response.js';
import { isOutOfReach } from '../mirrors.js';
import { HEADER, path } from '../protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from '../repository.js';
import { BLOB_HINTS, START_HINTS } from './push-hints.js';

/** An upload that a registry has begun; its bytes so far need not be sent again. */
export interface UploadSession {
  /** The registry's latest word on where to go on, as an absolute URL. It may hold a secret. */
  location: string;
  /** Bytes that the registry has confirmed. */
  offset: number;
  /** Whether bytes were sent after that without an answer: the registry is asked how many it has. */
  isCut: boolean;
  /** The smallest piece that the registry takes, but for the last. */
  minChunkBytes?: number | undefined;
}

export type MountResult =
  | { type: 'mounted' }
  /** The registry would rather have the bytes; the upload is ready for them. */
  | { type: 'started'; session: UploadSession }
  | { type: 'refused' };

/** Begins an upload. (distribution-spec, end-4a) */
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
 * Asks a registry to take a blob from another of its repositories. A refusal is no error: the blob can
 * still be sent. (distribution-spec, end-11)
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
      // Some answer that they mounted by a status that does not say it, and have not.
      if (response.status !== 202 || locationIn(response) === undefined) return { type: 'refused' };
      return { type: 'started', session: sessionOf(response, message.what) };
    });
  } catch (error) {
    if (isRefusal(error)) return { type: 'refused' };
    throw error;
  }
}

/**
 * Whatever a registry or its token service says to a mount: old Quay 400, no access to the source 401 and 403, unknown
 * source 404, no mounts 405, 406 or 422, a token for two repositories 500. All but a wish to be left alone for a
 * while, and no answer.
 */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof RegistryError) || isOutOfReach(error)) return false;
  return error.status !== 429 && error.status !== 503 && error.code !== 'CUT_SHORT';
}

/** What the registry has of an upload. (distribution-spec, end-13) */
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

/** What all requests of a blob's upload have in common. */
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

/** The Location of an answer, made absolute: it may be relative to where the answer came from. */
export function locationIn({ headers, url }: TransportResponse): string | undefined {
  // Behind a proxy that joins paths badly some registries name `//v2//REPOSITORY/…`, which is a path and no host.
  const location = header(headers, 'location')?.replace(/^\/\/v2\/+/, '/v2/');
  return location !== undefined && URL.canParse(location, url.href) ? new URL(location, url).href : undefined;
}

/** The place where an upload is completed: what the registry named, its query kept as it is. */
export function completionTarget({ location }: UploadSession, digest: Digest): string {
  const url = new URL(location);
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url.href;
}

function sessionOf(response: TransportResponse, what: string): UploadSession {
  const location = locationIn(response);
  if (location === undefined)
    throw new RegistryError('REGISTRY', `${what}: the registry does not tell where to send the bytes`);
  const minChunkBytes = /^\d{1,15}$/.exec(header(response.headers, HEADER.chunkMinLength) ?? '');
  return {
    location,
    offset: 0,
    isCut: false,
    ...(minChunkBytes === null ? {} : { minChunkBytes: Number(minChunkBytes[0]) }),
  };
}

/** `Range: 0-LAST`. As `0-0` stands for nothing too, it is one byte only where one was confirmed. */
function offsetIn({ headers }: TransportResponse, confirmed: number): number {
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(header(headers, 'range')?.trim() ?? '') ?? [];
  if (last === undefined) return confirmed;
  return last === '0' ? Math.min(confirmed, 1) : Number(last) + 1;
}
