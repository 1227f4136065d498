import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** The faults of one request. */
export interface Fault {
  /** Answers instead of the registry, which never sees the request. */
  answer?: { status: number; headers?: Record<string, string>; body?: string };
  /** Cuts the connection after this many bytes of the request's body, which the registry has received. */
  cutRequestAfter?: number;
  /** Like nginx by default: the registry gets a request only when it is complete. */
  isBuffered?: boolean;
  /** Cuts the connection after this many bytes of the answer's body; with 0, before its headers. */
  cutAnswerAfter?: number;
  /** Resets the connection (RST) after this many bytes of the answer's body; with 0, before its headers. */
  resetAnswerAfter?: number;
  /** Headers to remove from the answer. */
  dropHeaders?: string[];
  /** Headers to replace in the answer. */
  setHeaders?: Record<string, string>;
  /** Changes the bytes of the answer. */
  alterBody?: (body: Buffer) => Buffer;
  /** Is added to the right Content-Length. */
  lengthOffBy?: number;
  /** Waits before passing anything on. */
  delayMs?: number;
  /** Sends the answer's body in pieces of this many bytes, with a pause after each. */
  dripBytes?: number;
  /** Stalls: does not read the request's body, sends no answer, or stops after this many bytes of the answer's body. */
  stall?: 'request' | 'answer' | { afterBytes: number };
  /** The time after which a stalled connection is cut; default never. */
  stallMs?: number;
}

/** A request, for the function that chooses faults. */
export interface Asked {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  /** The number of requests with this method so far, including this one. */
  count: number;
}

/** A request that the proxy has handled. */
export interface Passed {
  method: string;
  path: string;
  /** The status of the answer; 0 if there was none. */
  status: number;
  /** Bytes of the request's body that were received from the client. */
  sent: number;
  /** Bytes of the answer's body that were sent to the client. */
  received: number;
  fault: Fault | undefined;
}

export interface FaultProxy {
  host: string;
  readonly passed: Passed[];
  /** Chooses the faults of a request; default none. */
  faultFor: (asked: Asked) => Fault | undefined;
  /** The connections, counted from 1, that get plain text or a reset instead of a handshake; default none. */
  refusesConnection: (count: number) => boolean | 'reset';
  stop(): Promise<void>;
}

export interface FaultProxyOptions {
  /** The proxy uses TLS with this certificate; the registry behind it uses plain http. */
  tls?: { cert: string; key: string } | undefined;
}

/** Starts a proxy in front of a registry on plain http, with the faults that `faultFor` returns. */
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
    // If the client or the registry closes its connection, this exchange ends, and so does the other connection.
    pass(incoming, outgoing, entry, fault ?? {}).catch(() => socket.destroy());
  };
  const server = tls === undefined ? createServer(listener) : createTLSServer(tls, listener);
  let connections = 0;
  // Before the TLS handshake, if there is one.
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
      // Early answers and broken connections are handled with the answer below.
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

/** Passes a body on, as slowly and as incompletely as the fault requires. */
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

/** Rejects when the stall is over; without `stallMs`, when the proxy stops. */
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

/** Returns the fault only for the `n`th request with this method. */
export function nth(method: string, n: number, fault: Fault): FaultProxy['faultFor'] {
  return (asked) => (asked.method === method && asked.count === n ? fault : undefined);
}

/** Refuses bodies over a size, as nginx does with `client_max_body_size`. */
export function maxBody(bytes: number): FaultProxy['faultFor'] {
  return ({ headers }) =>
    Number(headers['content-length'] ?? 0) > bytes
      ? { answer: { status: 413, body: '<html>413 Request Entity Too Large</html>' } }
      : undefined;
}
