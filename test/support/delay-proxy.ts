import { connect, createServer, type Socket } from 'node:net';

export interface DelayProxy {
  /** `127.0.0.1:PORT` */
  host: string;
  stop(): Promise<void>;
}

/**
 * Limit for the bytes in transit in one direction of a connection; then the sender waits, as with a full TCP window.
 */
const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * Delays a TCP server by a round trip of `roundTripMs`: every byte takes half of it, and the first byte of a connection
 * waits a whole round trip in addition, because on loopback the handshake takes no time.
 */
export async function startDelayProxy(upstream: string, roundTripMs: number): Promise<DelayProxy> {
  const { hostname, port } = new URL(`tcp://${upstream}`);
  const sockets = new Set<Socket>();
  // Half-open, so that the end of a stream is delayed, too, and bytes in transit are not lost.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const far = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    const openAt = performance.now() + roundTripMs;
    delayed(client, far, roundTripMs / 2, openAt);
    delayed(far, client, roundTripMs / 2, openAt);
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
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Passes everything on after the delay, in order. */
function delayed(from: Socket, to: Socket, delayMs: number, openAt: number): void {
  const underway: { chunk: Buffer | undefined; dueAt: number }[] = [];
  let underwayBytes = 0;
  let timer: NodeJS.Timeout | undefined;

  function take(chunk: Buffer | undefined): void {
    underway.push({ chunk, dueAt: Math.max(performance.now(), openAt) + delayMs });
    underwayBytes += chunk?.byteLength ?? 0;
    if (underwayBytes > WINDOW_BYTES) from.pause();
    timer ??= setTimeout(deliver, delayMs);
  }

  function deliver(): void {
    timer = undefined;
    for (let next = underway[0]; next !== undefined; next = underway[0]) {
      const early = next.dueAt - performance.now();
      // Timers have a resolution of a millisecond, so shorter waits are skipped.
      if (early >= 1) {
        timer = setTimeout(deliver, early);
        return;
      }
      underway.shift();
      underwayBytes -= next.chunk?.byteLength ?? 0;
      if (next.chunk === undefined) to.end();
      else to.write(next.chunk);
    }
    if (from.isPaused()) from.resume();
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
