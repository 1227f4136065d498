import { connect } from 'node:tls';
import { hostnameOf, hostOf, isLoopback } from '../origin.js';
import { withAbort } from './abort.js';

const PROBE_TIMEOUT_MS = 5_000;

export interface Schemes {
  /** `https://HOST[:PORT]`, or http where that is what the registry speaks, and is allowed to. */
  baseURL(registry: string, signal?: AbortSignal | undefined, mayBeHTTP?: boolean | undefined): Promise<URL>;
  /** Forgets what was found out, after a registry could not be reached. */
  forget(registry: string): void;
}

/**
 * Decides between https and http: http when the user says so, and on loopback when a TLS handshake fails, as
 * Docker does, and where the user allows it for the registry; one look per registry, shared by all requests. Any other
 * host is never spoken to in clear.
 */
export function createSchemes(plainHTTP: boolean): Schemes {
  const probes = new Map<string, Promise<'https' | 'http'>>();

  return {
    async baseURL(registry, signal, mayBeHTTP = false) {
      const host = hostOf(registry);
      if (plainHTTP) return new URL(`http://${host}`);
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

/** Whether a TLS server answers; its certificate is judged later, by the request itself. */
function probeTLS(url: URL): Promise<'https' | 'http'> {
  return new Promise((resolve) => {
    const socket = connect({
      host: hostnameOf(url),
      port: Number(url.port || 443),
      ALPNProtocols: ['http/1.1'],
      // Nothing is sent: only whether there is TLS at all.
      rejectUnauthorized: false,
      // Without authorities, which take 30 ms to be read.
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
