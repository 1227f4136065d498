import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTLSServer, type Server as TLSServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LadingError, messageOf, systemCode } from '../errors.js';
import { MIN_TLS, type TLSIdentity } from './access/certificate.js';
import { answerRequest, type Exchange, type ExchangeOptions, type ServerState } from './exchange.js';
import { HeldMemory } from './held-memory.js';
import { refuseMalformed, refusePlainHTTP } from './malformed.js';
import { createAdmission } from './operational/admission.js';
import { Connections, peerOf } from './operational/connections.js';
import { type CompleteLimits, completeLimits, type ServerLimits } from './operational/limits.js';
import { harmless } from './operational/observer.js';
import { endIdleConnections } from './operational/patience.js';
import { createPushSide } from './push/push.js';
import { VerifiedContent } from './read/verified-content.js';

export interface RegistryServerOptions extends ExchangeOptions {
  /** Serves https with this certificate and TLS 1.2 or later; default: http. */
  tls?: TLSIdentity;
  limits?: ServerLimits;
  /** How long `close` waits for running requests before it cuts them; default 10 s. */
  drainMs?: number;
  /** Called for problems that do not stop the server, such as a failing `onRequest`. Default: a warning of Node.js. */
  onWarning?: (message: string) => void;
}

export interface RegistryServer {
  /**
   * Starts to accept connections, by default on 127.0.0.1 and port 5000; port 0 uses a free one. Rejects with `IO` or
   * `DENIED`.
   */
  listen(options?: { host?: string; port?: number }): Promise<{ host: string; port: number }>;
  /** Stops accepting connections and waits for running requests; cuts those that remain after `drainMs`. */
  close(): Promise<void>;
  /** Uses another certificate for new connections; if it cannot be used, throws and keeps the old one. */
  replaceIdentity(tls: TLSIdentity): void;
  /** Answers one request, for use in another HTTP server, which then has to limit its connections itself. */
  handler: (request: IncomingMessage, response: ServerResponse) => void;
}

const CLOSING_CONNECTIONS = 64;
const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 5000;
const DEFAULT_DRAIN_MS = 10_000;

/** Creates a registry over stores, with the distribution-spec's endpoints, `/healthz` and `/metrics`. */
export function createRegistryServer(options: RegistryServerOptions): RegistryServer {
  const limits = completeLimits(options.limits);
  const { onRequest, onWarning = (message) => process.emitWarning(message, 'LadingWarning') } = options;
  const exchangeOptions: ExchangeOptions = {
    ...options,
    ...(onRequest !== undefined && { onRequest: harmless(onRequest, onWarning) }),
  };
  /** The latest exchange of each connection that has a running request. */
  const exchanges = new Map<Duplex, { request: IncomingMessage; over: Promise<void> }>();
  /** All open connections, also those on which nothing has been sent yet: Node.js does not count these. */
  const connections = new Connections({
    most: limits.maxConnections,
    clientShare: limits.clientShare,
    busy: () => new Set([...exchanges.values()].map(({ request }) => peerOf(request.socket))),
  });
  /** Number of pipelined requests that wait for an earlier answer on their connection. */
  let waiting = 0;
  let closing = false;
  const admission = createAdmission(limits);
  const memory = new HeldMemory(limits.maxHeldBytes);
  const state: ServerState = {
    admission,
    push:
      options.writable &&
      createPushSide(options.writable, {
        conversions: options.conversions,
        clientShare: limits.clientShare,
        memory,
      }),
    verified: new VerifiedContent({ memory }),
    memory,
    maxTargetLength: limits.maxTargetLength,
    maxPageBytes: limits.maxPageBytes,
    isDraining: () => closing,
    countNow: () => ({ connections: connections.size, ...admission.underWay }),
  };

  function exchange({ request, response, expectsContinue }: Exchange): void {
    if (closing) response.setHeader('Connection', 'close');
    const { socket } = request;
    const earlier = exchanges.get(socket)?.over;
    // A request takes more memory than its bytes, and no well-behaved client pipelines so many.
    if (earlier !== undefined && waiting >= limits.maxRequests) {
      socket.destroy();
      return;
    }
    const answered = answerAfter(earlier, { request, response, expectsContinue });
    const over = answered.finally(() => {
      if (exchanges.get(socket)?.over === over) exchanges.delete(socket);
    });
    exchanges.set(socket, { request, over });
  }

  /**
   * Pipelined requests are answered one after the other: Node.js gives a later response no socket whose end we could
   * notice, and one packet could otherwise open hundreds of files.
   */
  async function answerAfter(earlier: Promise<void> | undefined, exchange: Exchange): Promise<void> {
    if (earlier !== undefined) {
      waiting++;
      try {
        await earlier;
      } finally {
        waiting--;
      }
    }
    // After an answer that closes the connection, later responses never get a socket and would never end.
    const { socket } = exchange.response;
    if (socket !== null && !socket.destroyed) await answerRequest(exchangeOptions, state, exchange);
  }

  const handler = (request: IncomingMessage, response: ServerResponse): void =>
    exchange({ request, response, expectsContinue: false });
  const server = createHTTPServer(options.tls, limits);
  server.on('request', handler);
  server.on('checkExpectation', handler); // expectations other than 100-continue may be ignored (RFC 9110, 10.1.1)
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
    exchange({ request, response, expectsContinue: true }),
  );
  server.on('connection', (socket: Socket) => connections.enter(socket));
  // While listening, an error means that one connection could not be accepted; the others are not affected.
  server.on('error', () => undefined);
  server.on('clientError', (error: Error, socket: Duplex) => {
    // A second answer on the same connection would be read as part of the first one's body.
    if (exchanges.has(socket) || !socket.writable) socket.destroy();
    else refuseMalformed(error, socket);
  });
  endIdleConnections(server, {
    idleMs: limits.idleMs,
    requestOn: (socket) => exchanges.get(socket)?.request,
  });

  /** Repeats because an open connection may send another request meanwhile. */
  async function drained(): Promise<void> {
    while (exchanges.size > 0) await Promise.all([...exchanges.values()].map(({ over }) => over));
  }

  return {
    handler,
    listen({ host = DEFAULT_HOST, port = DEFAULT_PORT } = {}) {
      closing = false;
      return listen(server, host, port);
    },
    replaceIdentity(tls) {
      if ('setSecureContext' in server) server.setSecureContext({ ...tls, minVersion: MIN_TLS });
      else throw new LadingError('UNSUPPORTED', 'a server without TLS has no certificate to replace');
    },
    async close() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve())); // also resolves if it was not listening
      await within(options.drainMs ?? DEFAULT_DRAIN_MS, drained());
      connections.destroyAll();
      await closed;
    },
  };
}

