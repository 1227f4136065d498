import { digestOf } from '../../content/digest.js';
import type { ListedObject } from '../../s3/client.js';

/** How long a list is used before the service is asked for another. */
const FRESH_MS = 5000;

/** A list of objects that is used again for 5 s, also by callers that ask while it is being read. */
export class FreshList<T> {
  readonly #read: (signal?: AbortSignal) => Promise<T>;
  #reading: Promise<T> | undefined;
  #readAt = 0;

  constructor(read: (signal?: AbortSignal) => Promise<T>) {
    this.#read = read;
  }

  get isFresh(): boolean {
    return this.#reading !== undefined && Date.now() - this.#readAt <= FRESH_MS;
  }

  async get(signal?: AbortSignal): Promise<T> {
    if (this.#reading === undefined || !this.isFresh) {
      this.#readAt = Date.now();
      const reading = this.#read(signal);
      this.#reading = reading;
      reading.catch(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
    }
    return this.#reading;
  }

  /** To be called after a change: the next caller gets a new list. */
  forget(): void {
    this.#reading = undefined;
  }
}

/** Returns a text that changes whenever an object of the list is written, added or removed. */
export function versionOf(objects: readonly ListedObject[]): string {
  const text = objects.map(({ key, etag, modified }) => `${key} ${etag} ${modified}`).join('\n');
  return digestOf(Buffer.from(text));
}
