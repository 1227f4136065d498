import { isManifest } from '../content/media-types.js';
import { isTag } from '../content/reference.js';
import type { ReadonlyStore } from '../store/store.js';
import type { Answer, Asked } from './answer.js';
import { Refusal } from './errors.js';
import { etagOf, matchesEtag } from './etag.js';
import { openStored, requireStored } from './fetch.js';
import { requireDigest } from './names.js';

/**
 * GET and HEAD of a manifest by tag or digest: the stored bytes with their own media type, whatever the
 * client accepts. (distribution-spec, "Pulling manifests")
 */
export async function getManifest(store: ReadonlyStore, reference: string, asked: Asked): Promise<Answer> {
  const unknown = () => new Refusal('MANIFEST_UNKNOWN', 'manifest unknown', { detail: { reference } });
  if (reference.includes(':')) requireDigest(reference);
  // What cannot be a tag is one that nobody has pushed: the conformance tests want 404 for it.
  else if (!isTag(reference)) throw unknown();

  const manifest = await requireStored(store, () => store.resolve(reference, asked), unknown, asked.signal);
  const { mediaType, digest, size } = manifest;
  // A layout may name anything. Only documents of these endpoints are served here, so that the type which
  // the client is told is one of a known few.
  if (!isManifest(mediaType)) throw unknown();

  const headers = { 'Docker-Content-Digest': digest, ETag: etagOf(digest) };
  if (matchesEtag(asked.headers['if-none-match'], digest)) return { status: 304, headers };
  return {
    status: 200,
    headers: { ...headers, 'Content-Type': mediaType },
    body: {
      size,
      endsEarly: false,
      open: () => openStored(store, manifest, unknown, { signal: asked.signal }),
    },
  };
}
