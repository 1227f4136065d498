import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import { RegistryError } from '../../errors.js';
import { hostnameOf, hostOf } from '../origin.js';
import { wrapBody } from './body.js';
import { bulkGet } from './bulk-get.js';
import {
  CONNECT_TIMEOUT_MS,
  type ConnectorOptions,
  createConnector,
  createDirectConnect,
} from './connector.js';
import type { Guest } from './guest.js';
import { mayRefuseCertificate, networkError } from './network-error.js';
import { proxyFor } from './proxy.js';
import type { TransportResponse } from './response.js';
import { isSocks } from './socks.js';
import { watchSending } from './stall.js';
import { mayLackAuthority, type RegistryTLS, type TLSOptions, TLSSettings } from './tls.js';
import { loadProxyAgent, loadUndici } from './undici.js';

/**
 * Interim responses (1xx) before one answer. Servers send one or two; each makes the HTTP library wait anew, and it
 * counts neither them nor their bytes. (RFC 9110, 15.2)
 */
const MAX_INTERIM_RESPONSES = 20;

export interface TransportOptions extends TLSOptions {
  /** Connections per origin; default 8. */
  concurrency?: number | undefined;
  /** How long a server may be silent, before its response and within it; default 60 s. */
  stallTimeoutMs?: number | undefined;
  /** A response from this size on is received over a connection of its own, past the HTTP library; default 32 MiB. */
  bulkBytes?: number | undefined;
  /** Where proxies and authorities are looked up; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface TransportRequest {
  method: Method;
  url: URL;
  /** The registry that is asked, or has named this server: its certificates count. Default the host of the URL. */
  registry?: string | undefined;
  /** Certificates of unknown authorities are allowed; default as for the run. */
  insecure?: boolean | undefined;
  /** Whose URL it is, where it is a stranger's. */
  guest?: Guest | undefined;
  headers: Record<string, string>;
  body?: RequestBody | undefined;
  /** How long the server may take to answer once it has the whole request; default the stall timeout. */
  answerTimeoutMs?: number | undefined;
  /** Bytes of the response that is hoped for, where they are known. */
  expectedBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Bytes that are sent; of many, each chunk is asked for when those before it have left. */
export type RequestBody = AsyncIterable<Uint8Array> | Uint8Array | string;

/** One HTTP exchange at a time: no redirects, no credentials, no repetition. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

const DEFAULT_CONCURRENCY = 8;
const DEFAULT_STALL_TIMEOUT_MS = 60_000;
/** Below this, the round trips for another connection can cost more than it saves, which is 1 ms for each MiB. */
const DEFAULT_BULK_BYTES = 32 * 1024 * 1024;
/** Between the work on two images a connection may rest; most registries keep theirs a minute and longer. */
const KEEP_ALIVE_MS = 30_000;

/** Connections for a run: a pool per origin, made when it is first needed. */
export function createTransport(options: TransportOptions = {}): Transport {
  const environment = options.environment ?? process.env;
  const stallTimeoutMs = options.stallTimeoutMs ?? DEFAULT_STALL_TIMEOUT_MS;
  const settings = new TLSSettings({ ...options, environment });
  const pools = new Map<string, Promise<Dispatcher>>();

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
    const connections = options.concurrency ?? DEFAULT_CONCURRENCY;
    const pool = createPool(url, proxy, connections, { tls, lookup: guest?.lookup });
    pools.set(key, pool);
    pool.catch(() => pools.delete(key)); // told to whoever asked for it
    return pool;
  };

  const bulkBytes = options.bulkBytes ?? DEFAULT_BULK_BYTES;
  /** Origins whose responses only the HTTP library understands. */
  const notPlain = new Set<string>();
  const bulkSockets = new Set<Socket>();

  /** Undefined where the HTTP library is to ask. */
  async function sendBulk(
    request: TransportRequest,
    tls: RegistryTLS | undefined,
  ): Promise<TransportResponse | undefined> {
    const { method, url, headers, expectedBytes = 0, signal } = request;
    if (method !== 'GET' || expectedBytes < bulkBytes || notPlain.has(url.origin)) return undefined;
    if (proxyFor(url, environment) !== undefined) return undefined;
    const connect = await createDirectConnect({ tls, lookup: request.guest?.lookup }, bulkSockets);
    try {
      const response = await bulkGet({ url, headers, stallTimeoutMs, signal }, connect);
      if (response === undefined) notPlain.add(url.origin);
      return response;
    } catch (error) {
      // The library's connections are made again with the authorities of this machine.
      if (mayLackAuthority(error)) return undefined;
      throw error;
    }
  }

  async function exchange(
    message: TransportRequest,
    tls: RegistryTLS | undefined,
  ): Promise<TransportResponse> {
    const { method, url, headers, body, answerTimeoutMs = stallTimeoutMs, signal } = message;
    const watched = isStreamed(body) ? watchSending(body, url.host, stallTimeoutMs, signal) : undefined;
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
        // The library would end the connection after each HEAD, for servers that send a body with its response; a new
        // one costs two round trips or more. Such a body ends the connection just as well when it comes.
        ...(method === 'HEAD' && { reset: false }),
        bodyTimeout: stallTimeoutMs,
        onInfo: interimCounter(url.host),
      });
      return {
        status: response.statusCode,
        headers: response.headers,
        body: wrapBody(response.body, url, signal),
        url,
        proxy: answeringProxy(url, environment),
      };
    } catch (error) {
      throw watched?.stalled() ?? networkError(error, url.host, signal);
    } finally {
      watched?.release();
    }
  }

  /** Of several settings for a registry those that it has answered to. */
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
          // A body that is streamed is sent once.
          const isLast = index === choices.length - 1 || isStreamed(message.body);
          if (isLast || !mayRefuseCertificate(error)) throw error;
        }
      }
      throw new Error(`there are no settings for ${message.url.host}`);
    },
    async close() {
      const closing = [...pools.values()];
      pools.clear();
      for (const socket of bulkSockets) socket.destroy();
      // Not `close`: it would wait for bodies that nobody reads any more.
      await Promise.all(closing.map(async (pool) => (await pool).destroy()));
    },
  };
}

/** Through a tunnel, as for https, a proxy cannot answer in another's place. */
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
  // The agent makes its connections itself, and a proxy that opens TLS shows certificates of this machine's authorities.
  tls?.trustMachine();
  const connection = await tls?.connection();
  // Plain http goes through a proxy by absolute URLs, as in other tools: many refuse tunnels to port 80.
  return new ProxyAgent({
    ...options,
    uri: proxy,
    requestTls: { timeout: CONNECT_TIMEOUT_MS, ...connection },
    proxyTls: { ...connection },
    proxyTunnel: false,
  });
}

/** To be called for each interim response to one request; throws `REGISTRY` when there are more than may be. */
function interimCounter(host: string): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > MAX_INTERIM_RESPONSES)
      throw new RegistryError(
        'REGISTRY',
        `${host} sent more than ${MAX_INTERIM_RESPONSES} interim responses (1xx) and no answer`,
        { hint: 'The registry or a proxy before it is broken; tell its owner.' },
      );
  };
}
