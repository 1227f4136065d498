import type { Digest } from '../../content/digest.js';
import { isLadingError } from '../../errors.js';
import { path } from '../../registry/protocol.js';
import type { BlobUpload } from '../../store/writable-repository.js';
import type { Asked } from '../answer.js';
import { Refusal } from '../errors.js';
import type { PushSide } from './push-side.js';
import { atMost, bodyLength, parseContentRange, wrongLength } from './upload-range.js';

/** The repository and ID of an upload; the ID is unchecked. */
export interface UploadPlace {
  repository: string;
  id: string;
}

/** An upload, with the place by which its client addresses it. */
export interface Session {
  place: UploadPlace;
  upload: BlobUpload;
}

/** Contains no dot and no slash, so that it is safe in any store. */
const UPLOAD_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** Finds an open upload; throws `BLOB_UPLOAD_UNKNOWN`. */
export async function requireSession(push: PushSide, place: UploadPlace): Promise<Session> {
  const { repository, id } = place;
  const upload = UPLOAD_ID.test(id)
    ? await (await push.repositories.openForPush(repository)).openUpload(id)
    : undefined;
  if (upload === undefined) throw unknownUpload(id);
  return { place, upload };
}

/** Appends the body to an upload, after checking its range and length. */
export async function receive(push: PushSide, session: Session, asked: Asked): Promise<void> {
  const { upload } = session;
  const { headers, signal, client } = asked;
  const range = parseContentRange(headers['content-range']);
  const length = bodyLength(headers);
  if (range === 'invalid' || (range !== undefined && range.start !== upload.size))
    throw outOfOrder(session, `the Content-Range is not FIRST-LAST with the first byte ${upload.size}`);
  if (range !== undefined && length !== undefined && length !== range.length)
    throw wrongLength(range.length, String(length));

  const before = upload.size;
  const room = push.maxBlobBytes - before;
  const expected = range?.length ?? length ?? 0;
  if (expected > room) throw tooLarge(push.maxBlobBytes);
  if (length === 0) return;
  const chunks = atMost(asked.body(), range?.length ?? room, () =>
    range === undefined ? tooLarge(push.maxBlobBytes) : wrongLength(range.length, 'more'),
  );
  await answered(push, session, upload.append(noticed(push, upload, client, chunks), { signal }));
  if (range !== undefined && upload.size - before !== range.length)
    throw wrongLength(range.length, String(upload.size - before));
}

/** Yields the chunks, and marks the upload as in use with each. */
async function* noticed(
  push: PushSide,
  upload: BlobUpload,
  client: string,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    push.sessions.use(upload, client);
    yield chunk;
  }
}

/** Stores the upload as a blob; throws `DIGEST_INVALID` if its digest differs, which ends the upload too. */
export async function commit(push: PushSide, session: Session, digest: Digest): Promise<void> {
  const { upload } = session;
  try {
    await answered(push, session, upload.commit(digest));
  } catch (error) {
    if (!isLadingError(error, 'DIGEST_MISMATCH')) throw error;
    push.sessions.end(upload.id);
    throw new Refusal('DIGEST_INVALID', 'provided digest did not match uploaded content', {
      detail: { Digest: digest },
    });
  }
  push.sessions.end(upload.id);
}

/** Discards an upload. */
export async function discard(push: PushSide, session: Session): Promise<void> {
  const { upload } = session;
  try {
    await answered(push, session, upload.cancel());
  } catch (error) {
    // After a wrong digest, the upload is gone already.
    if (!(error instanceof Refusal && error.code === 'BLOB_UPLOAD_UNKNOWN')) throw error;
  }
  push.sessions.end(upload.id);
}

/**
 * Waits for `work`, and maps its errors. If another request writes to the same upload, the client gets the same answer
 * as for a chunk out of order: it has to ask for the state and retry. If the upload is gone, because it was completed
 * or another process removed it, the upload is unknown.
 */
async function answered(push: PushSide, session: Session, work: Promise<void>): Promise<void> {
  const { upload } = session;
  try {
    await work;
  } catch (error) {
    if (isLadingError(error, 'LOCKED'))
      throw outOfOrder(session, 'another request is writing to this upload');
    if (!isLadingError(error, 'NOT_FOUND')) throw error;
    push.sessions.end(upload.id);
    throw unknownUpload(upload.id);
  }
}

function unknownUpload(id: string): Refusal {
  return new Refusal('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry', { detail: { id } });
}

function outOfOrder(session: Session, message: string): Refusal {
  return new Refusal('RANGE_INVALID', message, { headers: stateOf(session) });
}

function tooLarge(limit: number): Refusal {
  return new Refusal('SIZE_INVALID', `a blob may have at most ${limit} bytes`, { status: 413 });
}

/**
 * Returns the headers with the state of an upload. `Range` is `0-0` for an empty one too, because it cannot express
 * that. (distribution-spec, "Pushing a blob in chunks")
 */
export function stateOf({ place, upload }: Session): Record<string, string> {
  return {
    Location: `${path.uploads(place.repository)}${upload.id}`,
    Range: `0-${Math.max(upload.size - 1, 0)}`,
    'Docker-Upload-UUID': upload.id,
  };
}
