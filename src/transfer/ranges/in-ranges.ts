import type { Readable } from 'node:stream';
import type { Descriptor } from '../../content/descriptor.js';
import { RegistryError } from '../../errors.js';
import type { OnCopyEvent } from '../../events.js';
import type { FetchOptions, OpenContent } from '../../store/store.js';
import type { Line } from './line.js';
import { RangedTransfer } from './ranged-transfer.js';

export interface InRangesOptions {
  line: Line;
  /** The registry that the blob comes from: what is found out about it counts for its other blobs. */
  registry: string;
  onEvent?: OnCopyEvent | undefined;
}

/** Content that may come over several connections. */
export interface RangedContent {
  readonly open: OpenContent;
  /** States that what was opened had another digest: if it came over several connections, it comes over one from here on. */
  distrust(): void;
}

/** How often a blob that came over several connections may fail; then it comes over one. */
const MAX_FAILURES = 3;

/**
 * Returns the same blob, received over several connections where one is narrow. What it opens is one stream, in order, as
 * `open` gives it, so that its reader can verify, write and resume as always. It begins with one connection. If that
 * is the limit, and the run has a place that no other content needs, a second one is tried; if it adds to the rate, the
 * rest of the blob is requested in pieces, each over the next connection that is free. A part (with a `length`) comes over
 * one connection; it is not requested from a registry that has refused one before.
 */
export function inRanges(
  open: OpenContent,
  descriptor: Descriptor,
  { line, registry, onEvent }: InRangesOptions,
): RangedContent {
  const { size } = descriptor;
  let failures = 0;
  let isDamaged = false;
  let last: RangedTransfer | undefined;

  async function openPart(options: FetchOptions): Promise<Readable> {
    if (line.findingOf(registry) === 'refuses')
      throw new RegistryError('REGISTRY', `${registry} does not send parts of blobs`);
    try {
      return await open(options);
    } catch (error) {
      if (!options.signal?.aborted) line.noteRefusal(registry, error);
      throw error;
    }
  }

  return {
    async open({ start = 0, length, signal } = {}) {
      if (length !== undefined) return openPart({ start, length, signal });
      if (last?.usedRanges) failures++;
      last = undefined;
      const isPlain = isDamaged || failures >= MAX_FAILURES || line.findingOf(registry) === 'refuses';
      if (isPlain || size - start < line.limits.minBytes) return open({ start, signal });
      const own = ownAbort(signal);
      try {
        const first = await open({ start, signal: own.signal });
        last = new RangedTransfer({ open, descriptor, start, first, line, registry, own, onEvent });
        return last.body;
      } catch (error) {
        own.abort(); // lets go of the signal of the run
        throw error;
      }
    },

    distrust() {
      if (!last?.usedRanges || isDamaged) return;
      isDamaged = true;
      onEvent?.({ type: 'connections', descriptor, connections: 1, reason: 'damaged' });
    },
  };
}

/** Returns a controller that is aborted with the signal, which it lets go of when it is aborted itself. */
function ownAbort(signal: AbortSignal | undefined): AbortController {
  const own = new AbortController();
  if (signal?.aborted) own.abort(signal.reason);
  signal?.addEventListener('abort', () => own.abort(signal.reason), { once: true, signal: own.signal });
  return own;
}
