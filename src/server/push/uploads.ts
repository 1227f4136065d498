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
 * POST: takes the blob from another repository (end-11), or all at once from the body (end-4b), or begins an
 * upload (end-4a): that too where the blob to mount is not there or cannot be.
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
    // Nobody was told of this upload: nobody can go on with it.
    await discard(push, session);
    throw error;
  }
}

/** GET: how far an upload is. (end-13) */
export async function tellUpload(push: PushSide, place: UploadPlace): Promise<Answer> {
  return { status: 204, headers: stateOf(await requireSession(push, place)) };
}

/** PATCH: more of the blob, a piece or all that there is. (end-5) */
export async function appendToUpload(push: PushSide, place: UploadPlace, asked: Asked): Promise<Answer> {
  requireOctets(asked);
  const session = await requireSession(push, place);
  await receive(push, session, asked);
  return emptyAnswer(202, stateOf(session));
}

/** PUT: the last of the blob, if there is any left, and its digest. (end-6) */
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

/** DELETE: what came is thrown away. (end-14) */
export async function cancelUpload(push: PushSide, place: UploadPlace): Promise<Answer> {
  await discard(push, await requireSession(push, place));
  return { status: 204, headers: {} };
}

/** What is wrong with the names of a mount makes it an upload. (distribution-spec, "Mounting a blob") */
async function mounts(repository: WritableRepository, digest: Digest, from: string | null): Promise<boolean> {
  if (from !== null && !isRepository(from)) return false;
  return repository.mountBlob(digest, from ?? undefined);
}

/** Whether the blob is in this very request: a client may only announce its digest, and send it later. */
function bringsBlob({ headers }: Asked, digest: Digest): boolean {
  return bodyLength(headers) !== 0 || digest === digestOf(Buffer.alloc(0), algorithmOf(digest));
}

/** Forms and the like are no blobs: a page in a browser could send those unasked. */
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
