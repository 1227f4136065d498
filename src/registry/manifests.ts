import { type Digest, digestOf, isDigest } from '../content/digest.js';
import { isTag } from '../content/reference.js';
import { ContentError, LadingError, RegistryError } from '../errors.js';
import { scope } from './auth/scope.js';
import { discard, readBody } from './http/body.js';
import { decodeDocument } from './http/encoded-body.js';
import { contentLength, type Headers, header, mediaTypeOf } from './http/headers.js';
import type { RegistryRequest } from './http/registry-request.js';
import type { Requester } from './http/request.js';
import type { TransportResponse } from './http/response.js';
import { HEADER, MANIFEST_ACCEPT, MAX_MANIFEST_BYTES, path } from './protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from './repository.js';
import { MANIFEST_HINTS } from './upload/push-hints.js';

/** A manifest as a registry sent it, not verified. */
export interface FetchedManifest {
  /** Content-Type without parameters; empty if the registry sent none. */
  mediaType: string;
  bytes: Buffer;
  /** The digest that the registry sent, if it is valid. */
  digest: Digest | undefined;
}

/**
 * Reads a manifest by tag or digest, of at most 4 MiB. Throws `TOO_LARGE` beyond that, `INVALID_MANIFEST` if a web page
 * answers, and `INVALID_REFERENCE`. (distribution-spec, end-3)
 */
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
      // A file server may send JSON as text/html.
      mediaType: mediaType === 'text/html' ? '' : mediaType,
      bytes,
      digest: digestIn(response.headers, HEADER.contentDigest),
    };
    if (from.mirrorOf !== undefined && options.isSound?.(answer) === false)
      throw new RegistryError(
        'REGISTRY',
        `${what}: the mirror ${from.registry} has other content under this name`,
      );
    return answer;
  });
}

export interface GetManifestOptions extends CallOptions {
  /** Returns whether a manifest is what was asked for; if not, a mirror's answer is refused. */
  isSound?: ((answer: FetchedManifest) => boolean) | undefined;
}

/**
 * Resolves a tag or digest; undefined if it does not exist. If HEAD does not give all of it, uses GET; the digest may
 * then be that of the bytes, which for signed schema1 is not the one it is known by.
 */
export async function headManifest(
  request: Requester,
  name: RepositoryName,
  reference: string,
  options: CallOptions = {},
): Promise<DescribedManifest | undefined> {
  try {
    const described = await askHead(request, name, reference, options);
    // If HEAD returns another digest than the one in the request, GET shows what is there.
    if (described !== undefined && (!isDigest(reference) || described.digest === reference)) return described;
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

/**
 * What a tag or digest stands for, as HEAD says it, and undefined for all that it does not say: only GET says why. It counts
 * no pull where registries count pulls. (distribution-spec, end-2)
 */
export async function peekManifest(
  request: Requester,
  name: RepositoryName,
  reference: string,
  options: CallOptions = {},
): Promise<DescribedManifest | undefined> {
  try {
    return await askHead(request, name, reference, options);
  } catch (error) {
    if (error instanceof RegistryError && SAYS_NOTHING.has(error.status ?? 0)) return undefined;
    throw error;
  }
}

const SAYS_NOTHING = new Set([400, 401, 403, 404, 405, 501]);

/** What the headers of an answer say of a manifest. */
export interface DescribedManifest {
  mediaType: string;
  digest: Digest;
  size: number;
}

function askHead(
  request: Requester,
  name: RepositoryName,
  reference: string,
  options: CallOptions,
): Promise<DescribedManifest | undefined> {
  return request(manifestRequest('HEAD', name, reference, options), async (response) => {
    await discard(response.body);
    return describedBy(response);
  });
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

function describedBy(response: TransportResponse): DescribedManifest | undefined {
  const mediaType = mediaTypeOf(response.headers);
  const digest = digestIn(response.headers, HEADER.contentDigest);
  const size = contentLength(response.headers);
  if (digest === undefined || size === undefined || mediaType === '' || mediaType === 'text/html')
    return undefined;
  return { mediaType, digest, size };
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
    `${what} is larger than ${MAX_MANIFEST_BYTES} bytes, the limit for a manifest`,
    {
      hint: 'Registries do not accept manifests of this size; ask the owner of the source what answers there.',
    },
  );
}

/** A registry's answer to a manifest that it accepted. */
export interface PutManifestResult {
  /** The digest under which it stored the manifest, if it says so. */
  digest: Digest | undefined;
  /**
   * The subject under which it lists the manifest as a referrer; undefined if it does not, and clients cannot find it
   * by the referrers API.
   */
  subject: Digest | undefined;
}

/**
 * Pushes a manifest unchanged under a tag or its digest. Throws `INVALID_REFERENCE` for anything else.
 * (distribution-spec, end-7)
 */
export async function putManifest(
  request: Requester,
  name: RepositoryName,
  reference: string,
  { mediaType, bytes }: { mediaType: string; bytes: Uint8Array },
  { signal, retries }: CallOptions = {},
): Promise<PutManifestResult> {
  const repository = repositoryText(name);
  const isByTag = isTag(reference);
  if (!isByTag && !isDigest(reference)) {
    throw new LadingError(
      'INVALID_REFERENCE',
      `"${reference}" is neither a tag nor a digest (${repository})`,
    );
  }
  return request(
    {
      ...name,
      method: 'PUT',
      target: path.manifest(name.repository, reference),
      headers: { 'content-type': mediaType },
      body: () => bytes,
      scopes: [scope.push(name.repository)],
      what: `push of ${isByTag ? `tag "${reference}"` : `manifest ${reference}`} to ${repository}`,
      hints: MANIFEST_HINTS,
      retries,
      signal,
    },
    async ({ headers, body }) => {
      await discard(body);
      return {
        digest: digestIn(headers, HEADER.contentDigest),
        subject: digestIn(headers, HEADER.subject),
      };
    },
  );
}

function digestIn(headers: Headers, name: string): Digest | undefined {
  const digest = header(headers, name);
  return isDigest(digest) ? digest : undefined;
}
