import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';

export interface LimitedRegistryOptions {
  /** Pulls in a window. */
  limit: number;
  /** Length of the window, as it is told. */
  windowSeconds: number;
  /** Whether answers say what is left; default true. */
  tells?: boolean;
  /** Whether a refusal says when to come back, in seconds. */
  retryAfter?: number;
}

export interface LimitedRegistry extends AsyncDisposable {
  name: string;
  /** Pulls that are left in this window. */
  left: number;
  /** GETs of manifests that were answered, and that were refused. */
  pulls: number;
  refusals: number;
}

/**
 * Puts the limit of Docker Hub before a registry: a GET of a manifest counts, HEAD does not; answers say what is left, and
 * beyond that GETs are refused with 429. (Docker Hub, "Pull usage and limits")
 */
export async function limitPulls(
  target: string,
  { limit, windowSeconds, tells = true, retryAfter }: LimitedRegistryOptions,
): Promise<LimitedRegistry> {
  const server = createServer((incoming, outgoing) => {
    const { method, url = '', headers } = incoming;
    const isManifest = /\/manifests\//.test(url);
    const isRefused = isManifest && method === 'GET' && registry.left === 0;
    if (isManifest && method === 'GET') {
      if (isRefused) registry.refusals++;
      else {
        registry.left--;
        registry.pulls++;
      }
    }
    if (isManifest && tells) {
      outgoing.setHeader('ratelimit-limit', `${limit};w=${windowSeconds}`);
      outgoing.setHeader('ratelimit-remaining', `${registry.left};w=${windowSeconds}`);
      outgoing.setHeader('docker-ratelimit-source', '192.0.2.7');
    }
    if (isRefused) {
      if (retryAfter !== undefined) outgoing.setHeader('retry-after', retryAfter);
      outgoing.writeHead(429, { 'content-type': 'application/json' });
      outgoing.end(
        '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}',
      );
      return;
    }
    const [hostname, port] = target.split(':');
    incoming.pipe(
      request({ hostname, port, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  const registry: LimitedRegistry = {
    name: `127.0.0.1:${address.port}`,
    left: limit,
    pulls: 0,
    refusals: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
  return registry;
}
