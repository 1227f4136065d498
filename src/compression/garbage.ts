import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A collection of young objects takes 0.3 ms. */
const COLLECT_BYTES = 4 * 1024 * 1024;

/** An attempt fails if another thread resets the flag at the same time. */
const MOST_ATTEMPTS = 3;

let collectYoung: (() => void) | undefined;
let attempts = 0;

/**
 * Starts the garbage collection of short-lived memory that native code allocates. V8 hardly counts it, because the
 * objects that own it are small: it would wait until each thread has 32 MB. Collecting earlier keeps memory low and
 * costs no time, because the memory that is used again is still in the processor's caches.
 */
export class Garbage {
  #bytes = 0;

  /** Counts `bytes` that were allocated, and collects them after every `COLLECT_BYTES`. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < COLLECT_BYTES) return;
    this.#bytes = 0;
    if (collectYoung === undefined && attempts < MOST_ATTEMPTS) {
      attempts++;
      collectYoung = findCollector();
    }
    collectYoung?.();
  }
}

/** Returns V8's `gc`, or undefined if it is not available. Contexts that are created while V8's flag is set have it. */
function findCollector(): (() => void) | undefined {
  const own = ownCollector(globalThis);
  if (own !== undefined) return own; // Node.js runs with the flag, which must stay set
  try {
    setFlagsFromString('--expose-gc');
    return ownCollector(runInNewContext('globalThis'));
  } catch {
    return undefined; // V8 collects later, by itself
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

function ownCollector(context: { gc?: unknown }): (() => void) | undefined {
  const { gc } = context;
  return typeof gc === 'function' ? () => gc({ type: 'minor' }) : undefined;
}
