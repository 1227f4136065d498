import { Readable } from 'node:stream';
import type { Line } from './line.js';
import { Piece } from './piece.js';

/** Of a piece that is read as it comes, so many pieces' bytes may wait. */
const AHEAD = 1 / 4;

export interface PieceQueueOptions {
  line: Line;
  start: number;
  size: number;
  /** Called when bytes were read, so that there is room for more. */
  onRead(): void;
  /** Called when the reader waits for bytes that nothing fetches. */
  onStuck(): void;
  onEnd(): void;
}

/** The pieces of a blob that are fetched or wait to be read, in order and without a gap, and the stream that they become. */
export class PieceQueue {
  readonly body: Readable;
  readonly #options: PieceQueueOptions;
  readonly #pieces: Piece[] = [];
  /** The next byte to read. */
  #next: number;
  #isWanted = false;

  constructor(options: PieceQueueOptions) {
    this.#options = options;
    this.#next = options.start;
    this.body = new Readable({
      highWaterMark: 1,
      read: () => {
        this.#isWanted = true;
        // After this read: a stream would concatenate two chunks into a new buffer, and these could not be used again.
        process.nextTick(() => this.deliver());
      },
      destroy: (error, callback) => {
        this.clear();
        options.onEnd();
        callback(error);
      },
    }).on('error', () => undefined); // it may fail before its reader listens; the reader gets the error all the same
  }

  /** True if the reader waits for bytes. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  get next(): number {
    return this.#next;
  }

  /** The byte after all pieces. */
  get end(): number {
    return this.#pieces.at(-1)?.end ?? this.#next;
  }

  get first(): Piece | undefined {
    return this.#pieces[0];
  }

  get last(): Piece | undefined {
    return this.#pieces.at(-1);
  }

  /** A piece that a connection has left. */
  get left(): Piece | undefined {
    return this.#pieces.find((piece) => !piece.isWhole && !piece.isBeingFetched);
  }

  /** Adds the piece up to `end`. As many bytes of it may wait as were reserved in the window of the line. */
  add(end: number, reserved: number): Piece {
    const piece = new Piece(this.end, end, reserved);
    this.#pieces.push(piece);
    return piece;
  }

  /** Adds bytes to a piece; `deliver` passes them on. */
  receive(piece: Piece, chunk: Buffer): void {
    piece.add(chunk, { direct: piece === this.first });
  }

  /** Removes the last piece; the one before it gets its bytes. */
  removeLast(): void {
    const last = this.#pieces.pop();
    if (last === undefined) return;
    this.#giveBack(last);
    if (this.last !== undefined) this.last.end = last.end;
  }

  clear(): void {
    for (const piece of this.#pieces.splice(0)) this.#giveBack(piece);
  }

  isFull(piece: Piece): boolean {
    const { pieceBytes } = this.#options.line.limits;
    if (piece.isWhole || piece.end - piece.position <= pieceBytes) return false;
    return piece.waiting >= Math.max(pieceBytes * AHEAD, piece === this.first ? 0 : piece.reserved);
  }

  /** Passes the bytes that come next to the reader, if it waits for them. */
  deliver(): void {
    while (this.#isWanted && !this.body.destroyed) {
      const piece = this.first;
      const chunk = piece?.take();
      if (chunk !== undefined) {
        this.#next += chunk.byteLength;
        this.#isWanted = false;
        if (this.body.push(chunk)) this.#isWanted = true;
        this.#options.onRead();
      } else if (piece?.isWhole) {
        this.#pieces.shift();
        this.#giveBack(piece);
        this.#options.onRead();
      } else {
        this.#waitFor(piece);
        return;
      }
    }
  }

  #waitFor(piece: Piece | undefined): void {
    if (piece !== undefined) this.#giveBack(piece); // from here on, its bytes are read as they come
    if (piece?.isBeingFetched) return;
    if (this.#next === this.#options.size) {
      this.#isWanted = false;
      this.body.push(null);
    } else this.#options.onStuck();
  }

  #giveBack(piece: Piece): void {
    this.#options.line.giveBackWindow(piece.reserved);
    piece.reserved = 0;
  }
}
