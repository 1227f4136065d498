import type { Source, Store } from '../../src/store/store.js';
import {
  describeReading,
  fillWithEverything,
  type Held,
  type Holds,
  type Reading,
} from './contract-reading.js';
import { describeWriting, type Writing } from './contract-writing.js';

/** A store, and the part of the contract that it keeps to. */
export interface Kept {
  store: string;
  /** The files under `src` that it is made in. */
  of: readonly string[];
  holds: Holds;
  /** Undefined where it is to read from only. */
  writing?: Writing;
  open: () => Promise<Opened>;
}

/** A store that holds something already, or an empty one that is open for writing. */
export type Opened = Reading | Writable;

export interface Writable {
  store: Store;
  /** Finishes what was written and opens it again to read, where that is another store. */
  reopen?: () => Promise<Source>;
  /** What fills it; default everything that a store can hold. */
  fill?: (store: Store) => Promise<(reader: Source) => Promise<Held>>;
}

/** What every store keeps to, whoever it is, as far as it can. */
export function describeStore({ store: name, holds, writing, open }: Kept): void {
  describe(name, () => {
    if (writing !== undefined) {
      describeWriting(holds, writing, async () => {
        const { store } = (await open()) as Writable;
        return store;
      });
    }
    describeReading(holds, async () => {
      const opened = await open();
      return 'held' in opened ? opened : toRead(opened);
    });
  });
}

/** Fills a store and opens it to read. */
async function toRead({ store, reopen, fill }: Writable): Promise<Reading> {
  const heldIn = await (fill ?? withEverything)(store);
  const reader = (await reopen?.()) ?? store;
  return { store: reader, held: await heldIn(reader), close: () => reader.close() };
}

async function withEverything(store: Store): Promise<() => Promise<Held>> {
  const held = await fillWithEverything(store);
  return async () => held;
}
