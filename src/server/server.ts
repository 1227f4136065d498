import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { LadingError, messageOf } from '../errors.js';
import { answerRequest, type ExchangeOptions } from './exchange.js';
import { refuseMalformed } from './malformed.js';

export interface RegistryServerOptions extends ExchangeOptions {
  /** How long `close` waits for answers under way before it cuts them; default 10 s. */
  drainMs?: number;
}

export interface RegistryServer {
  /** Starts to accept connections: default 127.0.0.1, port 5000; port 0 takes a free one. Rejects with `IO` or `DENIED`. */
  listen(options?: { host?: string; port?: number }): Promise<{ host: string; port: number }>;
  /** Stops accepting and waits for the answers under way; what is left after `drainMs` is cut. */
  close(): Promise<void>;
  /** Answers one request: for a server of the caller's own, an https one for example. */
  handler: (request: IncomingMessage, response: ServerResponse) => void;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 5000;
const DEFAULT_DRAIN_MS = 10_000;
/** A connection on which nothing moves for so long is given up: a client that stopped reading holds a file open. */
const IDLE_LIMIT_MS = 300_000;

/** A registry over stores, to read from: the pull half of the distribution-spec, and its discovery endpoints. */
export function createRegistryServer(options: RegistryServerOptions): RegistryServer {
  /** The latest answer of every connection on which one is under way. */
  const answering = new Map<Duplex, Promise<void>>();
  let closing = false;

  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    if (closing) response.setHeader('Connection', 'close');
    const { socket } = request;
    const answer = answerAfter(answering.get(socket), options, request, response).finally(() => {
      if (answering.get(socket) === answer) answering.delete(socket);
    });
    answering.set(socket, answer);
  };

  const server = createServer(handler);
  server.setTimeout(IDLE_LIMIT_MS);
  server.on('clientError', (error, socket) => {
    // Beside an answer under way, a second one would be read as part of its body.
    if (answering.has(socket) || !socket.writable) socket.destroy();
    else refuseMalformed(error, socket);
  });

  /** An open connection may bring another request meanwhile, so it looks again. */
  async function drained(): Promise<void> {
    while (answering.size > 0) await Promise.all(answering.values());
  }

  return {
    handler,
    listen({ host = DEFAULT_HOST, port = DEFAULT_PORT } = {}) {
      closing = false;
      return listen(server, host, port);
    },
    async close() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve())); // not listening is closed too
      await within(options.drainMs ?? DEFAULT_DRAIN_MS, drained());
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * Requests that a client sends without waiting for answers are taken one after the other: Node.js gives a
 * later response no connection to notice the end of, and one packet could open hundreds of files.
 */
async function answerAfter(
  earlier: Promise<void> | undefined,
  options: RegistryServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await earlier;
  if (!request.socket.destroyed) await answerRequest(options, request, response);
}

function listen(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
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

function cannotListen(error: Error & { code?: string }, host: string, port: number): LadingError {
  const denied = error.code === 'EACCES';
  return new LadingError(denied ? 'DENIED' : 'IO', `cannot listen on ${host}:${port}: ${messageOf(error)}`, {
    hint: denied
      ? 'Choose a port above 1023, or run with the right to open this one.'
      : 'Choose an address of this machine and a port that no other program uses.',
    cause: error,
  });
}

/** Waits for `promise`, but no longer than `limitMs`. */
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
