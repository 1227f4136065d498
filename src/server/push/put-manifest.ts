import { algorithmOf, type Digest } from '../../content/digest.js';
import { Gathered } from '../../content/gathered.js';
import { isManifest } from '../../content/media-types.js';
import { isLadingError } from '../../errors.js';
import { type Manifest, manifestDigest, parseManifest } from '../../manifest/manifest.js';
import { verifySchema1Signatures } from '../../manifest/schema1/signature.js';
import { path } from '../../registry/protocol.js';
import { type Answer, type Asked, emptyAnswer } from '../answer.js';
import { Refusal } from '../errors.js';
import { FairQueue } from '../fair-queue.js';
import { type Held, UNCOUNTED_BYTES } from '../held-memory.js';
import { requireDigest, requireTag } from '../names.js';
import { keeperOfMade } from './made-parts.js';
import { findParts } from './manifest-parts.js';
import type { PushSide } from './push-side.js';
import { atMost, bodyLength } from './upload-range.js';

/** Content-Types that say nothing about the document; its own members then decide. */
const GENERIC_TYPES = new Set(['', 'application/json', 'text/plain', 'application/octet-stream']);

/** The repository and reference of a pushed manifest; the reference is unchecked. */
interface Place {
  repository: string;
  reference: string;
}

/**
 * Answers PUT of a manifest, by tag or by digest; with a digest, it may be tagged too (`?tag=a&tag=b`). The bytes are
 * stored unchanged once the manifest is valid and everything that it needs is here. (distribution-spec, end-7)
 */
export async function putManifest(push: PushSide, place: Place, asked: Asked): Promise<Answer> {
  const target = readTarget(place.reference, asked.query);
  const declared = declaredType(asked.headers['content-type']);
  const held = push.memory.hold(asked.client, asked.cut);
  try {
    const bytes = await readBody(asked, push.maxManifestBytes, held);
    const keep = () => keepManifest(push, place.repository, { target, declared, bytes }, asked);
    if (bytes.length <= UNCOUNTED_BYTES) return await keep();
    return await push.large.run({ client: asked.client }, keep, asked.signal);
  } finally {
    held.release();
  }
}

/**
 * Returns a queue that handles large manifests one at a time: once parsed, a manifest takes ten times the memory of its
 * bytes.
 */
export function createLargeManifests(): FairQueue {
  return new FairQueue({
    concurrency: 1,
    most: 1024, // the memory of their bytes is limited already
    refuse: () => new Refusal('TOOMANYREQUESTS', 'too many large manifests wait to be looked at'),
  });
}

async function keepManifest(
  push: PushSide,
  name: string,
  { target, declared, bytes }: { target: Target; declared: string | undefined; bytes: Buffer },
  { signal, client }: Asked,
): Promise<Answer> {
  const manifest = readManifest(bytes, declared);
  const digest = manifestDigest(bytes, manifest.mediaType, target.digest && algorithmOf(target.digest));
  if (target.digest !== undefined && target.digest !== digest) {
    throw new Refusal('DIGEST_INVALID', 'provided digest did not match uploaded content', {
      detail: { Digest: target.digest },
    });
  }

  const repository = await push.repositories.openForPush(name);
  const { allowSparse, conversions } = push;
  const keepMade = keeperOfMade(repository, name, { conversions, allowSparse, signal, client });
  const parts = await findParts(repository, manifest, { allowSparse, keepMade, signal, client });
  const descriptor = { mediaType: manifest.mediaType, digest, size: bytes.length };
  try {
    await repository.putManifest(descriptor, bytes, { tags: target.tags, ...parts });
  } catch (error) {
    // A part was deleted after findParts had found it.
    if (isLadingError(error, 'MISSING_CONTENT'))
      throw new Refusal('MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', { detail: error.message });
    if (isLadingError(error, 'TOO_LARGE'))
      throw new Refusal('UNAVAILABLE', 'the registry holds as many images as it can list', { status: 507 });
    throw error;
  }
  return emptyAnswer(201, {
    Location: path.manifest(name, digest),
    'Docker-Content-Digest': digest,
    // The manifest is now listed among the referrers of its subject, whether or not the subject is here.
    ...('subject' in manifest && manifest.subject ? { 'OCI-Subject': manifest.subject.digest } : {}),
    ...(target.digest !== undefined && target.tags.length > 0 ? { 'OCI-Tag': target.tags.join(', ') } : {}),
  });
}

interface Target {
  digest?: Digest;
  tags: string[];
}

/** Returns the digest and tags under which to store the manifest. */
function readTarget(reference: string, query: URLSearchParams): Target {
  if (!reference.includes(':')) return { tags: [requireTag(reference)] };
  const tags = new Set(query.getAll('tag').map(requireTag));
  return { digest: requireDigest(reference), tags: [...tags] };
}

/** Returns the media type in the Content-Type; undefined if it is generic. */
function declaredType(header = ''): string | undefined {
  const [type = ''] = header.split(';', 1);
  const mediaType = type.trim().toLowerCase();
  if (GENERIC_TYPES.has(mediaType)) return undefined;
  if (!isManifest(mediaType))
    throw new Refusal('MANIFEST_INVALID', 'the Content-Type is of no manifest', { detail: mediaType });
  return mediaType;
}

async function readBody(asked: Asked, limit: number, held: Held): Promise<Buffer> {
  const tooLarge = () =>
    new Refusal('MANIFEST_INVALID', `a manifest may have at most ${limit} bytes`, { status: 413 });
  if ((bodyLength(asked.headers) ?? 0) > limit) throw tooLarge();
  const gathered = new Gathered();
  for await (const chunk of atMost(asked.body(), limit, tooLarge)) {
    held.grow(chunk.byteLength);
    gathered.add(chunk);
  }
  return gathered.takeWhole();
}

/**
 * Parses a manifest; refuses one that can be understood in two ways (CVE-2021-41190). A schema1 manifest must be
 * signed, as in distribution.
 */
function readManifest(bytes: Buffer, mediaType: string | undefined): Manifest {
  try {
    const manifest = parseManifest(bytes, { mediaType });
    if (manifest.format === 'docker-schema1') verifySchema1Signatures(bytes);
    return manifest;
  } catch (error) {
    if (isLadingError(error, 'INVALID_SIGNATURE'))
      throw new Refusal('MANIFEST_UNVERIFIED', 'manifest failed signature verification', {
        detail: error.message,
      });
    if (isLadingError(error, 'INVALID_MANIFEST', 'INVALID_DIGEST', 'TOO_LARGE'))
      throw new Refusal('MANIFEST_INVALID', 'manifest invalid', { detail: error.message });
    throw error;
  }
}
