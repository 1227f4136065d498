import type { Descriptor } from '../../content/descriptor.js';
import type { OnCopyEvent } from '../../events.js';
import type { OpenContent } from '../../store/store.js';
import type { Line } from './line.js';
import { RangedTransfer } from './ranged-transfer.js';

export interface InRangesOptions {
  line: Line;
  /** The registry that the blob comes from: what is found out about it counts for its other blobs. */
  registry: string;
  onEvent?: OnCopyEvent | undefined;
}

/** How often a blob that came over several connections may fail; then it comes over one. */
const MAX_FAILURES = 3;

/**
 * Returns an opener of the same blob that receives it over several connections where one is narrow. What it opens is one
 * stream, in order, as `open` gives it, so that whoever reads it can verify, write and resume as always. It begins with one
 * connection. If that is the limit, and the run has a place that no other content needs, a second one is tried; if it adds
 * to the rate, the rest of the blob is requested in pieces, each over the next connection that is free.
 */
export function inRanges(
  open: OpenContent,
  descriptor: Descriptor,
  { line, registry, onEvent }: InRangesOptions,
): OpenContent {
  const { size } = descriptor;
  let failures = 0;
  let isDamaged = false;
  let last: RangedTransfer | undefined;

  return async ({ start = 0, signal } = {}) => {
    if (last?.usedRanges) failures++;
    // Whoever verifies the bytes and asks for them again has found them wrong.
    if (start === 0 && last?.usedRanges && !isDamaged) {
      isDamaged = true;
      onEvent?.({ type: 'connections', descriptor, connections: 1, reason: 'damaged' });
    }
    last = undefined;
    const isPlain = isDamaged || failures >= MAX_FAILURES || line.findingOf(registry) === 'refuses';
    if (isPlain || size - start < line.limits.minBytes) return open({ start, signal });
    const own = new AbortController();
    signal?.addEventListener('abort', () => own.abort(signal.reason), { once: true, signal: own.signal });
    const first = await open({ start, signal: own.signal });
    last = new RangedTransfer({ open, descriptor, start, first, line, registry, own, onEvent });
    return last.body;
  };
}
