import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** What goes wrong with one request. */
export interface Fault {
  /** Answers in place of the registry, which never sees the request. */
  answer?: { status: number; headers?: Record<string, string>; body?: string };
  /** Cuts the connection after so many bytes of the request's body; the registry has got them. */
  cutRequestAfter?: number;
  /** Like nginx by default: the registry sees a request only when all of it is there. */
  isBuffered?: boolean;
  /** Cuts the connection after so many bytes of the answer's body; with 0, before its head. */
  cutAnswerAfter?: number;
  /** Resets the connection (RST) after so many bytes of the answer's body; with 0, before its head. */
  resetAnswerAfter?: number;
  /** Headers that are missing in the answer. */
  dropHeaders?: string[];
  /** Headers that say something else than the registry did. */
  setHeaders?: Record<string, string>;
  /** Gives other bytes than the registry. */
  alterBody?: (body: Buffer) => Buffer;
  /** What Content-Length says beyond the truth. */
  lengthOffBy?: number;
  /** Waits before anything is passed on. */
  delayMs?: number;
  /** Gives the answer's body in pieces of so many bytes, with a pause after each. */
  dripBytes?: number;
  /** Stops for good: taking the request's body, before the answer, or after so many bytes of its body. */
  stall?: 'request' | 'answer' | { afterBytes: number };
  /** After how long a stalled connection is cut after all; default never. */
  stallMs?: number;
}

/** A request as the function that chooses faults sees it. */
export interface Asked {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  /** From 1: how many requests came with this method so far. */
  count: number;
}

/** A request that came through, or did not. */
export interface Passed {
  method: string;
  path: string;
  /** 0 where there was no answer. */
  status: number;
  /** Bytes of the request's body that came from the client. */
  sent: number;
  /** Bytes of the answer's body that went to the client. */
  received: number;
  fault: Fault | undefined;
}

export interface FaultProxy {
  host: string;
  readonly passed: Passed[];
  /** Chooses what goes wrong; by default nothing does. */
  faultFor: (asked: Asked) => Fault | undefined;
  /** Which connections, counted from 1, get no handshake but plain text, or a reset; by default none. */
  refusesConnection: (count: number) => boolean | 'reset';
  stop(): Promise<void>;
}

export interface FaultProxyOptions {
  /** The proxy speaks TLS with this certificate; the registry behind it plain http. */
  tls?: { cert: string; key: string } | undefined;
}

