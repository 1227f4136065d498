import { Refusal } from '../errors.js';

/** Of an upload that nothing was sent to for so long, its client is taken to be gone; it may still go on. */
const IDLE_MS = 10 * 60_000;
const RETRY_AFTER = { 'Retry-After': '10' };

/** The uploads that are begun and not over, of which there may be only so many. */
export class UploadSessions {
  readonly #usedAt = new Map<string, number>();
  #beginning = 0;

  constructor(
    private readonly most: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Runs `create` if there may be one more upload; throws the refusal otherwise. */
  async begin<U extends { id: string }>(create: () => Promise<U>): Promise<U> {
    this.#forgetIdle();
    if (this.#usedAt.size + this.#beginning >= this.most) {
      throw new Refusal('TOOMANYREQUESTS', `${this.most} uploads are under way, which is the limit`, {
        headers: RETRY_AFTER,
      });
    }
    this.#beginning += 1;
    try {
      const upload = await create();
      this.use(upload.id);
      return upload;
    } finally {
      this.#beginning -= 1;
    }
  }

  /** Told of every sign of life. */
  use(id: string): void {
    this.#usedAt.set(id, this.now());
  }

  /** Told that an upload is complete, cancelled or lost. */
  end(id: string): void {
    this.#usedAt.delete(id);
  }

  #forgetIdle(): void {
    const before = this.now() - IDLE_MS;
    for (const [id, usedAt] of this.#usedAt) if (usedAt < before) this.#usedAt.delete(id);
  }
}
