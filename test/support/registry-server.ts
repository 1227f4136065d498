import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createRegistryServer, type RegistryServerOptions } from '../../src/server/server.js';
import type { Source } from '../../src/store/store.js';

export interface Served {
  port: number;
  /** `127.0.0.1:PORT`, as a reference names it. */
  registry: string;
  ask(path: string, options?: AskOptions): Promise<Reply>;
  close(): Promise<void>;
}

export interface AskOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** The address of this machine that the request comes from; default 127.0.0.1. */
  from?: string;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** False when the connection was cut before the body ended. */
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

/** One request on a connection of its own, sent as it is written here; a cut body is returned, not thrown. */
export async function ask(port: number, path: string, options: AskOptions = {}): Promise<Reply> {
  const { method = 'GET', headers = {}, body, from: localAddress } = options;
  const place = { host: '127.0.0.1', port, ...(localAddress !== undefined && { localAddress }) };
  const sent = request({ ...place, path, method, headers, agent: false });
  // A server that has answered need not take the rest of a body.
  sent.on('error', () => undefined);
  sent.end(body);
  const [response] = await once(sent, 'response');
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  // Not `once` of node:events, which would reject with the error that says the body was cut.
  await new Promise((resolve) => response.on('error', resolve).on('close', resolve));
  const { statusCode, headers: received, complete } = response;
  return { status: statusCode, headers: received, body: Buffer.concat(chunks), complete };
}

/** Sends text as it is, and gives back all that comes until the server closes the connection: a character a byte. */
export async function exchangeRaw(port: number, sent: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(sent, 'latin1');
  return (await buffer(socket)).toString('latin1');
}

/** The codes of an error body. */
export function codesOf({ body }: Reply): string[] {
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string }[] };
  return errors.map(({ code }) => code);
}