/** Stands before a registry on plain http and spoils what `faultFor` says. */
export async function startFaultProxy(
  upstream: string,
  faultFor: FaultProxy['faultFor'] = () => undefined,
  { tls }: FaultProxyOptions = {},
): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true });
  const counts = new Map<string, number>();
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method = 'GET', url: path = '/', headers, socket } = incoming;
    const count = (counts.get(method) ?? 0) + 1;
    counts.set(method, count);
    const fault = proxy.faultFor({ method, path, headers, count });
    const entry: Passed = { method, path, status: 0, sent: 0, received: 0, fault };
    proxy.passed.push(entry);
    // Whoever goes away, the client or the registry: this exchange is over, and so is its connection.
    pass(incoming, outgoing, entry, fault ?? {}).catch(() => socket.destroy());
  };
  const server = tls === undefined ? createServer(listener) : createTLSServer(tls, listener);
  let connections = 0;
  // Before the handshake, where there is one.
  server.prependListener('connection', (socket: Socket) => {
    connections++;
    const refused = proxy.refusesConnection(connections);
    if (refused === 'reset') socket.resetAndDestroy();
    else if (refused) socket.end('this is not TLS\r\n');
  });
  server.on('tlsClientError', (_, socket) => socket.destroy());

  async function pass(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    entry: Passed,
    fault: Fault,
  ): Promise<void> {
    if (fault.delayMs !== undefined) await delay(fault.delayMs);
    if (fault.answer !== undefined) {
      entry.status = fault.answer.status;
      outgoing.writeHead(entry.status, fault.answer.headers).end(fault.answer.body);
      return;
    }
    if (fault.stall === 'request') await stalled(fault);
    const counted = cutting(fault.cutRequestAfter, (bytes) => {
      entry.sent += bytes;
    });
    const [hostname, port] = upstream.split(':');
    const { method, path } = entry;
    const ask = () => request({ agent, hostname, port, method, path, headers: incoming.headers });
    let onward: ReturnType<typeof ask>;
    if (fault.isBuffered) {
      const [body] = await Promise.all([buffer(counted), pipeline(incoming, counted)]);
      onward = ask();
      onward.end(body);
    } else {
      onward = ask();
      // Early answers and broken connections are told by the answer below.
      pipeline(incoming, counted, onward).catch(() => undefined);
    }
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      onward.once('response', resolve);
      onward.once('error', reject);
      onward.once('close', () => reject(new Error('closed')));
    });
    if (fault.stall === 'answer') await stalled(fault).finally(() => onward.destroy());
    if (fault.cutAnswerAfter === 0) throw new Error('cut');
    if (fault.resetAnswerAfter === 0) {
      outgoing.socket?.resetAndDestroy();
      return;
    }
    entry.status = answer.statusCode ?? 0;
    const altered = fault.alterBody?.(await buffer(answer));
    outgoing.writeHead(entry.status, headersOf(answer, fault, altered));
    const counting = cutting(fault.cutAnswerAfter ?? fault.resetAnswerAfter, (bytes) => {
      entry.received += bytes;
    });
    try {
      await pipeline(
        altered === undefined ? answer : Readable.from([altered]),
        spoiling(fault),
        counting,
        outgoing,
      );
    } catch (error) {
      if (fault.resetAnswerAfter !== undefined) outgoing.socket?.resetAndDestroy();
      throw error;
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listening on a port, not a pipe
  const proxy: FaultProxy = {
    host: `127.0.0.1:${port}`,
    passed: [],
    faultFor,
    refusesConnection: () => false,
    async stop() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function headersOf(
  answer: IncomingMessage,
  { dropHeaders = [], setHeaders = {}, lengthOffBy = 0 }: Fault,
  altered: Buffer | undefined,
): Record<string, string | string[] | undefined> {
  const headers = Object.fromEntries(
    Object.entries(answer.headers).filter(([name]) => !dropHeaders.includes(name)),
  );
  const length = altered?.byteLength ?? Number(answer.headers['content-length'] ?? 0);
  if (altered !== undefined || lengthOffBy !== 0) {
    delete headers['transfer-encoding'];
    headers['content-length'] = String(length + lengthOffBy);
  }
  return { ...headers, ...setHeaders };
}

const DRIP_PAUSE_MS = 2;

/** Passes a body on as slowly, or as little of it, as the fault says. */
function spoiling(fault: Fault): (body: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  const { dripBytes, stall } = fault;
  return async function* (body) {
    let left = typeof stall === 'object' ? stall.afterBytes : Number.POSITIVE_INFINITY;
    for await (const chunk of body) {
      const step = dripBytes ?? chunk.byteLength;
      for (let start = 0; start < chunk.byteLength; start += step) {
        const piece = chunk.subarray(start, start + step);
        yield piece.subarray(0, left);
        left -= piece.byteLength;
        if (left <= 0) await stalled(fault);
        if (dripBytes !== undefined) await delay(DRIP_PAUSE_MS);
      }
    }
  };
}

/** Rejects when the stall is over; without a time for that, it lasts until the proxy stops. */
async function stalled({ stallMs }: Fault): Promise<never> {
  if (stallMs === undefined) return new Promise<never>(() => undefined);
  await delay(stallMs);
  throw new Error('cut after a stall');
}

/** Passes bytes on, and fails after `limit` of them. */
function cutting(limit = Number.POSITIVE_INFINITY, onBytes: (bytes: number) => void): Transform {
  let left = limit;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      onBytes(part.length);
      this.push(part);
      callback(left === 0 && limit !== Number.POSITIVE_INFINITY ? new Error('cut') : null);
    },
  });
}

/** The fault for the `n`th request with this method only. */
export function nth(method: string, n: number, fault: Fault): FaultProxy['faultFor'] {
  return (asked) => (asked.method === method && asked.count === n ? fault : undefined);
}

/** Refuses bodies over a size, as nginx does by `client_max_body_size`. */
export function maxBody(bytes: number): FaultProxy['faultFor'] {
  return ({ headers }) =>
    Number(headers['content-length'] ?? 0) > bytes
      ? { answer: { status: 413, body: '<html>413 Request Entity Too Large</html>' } }
      : undefined;
}