function createHTTPServer(tls: TLSIdentity | undefined, limits: CompleteLimits): Server | TLSServer {
  const options: ServerOptions = {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headMs,
    requireHostHeader: false, // checked by requireOneHost, whose answer has the specification's format
    // By default, Node.js would cut an upload after five minutes, even if it makes progress.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleMs,
    // How often Node.js checks for late heads; default 30 s.
    connectionsCheckingInterval: Math.ceil(limits.headMs / 4),
  };
  const server =
    tls === undefined
      ? createServer(options)
      : createTLSServer({ ...options, ...tls, minVersion: MIN_TLS, handshakeTimeout: limits.headMs });
  if (tls !== undefined) refusePlainHTTP(server);
  // Connections beyond the limit are accepted to see whose they are; this many may be closing at a time.
  server.maxConnections = limits.maxConnections + CLOSING_CONNECTIONS;
  return server;
}

function listen(
  server: Server | TLSServer,
  host: string,
  port: number,
): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(cannotListen(error, host, port));
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      const address = server.address();
      resolve({ host, port: typeof address === 'object' && address !== null ? address.port : port });
    });
  });
}

function cannotListen(error: Error, host: string, port: number): LadingError {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const [code, why, hint] = reasonNotToListen(error);
  return new LadingError(code, `cannot listen on ${address}: ${why}`, { hint, cause: error });
}

function reasonNotToListen(error: Error): [code: 'DENIED' | 'IO', why: string, hint: string] {
  switch (systemCode(error)) {
    case 'EACCES':
      return [
        'DENIED',
        'this user may not open the port',
        'Choose a port above 1023, or run with the right to open this one.',
      ];
    case 'EADDRINUSE':
      return ['IO', 'another program listens there', 'Choose another port, or end the other program.'];
    case 'EADDRNOTAVAIL':
      return [
        'IO',
        'this machine has no such address',
        'Choose an address of this machine; 0.0.0.0 stands for all of them.',
      ];
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['IO', 'this name has no address', 'Choose a name or an address of this machine.'];
    default:
      return [
        'IO',
        messageOf(error),
        'Choose an address of this machine and a port that no other program uses.',
      ];
  }
}

/** Waits for `promise`, but at most `limitMs`. */
async function within(limitMs: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  try {
    await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
