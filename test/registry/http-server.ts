import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Certificate } from '../support/certificates.js';

export interface TestServer {
  /** `127.0.0.1:PORT`, a registry's name. */
  host: string;
  origin: string;
  /** What was asked, in order: `GET /v2/`. */
  requests: string[];
  /** The headers of each request. */
  headers: IncomingMessage['headers'][];
  close(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback that answers as a test says, over TLS when it is given a certificate. */
export async function serve(handler: Handler, tls?: Certificate): Promise<TestServer> {
  const requests: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const listener: Handler = (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    handler(request, response);
  };
  const server = tls === undefined ? createServer(listener) : createTLSServer({ ...tls }, listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // A client that hangs up or refuses the certificate is part of many tests.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listening on a port, not a pipe
  const host = `127.0.0.1:${port}`;
  return {
    host,
    origin: `${tls === undefined ? 'http' : 'https'}://${host}`,
    requests,
    headers,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with JSON. */
export function sendJSON(
  response: ServerResponse,
  document: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string | string[]> } = {},
): void {
  const body = JSON.stringify(document);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Answers as a registry refuses. */
export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string | string[]> = {},
): void {
  sendJSON(
    response,
    { errors: [{ code, message: code.toLowerCase().replaceAll('_', ' ') }] },
    { status, headers },
  );
}

/** Everything an iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
