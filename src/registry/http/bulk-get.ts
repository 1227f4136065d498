import type { OnReadOpts, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { CHUNK_BYTES, takeChunk } from '../../content/chunks.js';
import { redactURL } from '../../errors.js';
import { abortedError, bodyError, stalled, unanswered } from './network-error.js';
import type { TransportResponse } from './response.js';
import { parseResponseHead } from './response-head.js';

export interface BulkRequest {
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** How long the server may be silent, both before and during its response. */
  stallTimeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** Opens a connection that reads through `onread`; calls `onConnected` once, when it is open or has failed. */
export type Connect = (url: URL, onread: OnReadOpts, onConnected: (error: Error | null) => void) => Socket;

/** The same limit as in undici. */
const MAX_HEAD_BYTES = 16 * 1024;
/**
 * Bytes are passed on at this interval even if the chunk is not full, so that progress shows and an interruption loses
 * little.
 */
const PATIENCE_MS = 250;
const NOWHERE = Buffer.alloc(1);

/**
 * Sends a GET whose response is large over a connection of its own, which reads into reusable buffers. undici allocates
 * a buffer for every 64 KiB and passes it through several queues: saving 380 MB takes 1.6 s of processor time with it
 * and 1.0 s this way. Resolves with undefined if the response is not plain (see `parseResponseHead`), and the caller
 * then has to use undici. Bytes beyond the announced length are ignored.
 */
export function bulkGet(request: BulkRequest, connect: Connect): Promise<TransportResponse | undefined> {
  const head = formatHead(request);
  if (head === undefined) return Promise.resolve(undefined);
  if (request.signal?.aborted) return Promise.reject(abortedError(request.signal));
  return new Promise((resolve, reject) => new BulkExchange(request, head, connect, resolve, reject));
}

class BulkExchange {
  readonly #request: BulkRequest;
  readonly #socket: Socket;
  readonly #resolve: (response: TransportResponse | undefined) => void;
  readonly #reject: (error: unknown) => void;
  /** The buffer that the socket reads into. Bytes from `start` to `end` have not been passed on yet. */
  #chunk = takeChunk();
  #start = 0;
  #end = 0;
  /** Bytes of the body that have not arrived yet. */
  #left = 0;
  #body: Readable | undefined;
  #isPaused = false;
  #ticking: NodeJS.Timeout | undefined;
  /** Runs until the whole head has arrived: a server that sends it byte by byte counts as silent too. */
  #waitingForHead: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  constructor(
    request: BulkRequest,
    head: string,
    connect: Connect,
    resolve: (response: TransportResponse | undefined) => void,
    reject: (error: unknown) => void,
  ) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    const onread: OnReadOpts = {
      // Node.js asks for the next buffer after each callback, even one that paused the connection.
      buffer: () => this.#chunk.subarray(this.#end),
      callback: (bytes) => this.#received(bytes),
    };
    this.#socket = connect(request.url, onread, (error) => {
      if (error !== null) return this.#fail(error);
      this.#socket.setTimeout(request.stallTimeoutMs);
      this.#waitingForHead = setTimeout(() => this.#onTimeout(), request.stallTimeoutMs);
      this.#socket.write(head);
    });
    this.#socket
      .on('timeout', () => this.#onTimeout())
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#fail(closedError()));
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Returns whether the socket should read on. */
  #received(bytes: number): boolean {
    if (this.#body !== undefined) return this.#receivedBody(this.#body, bytes);
    this.#end += bytes;
    const headEnd = this.#chunk.subarray(0, Math.min(this.#end, MAX_HEAD_BYTES)).indexOf('\r\n\r\n');
    if (headEnd < 0 && this.#end < MAX_HEAD_BYTES) return true;
    const head = headEnd < 0 ? undefined : parseResponseHead(this.#chunk.toString('latin1', 0, headEnd));
    if (head === undefined) {
      this.#resolve(undefined);
      this.#release();
      return false;
    }
    clearTimeout(this.#waitingForHead);
    const ofBody = this.#end - headEnd - 4;
    this.#start = this.#end = headEnd + 4;
    this.#left = head.length;
    this.#body = this.#createBody();
    this.#ticking = setInterval(() => this.#onTick(), PATIENCE_MS).unref();
    this.#resolve({ status: head.status, headers: head.headers, body: this.#body, url: this.#request.url });
    return this.#receivedBody(this.#body, ofBody);
  }

  #receivedBody(body: Readable, bytes: number): boolean {
    const taken = Math.min(bytes, this.#left);
    this.#left -= taken;
    this.#end += taken;
    if (this.#left > 0 && this.#end < CHUNK_BYTES) return true;
    this.#isPaused = !this.#passOn(body);
    if (this.#left > 0) return !this.#isPaused;
    body.push(null);
    this.#release();
    return false;
  }

  #onTick(): void {
    if (this.#body === undefined || this.#isPaused || this.#passOn(this.#body)) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** Passes on what has arrived; returns false if the reader has enough for now. */
  #passOn(body: Readable): boolean {
    const bytes = this.#chunk.subarray(this.#start, this.#end);
    if (bytes.byteLength === 0) return true;
    if (this.#end < CHUNK_BYTES) {
      // The socket still reads into the rest of this buffer, so these bytes are copied. Many small parts may also wait
      // to be written, and must not keep a large buffer alive each.
      this.#start = this.#end;
      return body.push(Buffer.from(bytes));
    }
    this.#chunk = takeChunk();
    this.#start = this.#end = 0;
    return body.push(bytes);
  }

  /** At most one chunk is queued: a stream would concatenate several into a new buffer. */
  #createBody(): Readable {
    return new Readable({
      highWaterMark: 1,
      read: () => this.#resume(),
      destroy: (error, callback) => {
        this.#release();
        callback(error);
      },
    }).on('error', () => undefined); // it may fail before its reader listens; the reader gets the error all the same
  }

  #resume(): void {
    const failure = this.#failure;
    // On the next tick, so that the chunk that is being read is delivered first.
    if (failure !== undefined) process.nextTick(() => this.#body?.destroy(failure));
    if (!this.#isPaused || this.#left === 0) return;
    this.#isPaused = false;
    this.#socket.setTimeout(this.#request.stallTimeoutMs); // it may have expired while the socket was paused
    this.#socket.resume();
  }

  #onTimeout(): void {
    if (this.#isPaused) return;
    this.#fail(
      this.#body === undefined ? unanswered(this.#request.url.host) : stalled(redactURL(this.#request.url)),
    );
  }

  readonly #onAbort = (): void => {
    const error = abortedError(this.#request.signal);
    if (this.#body === undefined) this.#fail(error);
    else this.#body.destroy(error);
  };

  /** Delivers what arrived before the failure, so that the reader can resume from there. */
  #fail(error: Error): void {
    const { url, signal } = this.#request;
    const body = this.#body;
    if (body === undefined) this.#reject(error);
    else if (this.#left > 0 && this.#failure === undefined && !body.destroyed) {
      this.#failure = bodyError(error, redactURL(url), signal);
      this.#passOn(body);
      if (body.readableLength === 0) body.destroy(this.#failure);
    }
    this.#release();
  }

  #release(): void {
    clearInterval(this.#ticking);
    clearTimeout(this.#waitingForHead);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    this.#chunk = NOWHERE;
    this.#start = this.#end = 0;
    // On the next tick: the socket must not be destroyed inside its own callback.
    process.nextTick(() => this.#socket.destroy());
  }
}

/** The code `ECONNRESET` marks it as worth a retry. */
function closedError(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
}

/** Formats the request, or returns undefined if a header could be taken for more than one (header injection). */
function formatHead({ url, headers }: BulkRequest): string | undefined {
  const fields = Object.entries({ host: url.host, connection: 'close', ...headers });
  if (fields.some(([name, value]) => !/^[\w-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)))
    return undefined;
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
