import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from './workplace.js';

/** A request, and how much of its answer was sent. */
export interface Passed {
  method: string;
  path: string;
  /** The `Range` header of the request. */
  range: string | undefined;
  status: number;
  /** Bytes of the request's body received from the client so far. */
  taken: number;
  /** Bytes of the answer's body sent to the client so far. */
  bytes: number;
  /** True if the whole answer was written; a part may still be in the buffer of a socket. */
  sent: boolean;
}

export interface ThrottlingProxy {
  host: string;
  /** All requests so far, oldest first; the entries of running ones still change. */
  readonly passed: Passed[];
  /** Bytes per second over all connections together; `Infinity` to let everything through. */
  bytesPerSecond: number;
  /** Resolves when `condition` is true; it is checked after every piece that is sent. */
  until(condition: (passed: readonly Passed[]) => boolean): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a proxy for a registry on plain http, which limits the speed of bodies in both directions and records
 * requests.
 */
export async function startThrottlingProxy(upstream: string): Promise<ThrottlingProxy> {
  const agent = new Agent({ keepAlive: true });
  const waiting = new Set<() => void>();
  const server = createServer((incoming, outgoing) => void forward(incoming, outgoing));
  let freeAt = 0;

  async function forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = incoming;
    const entry: Passed = {
      ...{ method, path, range: headers.range },
      ...{ status: 0, taken: 0, bytes: 0, sent: false },
    };
    proxy.passed.push(entry);
    const [hostname, port] = upstream.split(':');
    const onward = request({ agent, hostname, port, method, path, headers });
    try {
      const answer = new Promise<IncomingMessage>((resolve, reject) => {
        onward.once('response', resolve);
        onward.once('error', reject);
      });
      await pipeline(incoming, throttle(entry, 'taken'), onward);
      const response = await answer;
      entry.status = response.statusCode ?? 0;
      outgoing.writeHead(entry.status, response.headers);
      await pipeline(response, throttle(entry, 'bytes'), outgoing);
      entry.sent = true;
      notice();
    } catch (error) {
      // The client (which may have been killed) or the registry closed its connection, so this answer ends.
      onward.destroy();
      outgoing.destroy(error instanceof Error ? error : undefined);
    }
  }

  function throttle(entry: Passed, counter: 'taken' | 'bytes'): Transform {
    return new Transform({
      transform(chunk: Buffer, _encoding, callback) {
        const send = () => {
          entry[counter] += chunk.length;
          callback(null, chunk);
          notice();
        };
        const now = Date.now();
        freeAt = Math.max(freeAt, now) + (chunk.length / proxy.bytesPerSecond) * 1000;
        if (freeAt === now) send();
        else delay(freeAt - now).then(send, callback);
      },
    });
  }

  const notice = () => {
    for (const check of waiting) check();
  };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');

  const proxy: ThrottlingProxy = {
    host: `127.0.0.1:${address.port}`,
    passed: [],
    bytesPerSecond: Number.POSITIVE_INFINITY,
    until: (condition) =>
      new Promise((resolve) => {
        const check = () => {
          if (!condition(proxy.passed)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  atEnd(proxy.stop);
  return proxy;
}
