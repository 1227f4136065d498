import { connect } from 'node:tls';
import { hostnameOf, hostOf, isLoopback } from '../origin.js';
import { withAbort } from './abort.js';

const PROBE_TIMEOUT_MS = 5_000;

export interface Schemes {
  /** Returns `https://HOST[:PORT]`, or http if the registry speaks only that and it is allowed. */
  baseURL(registry: string, signal?: AbortSignal | undefined, mayBeHTTP?: boolean | undefined): Promise<URL>;
  /** Forgets the scheme of a registry, after it could not be reached. */
  forget(registry: string): void;
}

/** Whether the user chose http for a registry. */
export type PlainHTTP = (registry: string) => boolean;

/**
 * Decides between https and http. Uses http if the user asks for it with `plainHTTP`; and if a TLS handshake fails, on
 * loopback (as Docker does) and for registries for which `mayBeHTTP` allows it. Each registry is probed once, for all
 * requests. Any other host is contacted over https only.
 */
export function createSchemes(plainHTTP: PlainHTTP): Schemes {
  const probes = new Map<string, Promise<'https' | 'http'>>();

  return {
    async baseURL(registry, signal, mayBeHTTP = false) {
      const host = hostOf(registry);
      if (plainHTTP(registry)) return new URL(`http://${host}`);
      const secure = new URL(`https://${host}`);
      if (!mayBeHTTP && !isLoopback(hostnameOf(secure))) return secure;
      const probe = probes.get(registry) ?? probeTLS(secure);
      probes.set(registry, probe);
      return new URL(`${await withAbort(probe, signal)}://${host}`);
    },
    forget(registry) {
      probes.delete(registry);
    },
  };
}

/** Finds out whether a TLS server answers. Its certificate is verified later, by the request itself. */
function probeTLS(url: URL): Promise<'https' | 'http'> {
  return new Promise((resolve) => {
    const socket = connect({
      host: hostnameOf(url),
      port: Number(url.port || 443),
      ALPNProtocols: ['http/1.1'],
      // The certificate does not matter, because nothing is sent over this connection.
      rejectUnauthorized: false,
      // Loading the default authorities would take 30 ms.
      ca: [],
      timeout: PROBE_TIMEOUT_MS,
    });
    const end = (scheme: 'https' | 'http') => {
      socket.destroy();
      resolve(scheme);
    };
    socket.once('secureConnect', () => end('https'));
    socket.once('timeout', () => end('http'));
    socket.on('error', () => end('http'));
    socket.once('close', () => end('http'));
  });
}
