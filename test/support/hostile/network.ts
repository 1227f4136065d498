import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request to another machine. */
export interface Sent {
  /** The requested host: a name or an address. */
  host: string;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
}

export interface Network {
  /** For `HTTP_PROXY`: all requests except to loopback go through it. */
  proxy: string;
  /** `127.0.0.1:PORT` of a service on this machine that a registry must not lead clients to. */
  inside: string;
  port: number;
  sent: Sent[];
  close(): Promise<void>;
}

export type Host = (request: IncomingMessage & { path: string }, response: ServerResponse) => void;

/** Starts a network of invented hosts behind a proxy, which records all requests. */
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

/** URLs that a registry on the network must not lead clients to; `PORT` is a service on this machine. */
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
