import type { Socket } from 'node:net';
import { messageOf } from '../../errors.js';

type SocksModule = Pick<typeof import('socks'), 'SocksClient'>;

/** Whether a proxy's URL is one of SOCKS 5. */
export function isSocks(proxy: string): boolean {
  return /^socks5h?:/i.test(proxy);
}

/**
 * Connects to a host through a SOCKS proxy; the package `socks` is loaded only here. With both schemes the proxy
 * resolves the host's name, as in Go's programs. (RFC 1928; RFC 1929)
 */
export async function connectThroughSocks(
  proxy: string,
  target: { hostname: string; port: string; protocol: string },
  timeout: number,
): Promise<Socket> {
  // Bundlers give a CommonJS package only a default export.
  const socks: SocksModule & { default?: SocksModule } = await import('socks');
  const { SocksClient } = socks.default ?? socks;
  const { hostname, port, username, password } = new URL(proxy);
  try {
    const { socket } = await SocksClient.createConnection({
      command: 'connect',
      proxy: {
        type: 5,
        host: bare(hostname),
        port: Number(port || 1080),
        ...(username !== '' && {
          userId: decodeURIComponent(username),
          password: decodeURIComponent(password),
        }),
      },
      destination: {
        host: bare(target.hostname),
        port: Number(target.port || (target.protocol === 'https:' ? 443 : 80)),
      },
      timeout,
    });
    return socket.setNoDelay(true);
  } catch (error) {
    // Thrown without the code of the cause, which would look like an error of the registry itself.
    const where = `${hostname}${port === '' ? '' : `:${port}`}`;
    throw new Error(`the SOCKS proxy ${where} did not connect: ${messageOf(error)}`, { cause: error });
  }
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
