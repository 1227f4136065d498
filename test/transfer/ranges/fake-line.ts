import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { digestOf } from '../../../src/content/digest.js';
import type { ConnectionsEvent } from '../../../src/events.js';
import { createPool, type Pool } from '../../../src/pool.js';
import type { FetchOptions, OpenContent } from '../../../src/store/store.js';
import { inRanges, type RangedContent } from '../../../src/transfer/ranges/in-ranges.js';
import { Line, type RangeLimits } from '../../../src/transfer/ranges/line.js';

const KIB = 1024;

/** A thousandth of what transfers have, in bytes and in time. */
export const LIMITS: RangeLimits = {
  minBytes: 256 * KIB,
  pieceBytes: 64 * KIB,
  trialBytes: 512 * KIB,
  windowBytes: 1024 * KIB,
  intervalMs: 10,
  narrowBytesPerSecond: 64 * KIB * KIB,
  patienceMs: 50,
};

/** A request, numbered from 1. */
export interface Opened {
  start: number;
  length: number | undefined;
  count: number;
}

/** What happens to a request instead of a good answer. */
export interface LineFault {
  refuse?: Error;
  breakAfter?: { bytes: number; error: Error };
  /** Ends early, as if it were whole. */
  endAfter?: number;
  damage?: boolean;
  neverArrives?: boolean;
}

export interface FakeLineOptions {
  /** For each connection; default 10 KiB. */
  bytesPerMs?: number;
  totalBytesPerMs?: number;
  concurrency?: number;
  size?: number;
  limits?: Partial<RangeLimits>;
  /** Connections that are served; others wait until one of these ends. */
  served?: number;
  faultOf?: (request: Opened) => LineFault | undefined;
}

interface Flow {
  body: Readable;
  rest: Buffer;
  fault: LineFault;
  sent: number;
}

/** A registry behind a line with a rate, on a clock that goes on only with what the line delivers. */
export class FakeLine {
  readonly content: Buffer;
  readonly descriptor: Descriptor;
  readonly opened: Opened[] = [];
  readonly events: ConnectionsEvent[] = [];
  readonly pool: Pool;
  readonly line: Line;
  /** Milliseconds that have passed. */
  ms = 0;
  /** The most connections at once, and the most bytes that the registry has sent and nobody has read. */
  most = { connections: 0, ahead: 0 };
  sent = 0;
  /** That of the chunks that were sent: each has its own. */
  readonly memory = new Set<ArrayBufferLike>();
  readonly #flows = new Set<Flow>();
  readonly #sleepers: { until: number; resolve: () => void }[] = [];
  readonly #options: Required<Pick<FakeLineOptions, 'bytesPerMs' | 'totalBytesPerMs'>> & FakeLineOptions;

  constructor(options: FakeLineOptions = {}) {
    const { size = 2048 * KIB, concurrency = 8, limits } = options;
    this.#options = { bytesPerMs: 10 * KIB, totalBytesPerMs: Number.POSITIVE_INFINITY, ...options };
    this.content = Buffer.alloc(size);
    for (let at = 0; at + 4 <= size; at += 4) this.content.writeUInt32LE((at * 2654435761) % 2 ** 32, at);
    this.descriptor = {
      mediaType: 'application/octet-stream',
      digest: digestOf(this.content),
      size: this.content.byteLength,
    };
    this.pool = createPool(concurrency);
    this.line = new Line(this.pool, {
      limits: { ...LIMITS, ...limits },
      now: () => this.ms,
      wait: (ms) => this.#wait(ms),
    });
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#sleepers.push({ until: this.ms + ms, resolve }));
  }

  get connections(): number {
    return this.#flows.size;
  }

