import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import { RegistryError } from '../../errors.js';
import { hostnameOf, hostOf } from '../origin.js';
import { wrapBody } from './body.js';
import { bulkGet } from './bulk-get.js';
import { ByteRate } from './byte-rate.js';
import {
  CONNECT_TIMEOUT_MS,
  type ConnectorOptions,
  createConnector,
  createDirectConnect,
} from './connector.js';
import type { Guest } from './guest.js';
import { mayRefuseCertificate, networkError } from './network-error.js';
import { paceReceiving, paceSending } from './paced-body.js';
import { proxyFor } from './proxy.js';
import type { TransportResponse } from './response.js';
import { isSocks } from './socks.js';
import { watchSending } from './stall.js';
import { mayLackAuthority, type RegistryTLS, type TLSOptions, TLSSettings } from './tls.js';
import { loadProxyAgent, loadUndici } from './undici.js';

/**
 * Maximum number of interim responses (1xx) before the final one. Servers send one or two. Each restarts undici's
 * timeout, and undici limits neither their number nor their size. (RFC 9110, 15.2)
 */
const MAX_INTERIM_RESPONSES = 20;

export interface TransportOptions extends TLSOptions {
  /** Large transfers at once, for which there are connections beside small requests; 1: one connection per origin. */
  concurrency?: number | undefined;
  /** How long a server may be silent, both before and during its response; default 60 s. */
  stallTimeoutMs?: number | undefined;
  /** Responses of at least this size are received over a connection of their own, by `bulkGet`; default 32 MiB. */
  bulkBytes?: number | undefined;
  /** Such connections at once, each of which takes up to 4 MiB; what is beyond shares the others. Default unlimited. */
  mostBulk?: number | undefined;
  /** Bytes a second of all connections together, up and down; a `ByteRate` is shared with others. Default unlimited. */
  limitRate?: number | ByteRate | undefined;
  /** Environment variables that name proxies and authorities; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface TransportRequest {
  method: Method;
  url: URL;
  /**
   * The registry that is asked, or that referred to this server; its certificates are used. Default: the URL's host.
   */
  registry?: string | undefined;
  /** Whether certificates of unknown authorities are accepted; default: the opposite of `tlsVerify`. */
  insecure?: boolean | undefined;
  /** Set if the URL comes from an image's content. */
  guest?: Guest | undefined;
  headers: Record<string, string>;
  body?: RequestBody | undefined;
  /** How long the server may take to answer after the whole request was sent; default: the stall timeout. */
  answerTimeoutMs?: number | undefined;
  /** Expected size of the response in bytes, if known. */
  expectedBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** The bytes to send. An iterable is asked for the next chunk when the previous ones have been sent. */
export type RequestBody = AsyncIterable<Uint8Array> | Uint8Array | string;

/** Sends one HTTP request: without redirects, credentials or retries. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

/** As many small requests as a registry may get at once (see `Pace`); they are opened when they are needed. */
const MOST_SMALL = 64;
const DEFAULT_STALL_TIMEOUT_MS = 60_000;
/** Bulk downloads save 1 ms for each MiB; below this size, opening another connection can cost more than that. */
const DEFAULT_BULK_BYTES = 32 * 1024 * 1024;
/** Connections are idle between two images; most registries keep theirs open for a minute or longer. */
const KEEP_ALIVE_MS = 30_000;

/** Creates the connections of a run: one pool per origin, on first use. */
export function createTransport(options: TransportOptions = {}): Transport {
  const environment = options.environment ?? process.env;
  const stallTimeoutMs = options.stallTimeoutMs ?? DEFAULT_STALL_TIMEOUT_MS;
  const rate = typeof options.limitRate === 'number' ? new ByteRate(options.limitRate) : options.limitRate;
  const settings = new TLSSettings({ ...options, environment });
  const pools = new Map<string, Promise<Dispatcher>>();
  const lifetime = new AbortController();
  const closing = lifetime.signal;
  setMaxListeners(0, closing);

  async function tlsFor({
    url,
    registry = url.host,
    insecure,
    guest,
  }: TransportRequest): Promise<readonly (RegistryTLS | undefined)[]> {
    if (url.protocol !== 'https:') return [undefined];
    const isOther =
      guest !== undefined || hostnameOf(url) !== hostnameOf(new URL(`https://${hostOf(registry)}`));
    return settings.of(registry, { isOther, insecure });
  }

  const poolFor = ({ url, guest }: TransportRequest, tls: RegistryTLS | undefined): Promise<Dispatcher> => {
    const key = `${url.origin} ${tls?.id ?? ''} ${guest?.id ?? ''}`;
    const known = pools.get(key);
    if (known !== undefined) return known;
    const proxy = proxyFor(url, environment);
    const connections = options.concurrency === 1 ? 1 : Math.max(MOST_SMALL, options.concurrency ?? 0);
    const pool = createPool(url, proxy, connections, { tls, lookup: guest?.lookup });
    pools.set(key, pool);
    pool.catch(() => pools.delete(key)); // the caller awaits it and gets the error
    return pool;
  };

  const bulkBytes = options.bulkBytes ?? DEFAULT_BULK_BYTES;
  const mostBulk = options.mostBulk ?? Number.POSITIVE_INFINITY;
  /** Origins whose responses `bulkGet` cannot parse. */
  const notPlain = new Set<string>();
  const bulkSockets = new Set<Socket>();

  /** Returns undefined if the request has to go through undici. */
  async function sendBulk(
    request: TransportRequest,
    tls: RegistryTLS | undefined,
  ): Promise<TransportResponse | undefined> {
    const { method, url, headers, expectedBytes = 0, signal } = request;
    if (method !== 'GET' || expectedBytes < bulkBytes || notPlain.has(url.origin)) return undefined;
    if (bulkSockets.size >= mostBulk) return undefined;
    // What `bulkGet` saves is nothing where the rate is limited, and its chunks of 1 MiB would be long pauses.
    if (rate !== undefined || proxyFor(url, environment) !== undefined) return undefined;
    const connect = await createDirectConnect({ tls, lookup: request.guest?.lookup }, bulkSockets);
    try {
      const response = await bulkGet({ url, headers, stallTimeoutMs, signal }, connect);
      if (response === undefined) notPlain.add(url.origin);
      return response;
    } catch (error) {
      // undici's connector tries again with the authorities of this machine.
      if (mayLackAuthority(error)) return undefined;
      throw error;
    }
  }

  async function exchange(
    message: TransportRequest,
    tls: RegistryTLS | undefined,
  ): Promise<TransportResponse> {
    const { method, url, headers, body, answerTimeoutMs = stallTimeoutMs, signal } = message;
    const watched = isStreamed(body)
      ? watchSending(paced(body, signal), url.host, stallTimeoutMs, signal)
      : undefined;
    if (!isStreamed(body) && body !== undefined) rate?.take(Buffer.byteLength(body));
    try {
      const bulk = await sendBulk(message, tls);
      if (bulk !== undefined) return bulk;
      const { request } = await loadUndici();
      const response = await request.call(await poolFor(message, tls), {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        body: watched?.body ?? body ?? null,
        signal: watched?.signal ?? signal ?? null,
        headersTimeout: answerTimeoutMs,
        // By default undici closes the connection after each HEAD, because some servers send a body with its response.
        // A new connection costs two round trips or more, and if such a body arrives, the connection is closed anyway.
        ...(method === 'HEAD' && { reset: false }),
        bodyTimeout: stallTimeoutMs,
        onInfo: interimCounter(url.host),
      });
      return {
        status: response.statusCode,
        headers: response.headers,
        body: wrapBody(rate === undefined ? response.body : paceReceiving(response.body, rate), url, signal),
        url,
        proxy: answeringProxy(url, environment),
      };
    } catch (error) {
      throw watched?.stalled() ?? networkError(error, url.host, signal);
    } finally {
      watched?.release();
    }
  }

  /** Outside of the timeout for the server: that it waits for us is not its fault. */
  function paced(
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): AsyncIterable<Uint8Array> {
    if (rate === undefined) return body;
    return paceSending(body, rate, signal === undefined ? closing : AbortSignal.any([signal, closing]));
  }

  /** Settings with which a server has answered; used where a registry has several client certificates. */
  const accepted = new Set<RegistryTLS | undefined>();

  return {
    async send(message) {
      const all = await tlsFor(message);
      const known = all.filter((tls) => accepted.has(tls));
      const choices = known.length > 0 ? known.slice(0, 1) : all;
      for (const [index, tls] of choices.entries()) {
        try {
          const response = await exchange(message, tls);
          if (choices.length > 1) accepted.add(tls);
          return response;
        } catch (error) {
          // A streamed body cannot be sent again.
          const isLast = index === choices.length - 1 || isStreamed(message.body);
          if (isLast || !mayRefuseCertificate(error)) throw error;
        }
      }
      throw new Error(`there are no settings for ${message.url.host}`);
    },
    async close() {
      const open = [...pools.values()];
      lifetime.abort();
      pools.clear();
      for (const socket of bulkSockets) socket.destroy();
      // `close()` would wait for bodies that nobody reads any more.
      await Promise.all(open.map(async (pool) => (await pool).destroy()));
    },
  };
}

/** Returns the proxy's host if it may answer itself: with https there is a tunnel, and it cannot. */
function answeringProxy(url: URL, environment: NodeJS.ProcessEnv): string | undefined {
  const proxy = url.protocol === 'http:' ? proxyFor(url, environment) : undefined;
  return proxy === undefined || isSocks(proxy) ? undefined : new URL(proxy).host;
}

function isStreamed(body: RequestBody | undefined): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

async function createPool(
  url: URL,
  proxy: string | undefined,
  connections: number,
  { tls, lookup }: Omit<ConnectorOptions, 'socks'>,
): Promise<Dispatcher> {
  const options = { connections, keepAliveTimeout: KEEP_ALIVE_MS };
  if (proxy === undefined || isSocks(proxy)) {
    const { Pool } = await loadUndici();
    return new Pool(url.origin, {
      ...options,
      connect: await createConnector({ tls, lookup, socks: proxy }),
    });
  }
  const ProxyAgent = await loadProxyAgent();
  // The agent opens its own connections and so never loads the machine's authorities later. A proxy that inspects TLS
  // has a certificate from one of those.
  tls?.trustMachine();
  const connection = await tls?.connection();
  // For http, the request to the proxy has an absolute URL, as in other tools: many proxies refuse tunnels to port 80.
  return new ProxyAgent({
    ...options,
    uri: proxy,
    requestTls: { timeout: CONNECT_TIMEOUT_MS, ...connection },
    proxyTls: { ...connection },
    proxyTunnel: false,
  });
}

/**
 * Returns a function to call for each interim response to one request; it throws `REGISTRY` when there are too many.
 */
function interimCounter(host: string): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > MAX_INTERIM_RESPONSES)
      throw new RegistryError(
        'REGISTRY',
        `${host} sent more than ${MAX_INTERIM_RESPONSES} interim responses (1xx) and no answer`,
        { hint: 'The registry, or a proxy in front of it, is broken; report it to its owner.' },
      );
  };
}
