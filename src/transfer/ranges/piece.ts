import { CHUNK_BYTES, takeChunk } from '../../content/chunks.js';

/** Smaller chunks are copied together, so that what waits in memory is in buffers that are used again. */
const LARGE_BYTES = CHUNK_BYTES / 4;

/** Consecutive bytes of a blob that one connection fetches, and those of them that wait to be read. */
export class Piece {
  /** The next byte to receive. */
  position: number;
  /** The byte after the last one. It moves when another connection gets the rest. */
  end: number;
  /** Whether a connection is fetching it. */
  isBeingFetched = false;
  /** Bytes that wait to be read. */
  waiting = 0;
  /** How many may wait while earlier pieces are read; they count for the window of the run. */
  reserved: number;
  readonly #chunks: Buffer[] = [];
  #gathering: Buffer | undefined;
  #gathered = 0;

  constructor(start: number, end: number, reserved: number) {
    this.position = start;
    this.end = end;
    this.reserved = reserved;
  }

  get isWhole(): boolean {
    return this.position === this.end;
  }

  /** Adds the next bytes; those that are `direct` are read at once and need no copy. */
  add(chunk: Buffer, { direct }: { direct: boolean }): void {
    this.position += chunk.byteLength;
    this.waiting += chunk.byteLength;
    if (direct || chunk.byteLength >= LARGE_BYTES) {
      this.#endGathering();
      this.#chunks.push(chunk);
      return;
    }
    for (let rest = chunk; rest.byteLength > 0; ) {
      this.#gathering ??= takeChunk();
      const copied = rest.copy(this.#gathering, this.#gathered);
      this.#gathered += copied;
      rest = rest.subarray(copied);
      if (this.#gathered === this.#gathering.byteLength) this.#endGathering();
    }
  }

  /** Returns the next bytes that wait, if there are any. */
  take(): Buffer | undefined {
    if (this.#chunks.length === 0) this.#endGathering();
    const chunk = this.#chunks.shift();
    this.waiting -= chunk?.byteLength ?? 0;
    return chunk;
  }

  #endGathering(): void {
    if (this.#gathering === undefined) return;
    this.#chunks.push(this.#gathering.subarray(0, this.#gathered));
    this.#gathering = undefined;
    this.#gathered = 0;
  }
}
