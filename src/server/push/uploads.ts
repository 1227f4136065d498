import { algorithmOf, type Digest, digestOf, isDigest, isDigestAlgorithm } from '../../content/digest.js';
import { isRepository } from '../../content/reference.js';
import { path } from '../../registry/protocol.js';
import type { WritableRepository } from '../../store/writable-repository.js';
import { type Answer, type Asked, emptyAnswer } from '../answer.js';
import { Refusal } from '../errors.js';
import { requireDigest } from '../names.js';
import type { PushSide } from './push-side.js';
import { bodyLength } from './upload-range.js';
import { commit, discard, receive, requireSession, stateOf, type UploadPlace } from './upload-session.js';

/**
 * Answers POST: mounts a blob from another repository (end-11), or stores the whole blob from the body (end-4b), or
 * starts an upload (end-4a), also if the blob cannot be mounted.
 */
export async function beginUpload(push: PushSide, name: string, asked: Asked): Promise<Answer> {
  const { query } = asked;
  const repository = await push.repositories.openForPush(name);
  const mount = query.get('mount');
  if (isDigest(mount) && (await mounts(repository, mount, query.get('from')))) return created(name, mount);

  requireAlgorithm(query.get('digest-algorithm'));
  const digest = query.get('digest') === null ? undefined : requireDigest(query.get('digest') ?? '');
  const isWhole = digest !== undefined && bringsBlob(asked, digest);
  if (isWhole) requireOctets(asked);
  const upload = await push.sessions.begin(asked.client, () => repository.createUpload());
  const session = { place: { repository: name, id: upload.id }, upload };
  if (!isWhole) {
    const { chunkMinBytes } = push;
    const minimum = chunkMinBytes === undefined ? {} : { 'OCI-Chunk-Min-Length': String(chunkMinBytes) };
    return emptyAnswer(202, { ...stateOf(session), ...minimum });
  }
  try {
    await receive(push, session, asked);
    await commit(push, session, digest);
    return created(name, digest);
  } catch (error) {
    // No client knows this upload, so none can continue it.
    await discard(push, session);
    throw error;
  }
}

/** Answers GET with the state of an upload. (end-13) */
export async function describeUpload(push: PushSide, place: UploadPlace): Promise<Answer> {
  return { status: 204, headers: stateOf(await requireSession(push, place)) };
}

/** Answers PATCH: appends a chunk, or the whole blob. (end-5) */
export async function appendToUpload(push: PushSide, place: UploadPlace, asked: Asked): Promise<Answer> {
  requireOctets(asked);
  const session = await requireSession(push, place);
  await receive(push, session, asked);
  return emptyAnswer(202, stateOf(session));
}

/** Answers PUT: appends the rest of the blob, if any, and completes the upload with its digest. (end-6) */
export async function completeUpload(push: PushSide, place: UploadPlace, asked: Asked): Promise<Answer> {
  const text = asked.query.get('digest');
  if (text === null)
    throw new Refusal('DIGEST_INVALID', 'the digest is missing', { detail: 'digest missing' });
  const digest = requireDigest(text);
  const session = await requireSession(push, place);
  await receive(push, session, asked);
  await commit(push, session, digest);
  return created(place.repository, digest);
}

/** Answers DELETE: discards the upload. (end-14) */
export async function cancelUpload(push: PushSide, place: UploadPlace): Promise<Answer> {
  await discard(push, await requireSession(push, place));
  return { status: 204, headers: {} };
}

/**
 * Mounts a blob; returns false for invalid names, so that an upload is started instead. (distribution-spec, "Mounting a
 * blob")
 */
async function mounts(repository: WritableRepository, digest: Digest, from: string | null): Promise<boolean> {
  if (from !== null && !isRepository(from)) return false;
  return repository.mountBlob(digest, from ?? undefined);
}

/** Whether this request contains the blob: a client may also announce only its digest and send the blob later. */
function bringsBlob({ headers }: Asked, digest: Digest): boolean {
  return bodyLength(headers) !== 0 || digest === digestOf(Buffer.alloc(0), algorithmOf(digest));
}

/** Refuses forms and other types, which a web page could make a browser send. */
function requireOctets({ headers }: Asked): void {
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  if (!['', 'application/octet-stream'].includes(type.trim().toLowerCase()))
    throw new Refusal('UNSUPPORTED', 'blobs are sent as application/octet-stream', { status: 415 });
}

function requireAlgorithm(name: string | null): void {
  if (name !== null && !isDigestAlgorithm(name))
    throw new Refusal('DIGEST_INVALID', 'the digest algorithm is not supported', { detail: name });
}

function created(name: string, digest: Digest): Answer {
  return emptyAnswer(201, { Location: path.blob(name, digest), 'Docker-Content-Digest': digest });
}
