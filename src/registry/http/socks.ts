import type { Socket } from 'node:net';
import { messageOf } from '../../errors.js';

type SocksModule = Pick<typeof import('socks'), 'SocksClient'>;

/** Whether a proxy is one of SOCKS 5. */
export function isSocks(proxy: string): boolean {
  return /^socks5h?:/i.test(proxy);
}

/**
 * Connects to a host through a SOCKS proxy, loaded when there is one. The proxy looks up the host's name, by either
 * scheme, as for Go's programs. (RFC 1928; RFC 1929)
 */
export async function connectThroughSocks(
  proxy: string,
  target: { hostname: string; port: string; protocol: string },
  timeout: number,
): Promise<Socket> {
  // What bundlers make of a CommonJS package has a default export alone.
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
    // Its code would be taken for one of the registry's.
    const where = `${hostname}${port === '' ? '' : `:${port}`}`;
    throw new Error(`the SOCKS proxy ${where} gives no connection: ${messageOf(error)}`, { cause: error });
  }
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
