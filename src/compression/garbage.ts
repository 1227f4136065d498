import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A collection of what is young takes 0.3 ms. */
const COLLECT_BYTES = 4 * 1024 * 1024;

/** Another thread may take the flag away just then. */
const MOST_ATTEMPTS = 3;

let collectYoung: (() => void) | undefined;
let attempts = 0;

/**
 * Counts memory that addons allocate and that is soon garbage. V8 hardly sees it, since the objects that hold it are
 * small: it begins to collect when 32 MB are there, in each thread. Collecting them early is what keeps memory low, and
 * costs no time, since the same memory, still in the processor's caches, is used again.
 */
export class Garbage {
  #bytes = 0;

  /** Tells that so many bytes have been allocated. */
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

/** V8's own, which is given to contexts that are made while its flag is set; undefined where it cannot be had. */
function findCollector(): (() => void) | undefined {
  const own = ownCollector(globalThis);
  if (own !== undefined) return own; // the program around has set the flag, and keeps it
  try {
    setFlagsFromString('--expose-gc');
    return ownCollector(runInNewContext('globalThis'));
  } catch {
    return undefined; // collected late, as without it
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

function ownCollector(context: { gc?: unknown }): (() => void) | undefined {
  const { gc } = context;
  return typeof gc === 'function' ? () => gc({ type: 'minor' }) : undefined;
}
