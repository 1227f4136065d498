import { connect, createServer, type Socket } from 'node:net';

export interface DelayProxy {
  /** `127.0.0.1:PORT` */
  host: string;
  stop(): Promise<void>;
}

/** Bytes that may be under way in one direction of a connection; beyond, its sender waits, as with a full window. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * Puts a TCP server `roundTripMs` away: every byte takes half of it, and the first one of a connection waits a
 * whole round trip for the handshake, which loopback answers at once.
 */
export async function startDelayProxy(upstream: string, roundTripMs: number): Promise<DelayProxy> {
  const { hostname, port } = new URL(`tcp://${upstream}`);
  const sockets = new Set<Socket>();
  // Half-open, so that an end takes its time too and nothing on its way is lost by it.
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

/** Passes everything on, later and in its order. */
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
      // Timers keep whole milliseconds: less than one is not worth another.
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
  // A connection that breaks on one side breaks on the other; nothing else is to be done about it here.
  from.once('error', () => to.destroy());
  from.once('close', () => {
    if (from.destroyed && !from.readableEnded) to.destroy();
  });
  to.once('close', () => clearTimeout(timer));
}
