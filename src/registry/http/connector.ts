import type { LookupFunction, OnReadOpts, Socket } from 'node:net';
import type { buildConnector } from 'undici';
import type { Connect } from './bulk-get.js';
import { connectThroughSocks } from './socks.js';
import { type ConnectionTLS, mayLackAuthority, type RegistryTLS } from './tls.js';
import { loadUndici } from './undici.js';

export interface ConnectorOptions {
  /** Undefined for plain http. */
  tls: RegistryTLS | undefined;
  /** The URL of a SOCKS proxy that the connections go through. */
  socks?: string | undefined;
  /** Resolves host names; default: the system's resolver. */
  lookup?: LookupFunction | undefined;
}

export const CONNECT_TIMEOUT_MS = 10_000;

type Target = buildConnector.Options;
type Callback = buildConnector.Callback;

/**
 * Returns the function that opens a pool's connections. If a certificate cannot be verified with the authorities that
 * are loaded so far, it loads those of this machine and connects once more.
 */
export async function createConnector({
  tls,
  socks,
  lookup,
}: ConnectorOptions): Promise<buildConnector.connector> {
  let made = await build(tls, lookup);

  const attempt = (target: Target, callback: Callback): void => {
    if (socks === undefined) {
      made.connect(target, callback);
      return;
    }
    connectThroughSocks(socks, target, CONNECT_TIMEOUT_MS).then(
      (httpSocket) =>
        tls === undefined ? callback(null, httpSocket) : made.connect({ ...target, httpSocket }, callback),
      (error: Error) => callback(error, null),
    );
  };

  /** Trusts the machine's authorities; returns whether the settings now differ from `used`. */
  async function rebuild(used: ConnectionTLS | undefined): Promise<boolean> {
    tls?.trustMachine();
    if ((await tls?.connection()) === used) return false;
    if (made.settings === used) made = await build(tls, lookup);
    return true;
  }

  return (target, callback) => {
    const used = made.settings;
    attempt(target, (...outcome) => {
      const [error] = outcome;
      if (error === null || !mayLackAuthority(error)) return callback(...outcome);
      rebuild(used).then(
        (isOther) => (isOther ? attempt(target, callback) : callback(error, null)),
        (failure: Error) => callback(failure, null),
      );
    });
  };
}

async function build(
  tls: RegistryTLS | undefined,
  lookup: LookupFunction | undefined,
): Promise<{
  connect: (target: Target, callback: Callback) => unknown;
  settings: ConnectionTLS | undefined;
}> {
  const { buildConnector: create } = await loadUndici();
  const settings = await tls?.connection();
  return {
    settings,
    connect: create({ timeout: CONNECT_TIMEOUT_MS, ...(lookup && { lookup }), ...settings }),
  };
}

/**
 * Returns a function that connects as the pools do but outside of them, without a second attempt. Open connections are
 * in `sockets`.
 */
export async function createDirectConnect(
  { tls, lookup }: Omit<ConnectorOptions, 'socks'>,
  sockets: Set<Socket>,
): Promise<Connect> {
  const { buildConnector: create } = await loadUndici();
  const settings = await tls?.connection();
  return (url: URL, onread: OnReadOpts, onConnected: (error: Error | null) => void) => {
    const { protocol, host, port } = url;
    const target = { protocol, host, hostname: url.hostname.replace(/^\[|\]$/g, ''), port };
    const settled = { timeout: CONNECT_TIMEOUT_MS, onread, ...(lookup && { lookup }), ...settings };
    const socket = create(settled)(target, (...[error]) => onConnected(error));
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket));
  };
}