  /** Opens the blob as a registry does. */
  readonly open: OpenContent = async ({ start = 0, length, signal }: FetchOptions = {}) => {
    signal?.throwIfAborted();
    const request = { start, length, count: this.opened.length + 1 };
    this.opened.push(request);
    const fault = this.#options.faultOf?.(request) ?? {};
    if (fault.refuse !== undefined) throw fault.refuse;
    const rest = Buffer.from(this.content.subarray(start, length === undefined ? undefined : start + length));
    if (fault.damage) rest.fill(0, 0, 10);
    const flow: Flow = { body: new Readable({ read: () => undefined }), rest, fault, sent: 0 };
    flow.body.on('error', () => undefined); // it may fail before its reader listens
    flow.body.once('close', () => this.#flows.delete(flow));
    signal?.addEventListener('abort', () => flow.body.destroy(signal.reason), { once: true });
    this.#flows.add(flow);
    this.most.connections = Math.max(this.most.connections, this.#flows.size);
    return flow.body;
  };

  /** The same opener with all connections that it likes, for each blob of the registry. */
  inRanges(): OpenContent {
    return this.ranged().open;
  }

  ranged(): RangedContent {
    const onEvent = (event: unknown): void => {
      this.events.push(event as ConnectionsEvent); // it reports no others
    };
    return inRanges(this.open, this.descriptor, { line: this.line, registry: 'registry.example', onEvent });
  }

  /** Reads all that `open` opens; the clock goes on meanwhile. */
  async read(
    open: OpenContent,
    { start = 0, signal, pauseMs = 0 }: FetchOptions & { pauseMs?: number } = {},
  ): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const read = async (): Promise<void> => {
      const body = await open({ start, signal });
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(Buffer.from(chunk));
        bytes += chunk.byteLength;
        if (pauseMs > 0) await this.#wait(pauseMs);
      }
    };
    let isOver = false;
    const reading = read().finally(() => {
      isOver = true;
    });
    reading.catch(() => undefined);
    while (!isOver) {
      await this.tick();
      this.most.ahead = Math.max(this.most.ahead, this.sent - bytes);
      if (this.ms > 10_000) throw new Error('it does not end');
    }
    await reading.catch((error: unknown) => {
      throw Object.assign(error as Error, { before: Buffer.concat(chunks) });
    });
    return Buffer.concat(chunks);
  }

  /** Lets a millisecond pass. */
  async tick(): Promise<void> {
    this.ms++;
    for (const { until, resolve } of this.#sleepers) if (until <= this.ms) resolve();
    const { bytesPerMs, totalBytesPerMs } = this.#options;
    // What has been sent and is not read yet is in the buffers of the line, which are small.
    const ready = [...this.#flows]
      .slice(0, this.#options.served)
      .filter(({ body, fault }) => body.readableLength < 64 * KIB && !fault.neverArrives);
    const each = Math.floor(Math.min(bytesPerMs, totalBytesPerMs / Math.max(1, ready.length)));
    for (const flow of ready) this.#send(flow, each);
    for (let turns = 0; turns < 4; turns++) await turn();
  }

  #send(flow: Flow, bytes: number): void {
    const { body, fault } = flow;
    const most = Math.min(bytes, (fault.breakAfter?.bytes ?? fault.endAfter ?? Infinity) - flow.sent);
    const chunk = flow.rest.subarray(0, most);
    flow.rest = flow.rest.subarray(chunk.byteLength);
    flow.sent += chunk.byteLength;
    this.sent += chunk.byteLength;
    if (chunk.byteLength > 0) {
      const own = Buffer.allocUnsafeSlow(chunk.byteLength);
      this.memory.add(own.buffer);
      chunk.copy(own);
      body.push(own);
    }
    if (fault.breakAfter !== undefined && flow.sent >= fault.breakAfter.bytes) {
      // What was sent before arrives.
      if (body.readableLength === 0) body.destroy(fault.breakAfter.error);
    } else if (flow.rest.byteLength === 0 || flow.sent >= (fault.endAfter ?? Infinity)) body.push(null);
  }

  get reasons(): string[] {
    return this.events.map(({ reason }) => reason);
  }
}
