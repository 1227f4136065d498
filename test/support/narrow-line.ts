import { connect, createServer, type Socket } from 'node:net';

export interface NarrowLine {
  /** `127.0.0.1:PORT` */
  host: string;
  /** Connections that are open, and the most that were open at once. */
  readonly connections: { open: number; most: number };
  stop(): Promise<void>;
}

export interface NarrowLineOptions {
  /** Default 0. */
  roundTripMs?: number | undefined;
  /** The rate at which each connection delivers to the client; default unlimited. */
  bytesPerSecond?: number | undefined;
  /** The rate at which all connections together deliver to the client; default unlimited. */
  totalBytesPerSecond?: number | undefined;
}

/**
 * Limit for the bytes in transit in one direction of a connection without a rate; then the sender waits, as with a full
 * TCP window. With a rate, it is what fits in a round trip.
 */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** What the buffers of a line hold beside that. */
const QUEUE_BYTES = 512 * 1024;
/** A busy machine lets this process wait; what it did not pass on meanwhile follows without a delay. */
const LATE_MS = 50;

/**
 * Makes a TCP server look far away: every byte takes half a round trip, and the first byte of a connection waits a whole
 * round trip in addition, because on loopback the handshake takes no time. What the server sends is limited to the rates.
 */
export async function startNarrowLine(
  upstream: string,
  { roundTripMs = 0, bytesPerSecond = Infinity, totalBytesPerSecond = Infinity }: NarrowLineOptions,
): Promise<NarrowLine> {
  const { hostname, port } = new URL(`tcp://${upstream}`);
  const sockets = new Set<Socket>();
  const connections = { open: 0, most: 0 };
  const total = rated(totalBytesPerSecond);
  const rate = Math.min(bytesPerSecond, totalBytesPerSecond);
  const windowBytes = Math.min(WINDOW_BYTES, (rate * (roundTripMs + LATE_MS)) / 1000 + QUEUE_BYTES);
  // Half-open, so that the end of a stream is delayed, too, and bytes in transit are not lost.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const far = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    const openAt = performance.now() + roundTripMs;
    const own = rated(bytesPerSecond);
    const dueAt = (bytes: number) => Math.max(own(bytes), total(bytes));
    delayed(client, far, { delayMs: roundTripMs / 2, openAt, windowBytes: WINDOW_BYTES });
    delayed(far, client, { delayMs: roundTripMs / 2, openAt, windowBytes, dueAt });
    connections.open++;
    connections.most = Math.max(connections.most, connections.open);
    client.once('close', () => connections.open--);
    for (const socket of [client, far]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return {
    host: `127.0.0.1:${address.port}`,
    connections,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Returns when so many more bytes have passed, in milliseconds of `performance.now()`. */
function rated(bytesPerSecond: number): (bytes: number) => number {
  let freeAt = 0;
  return (bytes) => {
    freeAt = Math.max(freeAt, performance.now() - LATE_MS) + (bytes / bytesPerSecond) * 1000;
    return freeAt;
  };
}

interface Direction {
  delayMs: number;
  openAt: number;
  windowBytes: number;
  /** When so many more bytes have passed a limit of the rate. */
  dueAt?: (bytes: number) => number;
}

/** Passes everything on after the delay and at the rate, in order. */
function delayed(from: Socket, to: Socket, { delayMs, openAt, windowBytes, dueAt }: Direction): void {
  const underway: { chunk: Buffer | undefined; dueAt: number }[] = [];
  let underwayBytes = 0;
  let timer: NodeJS.Timeout | undefined;

  function take(chunk: Buffer | undefined): void {
    const bytes = chunk?.byteLength ?? 0;
    const passedAt = dueAt?.(bytes) ?? 0;
    underway.push({ chunk, dueAt: Math.max(performance.now(), openAt, passedAt) + delayMs });
    underwayBytes += bytes;
    if (underwayBytes > windowBytes) from.pause();
    timer ??= setTimeout(deliver, delayMs);
  }

  function deliver(): void {
    clearTimeout(timer);
    timer = undefined;
    for (let next = underway[0]; next !== undefined; next = underway[0]) {
      const early = next.dueAt - performance.now();
      // Timers have a resolution of a millisecond, so shorter waits are skipped.
      if (early >= 1) {
        timer = setTimeout(deliver, early);
        break;
      }
      // A client that does not read stops the line, instead of filling this process.
      if (to.writableLength > QUEUE_BYTES && !to.destroyed) {
        if (to.listenerCount('drain') === 0) to.once('drain', deliver);
        break;
      }
      underway.shift();
      underwayBytes -= next.chunk?.byteLength ?? 0;
      if (next.chunk === undefined) to.end();
      else to.write(next.chunk);
    }
    if (from.isPaused() && underwayBytes <= windowBytes) from.resume();
  }

  from.on('data', take);
  from.once('end', () => take(undefined));
  // If a connection breaks on one side, the other side is broken, too.
  from.once('error', () => to.destroy());
  from.once('close', () => {
    if (from.destroyed && !from.readableEnded) to.destroy();
  });
  to.once('close', () => clearTimeout(timer));
}
