import { isLadingError } from '../../errors.js';
import type { BlobUpload } from '../../store/writable-repository.js';
import { Refusal } from '../errors.js';
import { ClientCounts, shareOf } from '../operational/client.js';

/**
 * After this time without data, an upload no longer counts, because its client is probably gone; it may still be
 * continued.
 */
const IDLE_MS = 10 * 60_000;
/** After this time, an upload that has got no data at all is cancelled if another one needs its place. */
const EMPTY_MS = 10_000;
const RETRY_AFTER = { 'Retry-After': '10' };

/** The part of an upload that is needed here. A new upload takes a place, and in a layout a file. */
export type CountedUpload = Pick<BlobUpload, 'id' | 'cancel'>;

interface Session {
  upload: CountedUpload;
  client: string;
  usedAt: number;
  /** Whether it has got no data yet. */
  isEmpty: boolean;
}

export interface UploadSessionsOptions {
  /** Maximum number of open uploads. */
  most: number;
  /** Percentage of them that one client may have. */
  clientShare: number;
  now?: (() => number) | undefined;
}

/**
 * Limits the number of open uploads, and the share of each client. If there is no place left, an upload without data is
 * cancelled: after a while, or at once if its client has more uploads than the one that needs the place.
 */
export class UploadSessions {
  readonly #sessions = new Map<string, Session>();
  readonly #beginning = new ClientCounts();
  readonly #most: number;
  readonly #mostOfClient: number;
  readonly #now: () => number;
  #beginningCount = 0;

  constructor({ most, clientShare, now = () => performance.now() }: UploadSessionsOptions) {
    this.#most = most;
    this.#mostOfClient = shareOf(most, clientShare);
    this.#now = now;
  }

  /** Runs `create` if another upload is allowed; throws a `Refusal` otherwise. */
  async begin<U extends CountedUpload>(client: string, create: () => Promise<U>): Promise<U> {
    const givenUp = this.#makeRoom(client);
    this.#beginning.add(client);
    this.#beginningCount += 1;
    try {
      await Promise.all(givenUp);
      const upload = await create();
      this.#sessions.set(upload.id, { upload, client, usedAt: this.#now(), isEmpty: true });
      return upload;
    } finally {
      this.#beginning.remove(client);
      this.#beginningCount -= 1;
    }
  }

  /** Records that an upload got data, even one that an earlier process started. */
  use(upload: CountedUpload, client: string): void {
    this.#sessions.set(upload.id, {
      client: this.#sessions.get(upload.id)?.client ?? client,
      upload,
      usedAt: this.#now(),
      isEmpty: false,
    });
  }

  /** Records that an upload is complete, cancelled or lost. */
  end(id: string): void {
    this.#sessions.delete(id);
  }

  /** Cancels uploads to make room; throws a `Refusal` if none can be cancelled. */
  #makeRoom(client: string): Promise<void>[] {
    const givenUp = this.#forgetIdle();
    const counts = this.#countsByClient();
    const own = counts.get(client) ?? 0;
    if (own >= this.#mostOfClient) {
      const empty = this.#oldestEmpty((session) => session.client === client && this.#isStale(session));
      if (empty === undefined) throw tooMany(`${own} uploads of this client`);
      givenUp.push(this.#giveUp(empty));
    } else if (this.#sessions.size + this.#beginningCount >= this.#most) {
      const empty = this.#oldestEmpty(
        (session) => this.#isStale(session) || (counts.get(session.client) ?? 0) > own + 1,
      );
      if (empty === undefined) throw tooMany(`${this.#most} uploads`);
      givenUp.push(this.#giveUp(empty));
    }
    return givenUp;
  }

  #isStale({ usedAt }: Session): boolean {
    return usedAt < this.#now() - EMPTY_MS;
  }

  /** Returns the oldest empty upload: maps are ordered by insertion, and an empty upload has not been used since. */
  #oldestEmpty(isMeant: (session: Session) => boolean): Session | undefined {
    for (const session of this.#sessions.values()) if (session.isEmpty && isMeant(session)) return session;
    return undefined;
  }

  #countsByClient(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { client } of this.#sessions.values()) counts.set(client, (counts.get(client) ?? 0) + 1);
    for (const [client, count] of this.#beginning) counts.set(client, (counts.get(client) ?? 0) + count);
    return counts;
  }

  /** Forgets idle uploads, and cancels the empty ones, so that nothing of those stays in the store. */
  #forgetIdle(): Promise<void>[] {
    const before = this.#now() - IDLE_MS;
    const givenUp: Promise<void>[] = [];
    for (const session of this.#sessions.values()) {
      if (session.usedAt >= before) continue;
      if (session.isEmpty) givenUp.push(this.#giveUp(session));
      else this.#sessions.delete(session.upload.id);
    }
    return givenUp;
  }

  async #giveUp({ upload }: Session): Promise<void> {
    this.#sessions.delete(upload.id);
    try {
      await upload.cancel();
    } catch (error) {
      // Its client has used it again at this moment, or has ended it.
      if (!isLadingError(error, 'LOCKED', 'NOT_FOUND')) throw error;
    }
  }
}

function tooMany(what: string): Refusal {
  return new Refusal('TOOMANYREQUESTS', `${what} are under way, which is the limit`, {
    headers: RETRY_AFTER,
  });
}
