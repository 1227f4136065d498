import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import type { PlannedContent } from '../../graph/tree.js';
import type { Pool } from '../../pool.js';
import { delegate } from '../../store/delegate.js';
import type { OpenContent, PushOptions, SignalOption, Store, Wanted } from '../../store/store.js';
import { hasAlready, pushTo } from '../at-destination.js';

/** A store that accepts blobs before the plan of the copy is known. */
export interface HeadStartStore extends Store {
  /** Starts to push a blob, unless the store has it. Must be called before the copy starts. */
  begin(blob: PlannedContent): void;
  /** Resolves when no push that was begun is running; the copy reports failures. */
  settled(): Promise<void>;
}

/**
 * Wraps `store` so that a copy's first push of a blob joins the push that was begun for it. The blob is neither looked
 * up nor sent again; retries, events and counts are those of the copy, as for any other blob.
 */
export function headStartStore(store: Store, pool: Pool): HeadStartStore {
  const begun = new Map<Digest, HeadStart>();
  const all: HeadStart[] = [];
  return delegate(store, {
    begin(blob: PlannedContent) {
      const { digest } = blob.descriptor;
      if (begun.has(digest)) return;
      const headStart = new HeadStart(blob, store, pool);
      begun.set(digest, headStart);
      all.push(headStart);
    },
    async settled() {
      await Promise.allSettled(all.map(({ pushed }) => pushed));
    },
    async sizeOf(content: Wanted, options?: SignalOption) {
      const headStart = begun.get(content.digest);
      if (headStart === undefined) return store.sizeOf(content, options);
      return (await headStart.wasThere) ? headStart.size : undefined;
    },
    push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}) {
      const headStart = begun.get(descriptor.digest);
      begun.delete(descriptor.digest);
      return headStart?.join(options) ?? store.push(descriptor, open, options);
    },
  });
}

/** One attempt to push a blob. Its byte counts are kept until a copy joins it. */
class HeadStart {
  readonly size: number;
  readonly wasThere: Promise<boolean>;
  readonly pushed: Promise<void>;
  readonly #bytes = { kept: 0, fetched: 0 };
  #onBytes: NonNullable<PushOptions['onBytes']> = (bytes, origin) => {
    this.#bytes[origin] += bytes;
  };

  constructor({ descriptor, source }: PlannedContent, store: Store, pool: Pool) {
    this.size = descriptor.size;
    let answer = (_: boolean): void => undefined;
    const answered = new Promise<boolean>((resolve) => {
      answer = resolve;
    });
    // Look up and push in a single turn of the pool: if the push needed a second one, the copies that wait for it could
    // occupy all places.
    this.pushed = pool.run(async (signal) => {
      const isThere = await hasAlready(store, descriptor, { signal });
      answer(isThere);
      if (isThere) return;
      const region = await source.region?.(descriptor);
      await pushTo(store, descriptor, (options) => source.fetch(descriptor, options), {
        signal,
        region,
        onBytes: (bytes, origin) => this.#onBytes(bytes, origin),
      });
    });
    this.wasThere = Promise.race([answered, this.pushed.then(() => answered)]);
    // avoids an unhandled rejection; the copy gets the error if it asks for the blob
    this.wasThere.catch(() => undefined);
  }

  join({ onBytes }: PushOptions): Promise<void> {
    if (onBytes !== undefined) {
      for (const origin of ['kept', 'fetched'] as const)
        if (this.#bytes[origin] > 0) onBytes(this.#bytes[origin], origin);
      this.#onBytes = onBytes;
    }
    return this.pushed;
  }
}
