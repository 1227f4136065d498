import { LadingError } from '../../errors.js';
import type { S3Client } from '../../s3/client.js';
import type { BucketKeys } from './keys.js';
import { tryWrite } from './try-write.js';

/** What `gc.lock` says about collections: whether one runs, and when content was removed last. */
export interface CollectionState {
  /** Another one each time that content is going to be removed: while it is the same, nothing was removed. */
  epoch: string;
  /** Content is being removed: what is found may be gone a moment later. */
  isRemoving: boolean;
  /** The run that collects; undefined if none does. */
  holder: string | undefined;
  /** Content younger than this is not removed, in milliseconds. */
  graceMs: number;
  /** Distinguishes two writes of one holder. */
  beat: number;
}

export interface KnownState {
  state: CollectionState;
  /** Undefined if there is no `gc.lock` yet. */
  etag: string | undefined;
  /** The service's clock, in milliseconds since 1970. */
  serverTime: number;
  /** Milliseconds since the state was written, by the service's clock. */
  ageMs: number;
}

/** A holder that has not renewed its lease for so long removes nothing more. */
export const LEASE_MS = 10 * 60_000;
/**
 * A request to remove may arrive late, but no later than its signature is good for: 15 minutes, and as many for a clock that
 * is ahead. (Amazon S3, "Authenticating Requests", "RequestTimeTooSkewed")
 */
const LATEST_MS = 30 * 60_000;
/** Times of HTTP are whole seconds. */
const ROUNDING_MS = 2000;

export const DEFAULT_GRACE_MS = 24 * 3600_000;
const MAX_STATE_BYTES = 4096;

const NEVER: CollectionState = {
  epoch: '',
  isRemoving: false,
  holder: undefined,
  graceMs: DEFAULT_GRACE_MS,
  beat: 0,
};

/** Reads `gc.lock`. A holder that is gone for good holds nothing any more. */
export async function readState(
  client: S3Client,
  keys: BucketKeys,
  { signal, now }: { signal?: AbortSignal | undefined; now: () => number },
): Promise<KnownState> {
  const read = await client.read(keys.collection, { maxBytes: MAX_STATE_BYTES, signal });
  if (read === undefined || read === 'unchanged')
    return { state: NEVER, etag: undefined, serverTime: now(), ageMs: 0 };
  const serverTime = read.serverTime ?? now();
  const ageMs = serverTime - (read.modified ?? serverTime);
  return { state: parseState(read.bytes, keys.collection), etag: read.etag, serverTime, ageMs };
}

/** True if a holder has died: nothing that it sent can still arrive. */
export function isOver({ state, ageMs }: KnownState): boolean {
  return state.holder === undefined || ageMs > LEASE_MS + LATEST_MS + ROUNDING_MS;
}

/** Writes `gc.lock` if nobody else has meanwhile; resolves with its new ETag, undefined if somebody has. */
export async function writeState(
  client: S3Client,
  keys: BucketKeys,
  state: CollectionState,
  before: string | undefined,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const bytes = Buffer.from(JSON.stringify(state));
  const condition = before === undefined ? { isNew: true } : { etag: before };
  const written = await tryWrite(client, keys.collection, bytes, condition, signal);
  if (written?.etag !== undefined) return written.etag;
  // An answer may be lost on its way, and the request that is sent again finds what the first one has written.
  const there = await client.read(keys.collection, { maxBytes: MAX_STATE_BYTES, signal });
  return there !== undefined && there !== 'unchanged' && there.bytes.equals(bytes) ? there.etag : undefined;
}

function parseState(bytes: Buffer, where: string): CollectionState {
  const { epoch, isRemoving, holder, graceMs, beat } = membersOf(bytes);
  const isRight = [graceMs, beat].every((number) => typeof number === 'number' && Number.isFinite(number));
  if (
    !isRight ||
    typeof epoch !== 'string' ||
    typeof isRemoving !== 'boolean' ||
    (holder !== undefined && typeof holder !== 'string')
  )
    throw new LadingError('INVALID_LAYOUT', `${where} is not what lading writes there`, {
      hint: 'If nobody collects garbage in this bucket at the moment, remove that object.',
    });
  // The line above has looked at each.
  return { epoch, isRemoving, holder, graceMs, beat } as CollectionState;
}

function membersOf(bytes: Buffer): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof document === 'object' && document !== null ? { ...document } : {};
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return {};
  }
}
