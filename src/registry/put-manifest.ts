import { type Digest, isDigest } from '../content/digest.js';
import { isTag } from '../content/reference.js';
import { LadingError } from '../errors.js';
import { scope } from './auth/scope.js';
import { discard } from './http/body.js';
import { header } from './http/headers.js';
import type { Requester } from './http/request.js';
import { HEADER, path } from './protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from './repository.js';
import { MANIFEST_HINTS } from './upload/push-hints.js';

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
        digest: digestIn(header(headers, HEADER.contentDigest)),
        subject: digestIn(header(headers, HEADER.subject)),
      };
    },
  );
}

function digestIn(text: string | undefined): Digest | undefined {
  return isDigest(text) ? text : undefined;
}
