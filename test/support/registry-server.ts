import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createRegistryServer, type RegistryServerOptions } from '../../src/server/server.js';
import type { Source } from '../../src/store/store.js';

export interface Served {
  port: number;
  /** `127.0.0.1:PORT`, as in a reference. */
  registry: string;
  ask(path: string, options?: AskOptions): Promise<Reply>;
  close(): Promise<void>;
}

export interface AskOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** The local address to send the request from; default 127.0.0.1. */
  from?: string;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** False if the connection was cut before the end of the body. */
  complete: boolean;
}

/** Serves stores as repositories, on a free port of 127.0.0.1. */
export async function serve(
  repositories: Record<string, Source>,
  options: Partial<RegistryServerOptions> = {},
): Promise<Served> {
  const server = createRegistryServer({
    openRepository: async (name) => (Object.hasOwn(repositories, name) ? repositories[name] : undefined),
    listRepositories: async () => Object.keys(repositories),
    ...options,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    port,
    registry: `127.0.0.1:${port}`,
    ask: (path, askOptions) => ask(port, path, askOptions),
    close: () => server.close(),
  };
}

/** Sends one request on a connection of its own, without changes. A body that is cut is returned, and not an error. */
export async function ask(port: number, path: string, options: AskOptions = {}): Promise<Reply> {
  const { method = 'GET', headers = {}, body, from: localAddress } = options;
  const place = { host: '127.0.0.1', port, ...(localAddress !== undefined && { localAddress }) };
  const sent = request({ ...place, path, method, headers, agent: false });
  // A server that has answered does not have to read the rest of the body.
  sent.on('error', () => undefined);
  sent.end(body);
  const [response] = await once(sent, 'response');
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  // `once` of node:events would reject if the body is cut.
  await new Promise((resolve) => response.on('error', resolve).on('close', resolve));
  const { statusCode, headers: received, complete } = response;
  return { status: statusCode, headers: received, body: Buffer.concat(chunks), complete };
}

/** Sends text without changes, and returns all bytes until the server closes the connection, each as one character. */
export async function exchangeRaw(port: number, sent: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(sent, 'latin1');
  return (await buffer(socket)).toString('latin1');
}

/** Returns the codes in an error body. */
export function codesOf({ body }: Reply): string[] {
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string }[] };
  return errors.map(({ code }) => code);
}
