import { END_OF_ARCHIVE, paddingAfter, tarHeader } from '../../tar/write.js';
import type { Sink } from '../write-content.js';

/** Names of 68 characters, and sizes in base 256, fit into one block. */
const HEADER_BYTES = 512;

/** Appends entries to a tar; an entry whose path exists already is skipped. */
export class TarAppender {
  readonly #sink: Sink;
  readonly #mode: number;
  readonly #written = new Set<string>();
  #end: number;

  /** Starts at position `start`, default 0; files get the permissions `mode`. */
  constructor(sink: Sink, { start = 0, mode }: { start?: number | undefined; mode: number }) {
    this.#sink = sink;
    this.#mode = mode;
    this.#end = start;
  }

  async addFile(path: string, bytes: Buffer): Promise<void> {
    if (!this.#isNew(path)) return;
    const padding = Buffer.alloc(paddingAfter(bytes.byteLength));
    const header = await this.#fileHeader(path, bytes.byteLength);
    await this.#sink.write([header, bytes, padding], this.#end);
    this.#end += header.byteLength + bytes.byteLength + padding.byteLength;
  }

  async addLink(path: string, linkTarget: string): Promise<void> {
    if (!this.#isNew(path)) return;
    const header = await tarHeader({ path, size: 0, type: 'symlink', linkTarget });
    await this.#sink.write([header], this.#end);
    this.#end += header.byteLength;
  }

  /** Position of the next entry's content, for an entry whose size is known only after it was written. */
  get nextBody(): number {
    return this.#end + HEADER_BYTES;
  }

  /** Position of the content of the entry that follows one whose `size` bytes of content are at `body`. */
  bodyAfter(body: number, size: number): number {
    return body + size + paddingAfter(size) + HEADER_BYTES;
  }

  /**
   * Makes an entry of the `size` bytes that were written at `nextBody`. Returns false if its path exists already; then
   * the next entry overwrites those bytes.
   */
  async addWritten(path: string, size: number): Promise<boolean> {
    if (!this.#isNew(path)) return false;
    const body = this.nextBody;
    const padding = Buffer.alloc(paddingAfter(size));
    await this.#sink.write([await this.#fileHeader(path, size)], this.#end);
    await this.#sink.write([padding], body + size);
    this.#end = body + size + padding.byteLength;
    return true;
  }

  /** Ends the tar and returns its size. */
  async finish(): Promise<number> {
    await this.#sink.write([END_OF_ARCHIVE], this.#end);
    return this.#end + END_OF_ARCHIVE.byteLength;
  }

  #isNew(path: string): boolean {
    if (this.#written.has(path)) return false;
    this.#written.add(path);
    return true;
  }

  #fileHeader(path: string, size: number): Promise<Buffer> {
    return tarHeader({ path, size, mode: this.#mode });
  }
}
