import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Certificate } from '../support/certificates.js';

export interface TestServer {
  /** `127.0.0.1:PORT`, the name of the registry. */
  host: string;
  origin: string;
  /** The requests in order, such as `GET /v2/`. */
  requests: string[];
  /** The headers of each request. */
  headers: IncomingMessage['headers'][];
  close(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Starts a server on loopback with the test's handler, over TLS if it gets a certificate. */
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
  // Many tests have a client that hangs up or refuses the certificate.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // the server listens on a port
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

/** Sends JSON. */
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

/** Sends a registry's error. */
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

/** Collects all elements of an iterable. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
