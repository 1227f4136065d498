import { type CopyEvent, printable } from '../index.js';
import { formatBytes, formatDuration, plural } from './format.js';
import { describeRetry, RetryNotices } from './retry-notices.js';

/**
 * Returns a function that tells what a user should read about an event, if anything. Warnings are shown by the output
 * itself.
 */
export function createMessages(verbose: boolean): (event: CopyEvent) => string | undefined {
  const retries = new RetryNotices();
  return (event) => {
    const news = event.type === 'retrying' ? retries.take(event) : newsOf(event);
    const text = verbose ? (detailOf(event) ?? news) : news;
    // Names come from archives and may contain terminal control characters.
    return text === undefined ? undefined : printable(text);
  };
}

function newsOf(event: CopyEvent): string | undefined {
  switch (event.type) {
    case 'planned':
      return `${plural(event.images, 'image')}, ${plural(event.blobs, 'blob')}, ${formatBytes(event.bytes)}`;
    case 'failed':
      return `${event.name}: failed`;
    case 'waiting':
      return `waiting for ${event.holder}, which writes to the same output`;
    case 'pausing':
      return `${event.registry} has no pulls left: waiting ${formatDuration(event.delayMs)}`;
    case 'limited':
      return (event.remaining ?? Number.POSITIVE_INFINITY) > FEW_PULLS ? undefined : describeLimit(event);
    default:
      return undefined;
  }
}

function detailOf(event: CopyEvent): string | undefined {
  switch (event.type) {
    case 'resolved':
      return `${event.name}: ${event.descriptor.digest}`;
    case 'skipped':
      return `${event.descriptor.digest}: already there`;
    case 'done':
      return `${event.descriptor.digest}: done, ${formatBytes(event.descriptor.size)}`;
    case 'tagged':
      return `${event.name}: tagged`;
    case 'paced':
      return `${event.registry}: ${plural(event.limit, 'small request')} at once from now on, ${PACES[event.reason]}`;
    case 'retrying':
      return describeRetry(event);
    case 'connections':
      return `${event.descriptor.digest}: over ${plural(event.connections, 'connection')} from now on, ${CONNECTIONS[event.reason]}`;
    case 'limited':
      return describeLimit(event);
    default:
      return undefined;
  }
}

const PACES = {
  faster: 'since answers come as fast as before',
  slower: 'since answers take longer',
  refused: 'since it refuses requests',
} as const;

const CONNECTIONS = {
  narrow: 'since each is slow and a second one helped',
  total: 'since a second one did not help',
  refused: 'since the registry does not send parts of it',
  failed: 'since a connection failed',
  damaged: 'since what came over several was damaged',
} as const;

/** The remaining pulls are reported without --verbose if there are at most this many. */
const FEW_PULLS = 10;

function describeLimit(event: Extract<CopyEvent, { type: 'limited' }>): string | undefined {
  const { registry, limit, remaining, windowSeconds } = event;
  if (remaining === undefined) return undefined;
  const window = windowSeconds === undefined ? '' : ` for ${Math.round(windowSeconds / 3600)} h`;
  return `${registry} allows ${remaining}${limit === undefined ? '' : ` of ${limit}`} more pulls${window}`;
}
