import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that left this machine, or would have. */
export interface Sent {
  /** As it was asked for: a name, or an address. */
  host: string;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
}

export interface Network {
  /** For `HTTP_PROXY`: everything but loopback goes through it. */
  proxy: string;
  /** `127.0.0.1:PORT` of a service on this machine that no registry has any business with. */
  inside: string;
  port: number;
  sent: Sent[];
  close(): Promise<void>;
}

export type Host = (request: IncomingMessage & { path: string }, response: ServerResponse) => void;

/** A network of made-up hosts behind a proxy; who is asked for, and with what, is noted. */
export async function startNetwork(hosts: Record<string, Host>): Promise<Network> {
  const sent: Sent[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const { method = 'GET', headers } = request;
    sent.push({ host: url.host, method, path: url.pathname + url.search, headers });
    const host = Object.hasOwn(hosts, url.host) ? hosts[url.host] : undefined;
    if (host === undefined) response.writeHead(404).end();
    else host(Object.assign(request, { path: url.pathname + url.search }), response);
    request.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listening on a port, not a pipe
  return {
    proxy: `http://127.0.0.1:${port}`,
    inside: `127.0.0.1:${port}`,
    port,
    sent,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Places that are no business of a registry on the network; `PORT` is a service on this machine. */
export const INSIDE = [
  'http://127.0.0.1:PORT',
  'http://localhost:PORT',
  'http://localhost.:PORT',
  'http://registry.localhost:PORT',
  'http://127.1:PORT',
  'http://2130706433:PORT',
  'http://0x7f.0.0.1:PORT',
  'http://0177.0.0.1:PORT',
  'http://0.0.0.0:PORT',
  'http://[::1]:PORT',
  'http://[::]:PORT',
  'http://[::ffff:127.0.0.1]:PORT',
  'http://[::127.0.0.1]:PORT',
  'http://[64:ff9b::7f00:1]:PORT',
  'http://169.254.169.254',
  'http://[fe80::1]',
  'http://[::ffff:169.254.169.254]',
] as const;
