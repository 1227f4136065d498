import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import type { PlannedContent } from '../graph/tree.js';
import type { Pool } from '../pool.js';
import { delegate } from '../store/delegate.js';
import type { OpenContent, PushOptions, SignalOption, Store, Wanted } from '../store/store.js';
import { has } from '../store/store.js';

/** A store that is given blobs before the copy that they are part of is known. */
export interface HeadStartStore extends Store {
  /** Begins to push the blob, if the store lacks it. To be called before the copy begins. */
  begin(blob: PlannedContent): void;
  /** Resolves when nothing that was begun is under way any more; failures are the copy's to tell. */
  settled(): Promise<void>;
}

/**
 * `store`, to which a copy's first try of a blob that was begun is what came of that: such a blob is neither asked
 * for nor sent again, and retries, events and counts are the copy's as of any other.
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

/** One try to push a blob; what it tells of its bytes is kept until somebody listens. */
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
    // One turn in the pool for both: of a second one, those who wait for it could hold all places.
    this.pushed = pool.run(async (signal) => {
      const isThere = await has(store, descriptor, { signal });
      answer(isThere);
      if (isThere) return;
      const region = await source.region?.(descriptor);
      await store.push(descriptor, (options) => source.fetch(descriptor, options), {
        signal,
        region,
        onBytes: (bytes, origin) => this.#onBytes(bytes, origin),
      });
    });
    this.wasThere = Promise.race([answered, this.pushed.then(() => answered)]);
    this.wasThere.catch(() => undefined); // told to the copy, if it comes to that
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
