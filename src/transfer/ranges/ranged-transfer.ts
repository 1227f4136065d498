import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Descriptor } from '../../content/descriptor.js';
import { cutShort } from '../../content/verify.js';
import type { ConnectionsEvent } from '../../events.js';
import { isRetryable } from '../../retry.js';
import type { OpenContent } from '../../store/store.js';
import { Connection, stuckConnection } from './connection.js';
import type { Line } from './line.js';
import { Phases } from './phases.js';
import type { Piece } from './piece.js';
import { PieceQueue } from './piece-queue.js';

export interface RangedTransferOptions {
  open: OpenContent;
  descriptor: Descriptor;
  start: number;
  /** The bytes from `start`, over the first connection. */
  first: Readable;
  line: Line;
  registry: string;
  /** Aborts the requests of this transfer. */
  own: AbortController;
  onEvent?: ((event: ConnectionsEvent) => void) | undefined;
}

/** After so many whole pieces, another connection may take the place of one that has failed. */
const PIECES_FOR_ANOTHER = 8;

const NOTHING = Buffer.alloc(0);

/** Receives a blob over one or several connections, as one stream in order. */
export class RangedTransfer {
  /** True if there was more than one connection. */
  usedRanges = false;
  readonly #options: RangedTransferOptions;
  readonly #line: Line;
  readonly #queue: PieceQueue;
  readonly #connections = new Set<Connection>();
  /** How many connections there may be after some have failed. */
  #most = Number.POSITIVE_INFINITY;
  readonly #phases: Phases;
  #wholePieces = 0;
  #failure: unknown;
  /** True if the rest was requested without ranges after a refusal. */
  #isAlone = false;
  #isWatched = false;
  #isOver = false;
  #received = 0;
  #pausedMs = 0;
  #sleepers: (() => void)[] = [];

