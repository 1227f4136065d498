/** So much is worth a sync of its own: the disk is kept busy, and small files are synced once, at their end. */
const SYNC_BYTES = 32 * 1024 * 1024;

/** In all files together: a sync holds one of the few threads that write. */
let isOneUnderWay = false;

/**
 * Has the system bring a file to the disk while it is still being received, so that little is left to wait for at its
 * end: 7 % of the time of a large save. A failure is kept, because Linux tells of it once only; from then on
 * whatever is read back may be in memory alone.
 */
export class BackgroundSync {
  readonly #sync: () => Promise<void>;
  #unsyncedBytes = 0;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws the first failure. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Told of what was written; begins a sync when it is time, and does not wait for it. */
  wrote(bytes: number): void {
    this.#unsyncedBytes += bytes;
    if (this.#unsyncedBytes < SYNC_BYTES || isOneUnderWay || this.#failure !== undefined) return;
    isOneUnderWay = true;
    this.#running = this.#run().finally(() => {
      isOneUnderWay = false;
      this.#running = undefined;
    });
  }

  /** Resolves when no sync is under way, however it ended. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Resolves when everything that was written before is on the disk; rejects with the first failure. */
  async finish(): Promise<void> {
    await this.settled();
    if (this.#failure === undefined) await this.#run();
    this.throwIfFailed();
  }

  async #run(): Promise<void> {
    this.#unsyncedBytes = 0;
    try {
      await this.#sync();
    } catch (error) {
      this.#failure = { error };
    }
  }
}
