import { createRequire } from 'node:module';
import type { Dispatcher, Pool, ProxyAgent } from 'undici';

/** A pool of connections to one origin, and a way through a proxy; of undici, what lading uses. */
export interface Undici {
  Pool: new (origin: string, options: Pool.Options) => Dispatcher;
  ProxyAgent: new (options: ProxyAgent.Options) => Dispatcher;
  request(this: Dispatcher, options: RequestOptions): Promise<Dispatcher.ResponseData>;
}

/** Bodies may be iterables (undici, "Parameter: DispatchOptions"), which its types leave out. */
type RequestOptions = Omit<Dispatcher.RequestOptions, 'body'> & {
  body: AsyncIterable<Uint8Array> | Uint8Array | string | null;
};

let loaded: Undici | undefined;

/**
 * undici, loaded when the first request is made. Its index also loads fetch, WebSocket, caches and mocks,
 * which takes three times as long (155 ms against 50 ms, where bare Node.js takes 100 ms to start), so the
 * parts are taken by their files; undici has no export map that forbids it, and the tests would notice.
 * A proxy needs the index, which completes the dispatchers.
 */
export function loadUndici(): Undici {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url);
    loaded = {
      Pool: require('undici/lib/dispatcher/pool.js'),
      get ProxyAgent() {
        return require('undici').ProxyAgent;
      },
      request: require('undici/lib/api/api-request.js'),
    };
  }
  return loaded;
}