  constructor(options: RangedTransferOptions) {
    const { descriptor, start, first, line } = options;
    this.#options = options;
    this.#line = line;
    this.#queue = new PieceQueue({
      line,
      start,
      size: descriptor.size,
      onRead: () => this.#wake(),
      onStuck: () => this.#onStuck(),
      onEnd: () => this.#end(),
    });
    this.#phases = new Phases({
      line,
      registry: options.registry,
      queue: this.#queue,
      progress: () => ({ bytes: this.#received, pausedMs: this.#pausedMs }),
      start: (connection, piece) => void this.#run(connection, piece && { piece }),
      onSeveral: () => this.#onSeveral(),
      onVain: () => this.#report(1, 'total'),
    });
    line.blobs++;
    void this.#run(new Connection(), { piece: this.#queue.add(descriptor.size, 0), body: first });
  }

  get body(): Readable {
    return this.#queue.body;
  }

  /** Fetches pieces over one connection, as long as there are any for it. */
  async #run(connection: Connection, first?: { piece: Piece; body?: Readable }): Promise<void> {
    this.#connections.add(connection);
    this.#line.connections++;
    connection.endWith(this.#options.own.signal);
    try {
      if (first !== undefined) await this.#fetch(connection, first.piece, first.body);
      while (!this.#isOver && this.#phases.current === 'several') {
        const piece = this.#nextPiece(connection);
        if (piece === 'none') break;
        if (piece === 'later') await this.#change();
        else await this.#fetch(connection, piece);
      }
    } catch (error) {
      this.#failed(connection, error);
    } finally {
      connection.stop();
      this.#connections.delete(connection);
      this.#line.connections--;
      this.#giveBackPlace(connection);
      this.#wake();
      this.#queue.deliver();
    }
  }

  /** Whichever connection ends, one that stays has the place of the transfer itself, and needs no other. */
  #giveBackPlace(connection: Connection): void {
    const owner = [connection, ...this.#connections].find(({ place }) => place !== undefined);
    owner?.place?.giveBack();
    if (owner !== undefined) owner.place = undefined;
  }

  #nextPiece(connection: Connection): Piece | 'none' | 'later' {
    const { size } = this.#options.descriptor;
    const { limits, share } = this.#line;
    this.#addConnections();
    const isTooMany = this.#connections.size > Math.min(this.#most, share);
    if (this.#connections.size > 1 && (isTooMany || connection.place?.isWanted)) return 'none';
    const { left, end } = this.#queue;
    if (left !== undefined) return left;
    if (end === size) return 'none';
    if (this.#connections.size === 1) {
      // Alone, it would only wait between pieces. It is measured again, since places may become free.
      this.#phases.measureAgain();
      return this.#queue.add(size, 0);
    }
    const length = Math.min(limits.pieceBytes, size - end);
    // The piece that is read next always fits, so that two blobs cannot wait for each other.
    const isNext = this.#queue.first === undefined;
    if (!isNext && !this.#line.takeWindow(length)) return 'later';
    return this.#queue.add(end + length, isNext ? 0 : length);
  }

  async #fetch(connection: Connection, piece: Piece, opened?: Readable): Promise<void> {
    const { end } = piece;
    piece.isBeingFetched = true;
    connection.piece = piece;
    connection.heardAt = this.#line.now();
    connection.hasAnswered = false;
    try {
      const body = opened ?? (await this.#open(connection, piece));
      connection.body = body;
      if (this.#isOver || connection.abort.signal.aborted) body.destroy();
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (piece.isWhole) break; // a source that does not stop at the end of a range
        this.#receive(connection, piece, chunk);
        // A body that is read to its end leaves a connection that can be used again.
        if (piece.isWhole && piece.end < end) break;
        await this.#room(piece);
      }
      if (piece.end < end) await turn(); // its connection is closed by then, before another one is opened
      if (this.#isOver) return;
      if (!piece.isWhole) throw cutShort(this.#options.descriptor, piece.position);
      if (++this.#wholePieces % PIECES_FOR_ANOTHER === 0) this.#most++;
    } finally {
      piece.isBeingFetched = false;
      connection.piece = undefined;
      connection.body = undefined;
    }
  }

  #open(connection: Connection, piece: Piece): Promise<Readable> {
    const { open, own } = this.#options;
    const { position: start, end } = piece;
    // After a refusal, the rest is requested as if there were no ranges, for which there are other ways.
    if (this.#phases.isRefused) return open({ start, signal: own.signal });
    connection.isRanged = true;
    this.usedRanges = true;
    return open({ start, length: end - start, signal: connection.abort.signal });
  }

  #receive(connection: Connection, piece: Piece, chunk: Buffer): void {
    connection.heardAt = this.#line.now();
    connection.hasAnswered = true;
    for (let rest = chunk; rest.byteLength > 0 && !piece.isWhole; ) {
      const part = rest.subarray(0, piece.end - piece.position);
      this.#received += part.byteLength;
      this.#line.bytes += part.byteLength;
      this.#queue.receive(piece, part);
      // This may change where the piece ends, so it comes before the piece is over.
      this.#phases.arrived(connection, this.#connections.size);
      this.#queue.deliver();
      // Whoever reads a part may give its buffer back, so what follows must not lie in it.
      rest = piece.isWhole ? NOTHING : Buffer.from(rest.subarray(part.byteLength));
    }
  }

  /** Waits until more of a piece may be received. */
  async #room(piece: Piece): Promise<void> {
    if (this.#isOver || !this.#queue.isFull(piece)) return;
    const from = this.#line.now();
    while (!this.#isOver && this.#queue.isFull(piece)) await this.#change();
    this.#pausedMs += this.#line.now() - from;
  }

  #onSeveral(): void {
    if (!this.#isWatched) void this.#watch();
    this.#addConnections();
    this.#report(this.#connections.size, 'narrow');
  }

  async #watch(): Promise<void> {
    this.#isWatched = true;
    while (!this.#isOver) {
      await this.#line.wait(this.#line.limits.patienceMs / 4);
      if (this.#phases.current === 'several')
        stuckConnection(this.#connections, this.#queue, this.#line)?.stop();
    }
  }

  /** Adds connections as long as there are places for them, and bytes to fetch. */
  #addConnections(): void {
    while (
      this.#phases.current === 'several' &&
      this.#connections.size < Math.min(this.#most, this.#line.share)
    ) {
      const isAssigned = this.#queue.end === this.#options.descriptor.size;
      if ((isAssigned && this.#queue.left === undefined) || !this.#line.hasWindow()) return;
      const place = this.#line.takePlace();
      if (place === undefined) return;
      void this.#run(new Connection(place));
    }
  }

  /** Other connections fetch what this one has left. */
  #failed(connection: Connection, error: unknown): void {
    if (this.#isOver) return;
    const isAborted = this.#options.own.signal.aborted;
    const wasStopped = !isAborted && connection.abort.signal.aborted;
    this.#failure = wasStopped ? cutShort(this.#options.descriptor, this.#queue.next) : error;
    if (isAborted) this.#fail();
    else if (connection.isRanged && !wasStopped && this.#line.noteRefusal(this.#options.registry, error)) {
      this.#phases.refused();
      this.#report(1, 'refused', error);
    } else if (connection.isRanged) {
      this.#most = Math.max(1, this.#connections.size - 1);
      this.#report(this.#most, 'failed', error);
    }
    this.#phases.lost(connection);
  }

  /** Nothing fetches the bytes that are read next. */
  #onStuck(): void {
    const mayCome = this.#phases.current === 'several' || this.#phases.isRefused;
    if (this.#connections.size > 0 && mayCome) return;
    if (!this.#phases.isRefused || this.#isAlone || isRetryable(this.#failure)) {
      this.#fail();
      return;
    }
    // Once more without ranges. If that fails, too, it is final.
    this.#isAlone = true;
    this.#queue.clear();
    void this.#run(new Connection(), { piece: this.#queue.add(this.#options.descriptor.size, 0) });
  }

  #fail(): void {
    const error = this.#failure ?? cutShort(this.#options.descriptor, this.#queue.next);
    this.body.destroy(error instanceof Error ? error : new Error(String(error)));
  }

  #end(): void {
    this.#isOver = true;
    this.#phases.end();
    this.#line.blobs--;
    this.#options.own.abort();
    for (const connection of this.#connections) connection.stop();
    this.#wake();
  }

  #report(connections: number, reason: ConnectionsEvent['reason'], error?: unknown): void {
    const { descriptor, onEvent } = this.#options;
    onEvent?.({
      type: 'connections',
      descriptor,
      connections,
      reason,
      ...(error !== undefined && { error }),
    });
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#sleepers.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#sleepers.splice(0)) resolve();
  }
}
