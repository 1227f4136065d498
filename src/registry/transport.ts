import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createSecureContext, rootCertificates } from 'node:tls';
import type { Dispatcher } from 'undici';
import { LadingError, messageOf } from '../errors.js';
import { wrapBody } from './body.js';
import { bulkGet, type Connect } from './bulk-get.js';
import type { Headers } from './headers.js';
import { networkError } from './network-error.js';
import { proxyFor } from './proxy.js';
import { watchSending } from './stall.js';
import { loadProxyAgent, loadUndici } from './undici.js';

export interface TransportOptions {
  /** Connections per origin; default 8. */
  concurrency?: number | undefined;
  /** Whether certificates are checked; default true. */
  tlsVerify?: boolean | undefined;
  /** Authorities (PEM) that are trusted beside the usual ones. */
  ca?: string | undefined;
  /** Client certificate (PEM) and its key. */
  cert?: string | undefined;
  key?: string | undefined;
  /** How long a server may be silent, before its response and within it; default 60 s. */
  stallTimeoutMs?: number | undefined;
  /** A response from this size on is received over a connection of its own, past the HTTP library; default 32 MiB. */
  bulkBytes?: number | undefined;
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are looked up; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface TransportRequest {
  method: Method;
  url: URL;
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

export interface TransportResponse {
  status: number;
  headers: Headers;
  /** Its errors are `CUT_SHORT`, `TIMEOUT` or `ABORTED`; it may be destroyed at any time. */
  body: Readable;
  /** Where the response came from. */
  url: URL;
}

/** One HTTP exchange at a time: no redirects, no credentials, no repetition. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

const DEFAULT_CONCURRENCY = 8;
const DEFAULT_STALL_TIMEOUT_MS = 60_000;
/** Below this, the round trips for another connection can cost more than it saves, which is 1 ms for each MiB. */
const DEFAULT_BULK_BYTES = 32 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
/** Between the work on two images a connection may rest; most registries keep theirs a minute and longer. */
const KEEP_ALIVE_MS = 30_000;

/** Connections for a run: a pool per origin, made when it is first needed. */
export function createTransport(options: TransportOptions = {}): Transport {
  const environment = options.environment ?? process.env;
  const stallTimeoutMs = options.stallTimeoutMs ?? DEFAULT_STALL_TIMEOUT_MS;
  const tls = lazily(() => tlsOptions(options));
  const pools = new Map<string, Promise<Dispatcher>>();

  const poolFor = (url: URL): Promise<Dispatcher> => {
    const known = pools.get(url.origin);
    if (known !== undefined) return known;
    const pool = createPool(url, proxyFor(url, environment), options.concurrency ?? DEFAULT_CONCURRENCY, tls);
    pools.set(url.origin, pool);
    pool.catch(() => pools.delete(url.origin)); // told to whoever asked for it
    return pool;
  };

  const bulkBytes = options.bulkBytes ?? DEFAULT_BULK_BYTES;
  /** Origins whose responses only the HTTP library understands. */
  const notPlain = new Set<string>();
  const bulkSockets = new Set<Socket>();

  /** Undefined where the HTTP library is to ask. */
  async function sendBulk(request: TransportRequest): Promise<TransportResponse | undefined> {
    const { method, url, headers, expectedBytes = 0, signal } = request;
    if (method !== 'GET' || expectedBytes < bulkBytes || notPlain.has(url.origin)) return undefined;
    if (proxyFor(url, environment) !== undefined) return undefined;
    const connect = await createConnect(tls, bulkSockets);
    const response = await bulkGet({ url, headers, stallTimeoutMs, signal }, connect);
    if (response === undefined) notPlain.add(url.origin);
    return response;
  }

  return {
    async send(message) {
      const { method, url, headers, body, answerTimeoutMs = stallTimeoutMs, signal } = message;
      const watched = isStreamed(body) ? watchSending(body, url.host, stallTimeoutMs, signal) : undefined;
      try {
        const bulk = await sendBulk(message);
        if (bulk !== undefined) return bulk;
        const { request } = await loadUndici();
        const response = await request.call(await poolFor(url), {
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
        });
        return {
          status: response.statusCode,
          headers: response.headers,
          body: wrapBody(response.body, url, signal),
          url,
        };
      } catch (error) {
        throw watched?.stalled() ?? networkError(error, url.host, signal);
      } finally {
        watched?.release();
      }
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

function isStreamed(body: RequestBody | undefined): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

async function createPool(
  url: URL,
  proxy: string | undefined,
  connections: number,
  tls: () => object,
): Promise<Dispatcher> {
  const connect = { timeout: CONNECT_TIMEOUT_MS, ...(url.protocol === 'https:' ? tls() : {}) };
  const options = { connections, keepAliveTimeout: KEEP_ALIVE_MS };
  if (proxy === undefined) {
    const { Pool } = await loadUndici();
    return new Pool(url.origin, { ...options, connect });
  }
  const ProxyAgent = await loadProxyAgent();
  // Plain http goes through a proxy by absolute URLs, as in other tools: many refuse tunnels to port 80.
  return new ProxyAgent({
    ...options,
    uri: proxy,
    requestTls: connect,
    proxyTls: tls(),
    proxyTunnel: false,
  });
}

/** Connections as the pools make them, beside those. */
async function createConnect(tls: () => object, sockets: Set<Socket>): Promise<Connect> {
  const { buildConnector } = await loadUndici();
  return (url, onread, onConnected) => {
    const { protocol, host, port } = url;
    const options = { timeout: CONNECT_TIMEOUT_MS, onread, ...(protocol === 'https:' ? tls() : {}) };
    const target = { protocol, host, hostname: url.hostname.replace(/^\[|\]$/g, ''), port };
    const socket = buildConnector(options)(target, onConnected);
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket));
  };
}

/**
 * The TLS side of a run. The context is made once: undici would otherwise parse the authorities again for
 * each connection.
 */
function tlsOptions({ ca, cert, key, tlsVerify = true }: TransportOptions): object {
  try {
    const secureContext = createSecureContext({
      ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    return { secureContext, rejectUnauthorized: tlsVerify };
  } catch (error) {
    throw new LadingError('USAGE', `the TLS certificate or key cannot be used: ${messageOf(error)}`, {
      cause: error,
      hint: '--ca, --cert and --key-file take PEM files; the key must belong to the certificate.',
    });
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
