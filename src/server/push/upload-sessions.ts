import { isLadingError } from '../../errors.js';
import type { BlobUpload } from '../../store/writable-repository.js';
import { Refusal } from '../errors.js';
import { ClientCounts, shareOf } from '../operational/client.js';

/** Of an upload that nothing was sent to for so long, its client is taken to be gone; it may still go on. */
const IDLE_MS = 10 * 60_000;
/** An upload that was begun and got nothing for so long is given up where another one needs its place. */
const EMPTY_MS = 10_000;
const RETRY_AFTER = { 'Retry-After': '10' };

/** What is needed of an upload here: beginning one takes a place, and a file in a layout. */
export type CountedUpload = Pick<BlobUpload, 'id' | 'cancel'>;

interface Session {
  upload: CountedUpload;
  client: string;
  usedAt: number;
  /** Whether nothing was sent to it yet. */
  isEmpty: boolean;
}

export interface UploadSessionsOptions {
  /** Uploads that are begun and not over. */
  most: number;
  /** Percent of them that one client may have. */
  clientShare: number;
  now?: (() => number) | undefined;
}

/**
 * The uploads that are begun and not over, of which there may be only so many, and of one client a share. Where there
 * is no place left, one that nothing was sent to gives way: after a while, or at once when its client has more uploads
 * than the one who needs the place.
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

  /** Runs `create` if there may be one more upload; throws the refusal otherwise. */
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

  /** Told of every sign of life, of uploads too that an earlier process began. */
  use(upload: CountedUpload, client: string): void {
    this.#sessions.set(upload.id, {
      client: this.#sessions.get(upload.id)?.client ?? client,
      upload,
      usedAt: this.#now(),
      isEmpty: false,
    });
  }

  /** Told that an upload is complete, cancelled or lost. */
  end(id: string): void {
    this.#sessions.delete(id);
  }

  /** The uploads that give way; throws the refusal where none does. */
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

  /** A map keeps the order in which its keys came, and an empty upload was not used since. */
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

  /** Of those that nothing was ever sent to, nothing stays in the store. */
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
      // Its client has come back at this very moment, or has ended it.
      if (!isLadingError(error, 'LOCKED', 'NOT_FOUND')) throw error;
    }
  }
}

function tooMany(what: string): Refusal {
  return new Refusal('TOOMANYREQUESTS', `${what} are under way, which is the limit`, {
    headers: RETRY_AFTER,
  });
}
