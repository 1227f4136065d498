import { type Digest, digestOf, isDigest } from '../content/digest.js';
import { isTag } from '../content/reference.js';
import { ContentError, LadingError, RegistryError } from '../errors.js';
import { scope } from './auth/scope.js';
import { discard, readBody } from './http/body.js';
import { decodeDocument } from './http/encoded-body.js';
import { contentLength, header, mediaTypeOf } from './http/headers.js';
import type { RegistryRequest, Requester } from './http/request.js';
import type { TransportResponse } from './http/response.js';
import { HEADER, MANIFEST_ACCEPT, MAX_MANIFEST_BYTES, path } from './protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from './repository.js';

/** A manifest as a registry sent it; nothing about it is verified. */
export interface FetchedManifest {
  /** Content-Type without parameters; empty where the registry said nothing. */
  mediaType: string;
  bytes: Buffer;
  /** What the registry says it is, where that is a digest at all. */
  digest: Digest | undefined;
}

/** Reads a manifest by tag or digest, at most 4 MiB. (distribution-spec, end-3) */
export async function getManifest(
  request: Requester,
  name: RepositoryName,
  reference: string,
  options: GetManifestOptions = {},
): Promise<FetchedManifest> {
  const message = manifestRequest('GET', name, reference, options);
  const { what } = message;
  return request(message, async (response, from) => {
    const received = await readBody(response, MAX_MANIFEST_BYTES, () => tooLarge(what));
    const bytes = decodeDocument(received, response, MAX_MANIFEST_BYTES, () => tooLarge(what));
    const mediaType = mediaTypeOf(response.headers);
    if (
      startsLikeHTML(bytes) ||
      (mediaType === 'text/html' && !/^\s*\{/.test(bytes.toString('latin1', 0, 64)))
    )
      throw notAManifest(what);
    const answer: FetchedManifest = {
      // A server of files takes JSON for a page.
      mediaType: mediaType === 'text/html' ? '' : mediaType,
      bytes,
      digest: digestIn(response),
    };
    if (from.mirrorOf !== undefined && options.isSound?.(answer) === false)
      throw new RegistryError('REGISTRY', `${what}: ${from.registry} has something else for it`);
    return answer;
  });
}

export interface GetManifestOptions extends CallOptions {
  /** Whether an answer is what was asked for: what a mirror has instead is not taken from it. */
  isSound?: ((answer: FetchedManifest) => boolean) | undefined;
}

/**
 * What a tag or digest stands for, undefined when there is nothing. Asks with GET where HEAD does not tell;
 * the digest is then that of the bytes (which for signed schema1 is not the one it is known by).
 */
export async function headManifest(
  request: Requester,
  name: RepositoryName,
  reference: string,
  options: CallOptions = {},
): Promise<{ mediaType: string; digest: Digest; size: number } | undefined> {
  try {
    const told = await request(manifestRequest('HEAD', name, reference, options), async (response) => {
      await discard(response.body);
      return describedBy(response);
    });
    // A digest that is not the one that was asked for is looked into.
    if (told !== undefined && (!isDigest(reference) || told.digest === reference)) return told;
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (error.status === 404) return undefined;
    if (error.status !== 400 && error.status !== 405 && error.status !== 501) throw error;
  }
  try {
    const { mediaType, bytes, digest } = await getManifest(request, name, reference, options);
    return { mediaType, digest: digest ?? digestOf(bytes), size: bytes.byteLength };
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return undefined;
    throw error;
  }
}

function manifestRequest(
  method: 'GET' | 'HEAD',
  name: RepositoryName,
  reference: string,
  { signal, retries, order = 'mirrors first' }: CallOptions,
): RegistryRequest {
  const repository = repositoryText(name);
  const isByTag = isTag(reference);
  if (!isByTag && !isDigest(reference)) {
    throw new LadingError(
      'INVALID_REFERENCE',
      `"${reference}" is neither a tag nor a digest (${repository})`,
    );
  }
  return {
    ...name,
    method,
    target: path.manifest(name.repository, reference),
    headers: { accept: MANIFEST_ACCEPT },
    scopes: [scope.pull(name.repository)],
    what: isByTag ? `tag "${reference}" of ${repository}` : `manifest ${reference} of ${repository}`,
    whenNotFound: { hint: 'Check the name.', remedy: 'list', remedyFor: repository },
    order,
    retries,
    signal,
  };
}

function describedBy(response: TransportResponse) {
  const mediaType = mediaTypeOf(response.headers);
  const digest = digestIn(response);
  const size = contentLength(response.headers);
  if (digest === undefined || size === undefined || mediaType === '' || mediaType === 'text/html')
    return undefined;
  return { mediaType, digest, size };
}

function digestIn({ headers }: TransportResponse): Digest | undefined {
  const digest = header(headers, HEADER.contentDigest);
  return isDigest(digest) ? digest : undefined;
}

function startsLikeHTML(bytes: Buffer): boolean {
  return /^\s*<(!doctype|html|\?xml)/i.test(bytes.subarray(0, 256).toString('latin1'));
}

function notAManifest(what: string): ContentError {
  return new ContentError('INVALID_MANIFEST', `${what}: the answer is a web page, not a manifest`, {
    hint: 'A proxy or a login page answered in place of the registry; check HTTPS_PROXY, NO_PROXY and the host.',
  });
}

function tooLarge(what: string): ContentError {
  return new ContentError(
    'TOO_LARGE',
    `${what} is larger than the ${MAX_MANIFEST_BYTES} bytes of a manifest`,
    {
      hint: 'No registry takes such a manifest; ask the owner of the source what answers there.',
    },
  );
}
