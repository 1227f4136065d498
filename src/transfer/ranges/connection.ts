import type { Readable } from 'node:stream';
import type { FreePlace } from '../../pool.js';
import type { Line } from './line.js';
import type { Piece } from './piece.js';
import type { PieceQueue } from './piece-queue.js';

/** One of the connections that a blob comes over. */
export class Connection {
  readonly abort = new AbortController();
  /** When its last bytes came, or its request was sent. */
  heardAt = 0;
  piece: Piece | undefined;
  body: Readable | undefined;
  /** True if it has asked for a range. */
  isRanged = false;
  /** True if bytes of this piece came. */
  hasAnswered = false;

  /** The first connection has the place of the whole transfer. */
  constructor(public place?: FreePlace | undefined) {}

  /** Its requests end with those of the transfer. When it is stopped, it lets go of the signal. */
  endWith(transfer: AbortSignal): void {
    const { signal } = this.abort;
    transfer.addEventListener('abort', () => this.abort.abort(transfer.reason), { once: true, signal });
  }

  stop(): void {
    this.abort.abort();
    this.body?.destroy();
  }
}

/**
 * Returns a connection to stop because others could do what it does not. A server that serves only so many connections may
 * keep one waiting until others end, while these have nothing to do until it delivers what is read next. When all are silent,
 * the line is interrupted, which is waited for, as with one connection.
 */
export function stuckConnection(
  connections: ReadonlySet<Connection>,
  { first, isWanted }: PieceQueue,
  { limits, now }: Line,
): Connection | undefined {
  const isSilent = ({ piece, heardAt }: Connection): boolean =>
    piece !== undefined && now() - heardAt >= limits.patienceMs;
  const all = [...connections];
  // If nothing fetches what is read next, one that could is waited for.
  const next = all.find(({ piece }) => !first?.isBeingFetched || piece === first);
  if (next === undefined || !isSilent(next) || !isWanted) return undefined;
  return !next.hasAnswered || !all.every(isSilent) ? next : undefined;
}
