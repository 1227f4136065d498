import { BlockList, isIP } from 'node:net';
import { LadingError } from '../../errors.js';
import { hostnameOf, isLoopback } from '../origin.js';

const SCHEMES = ['http:', 'https:', 'socks5:', 'socks5h:'];

/**
 * Returns the proxy for a URL, or undefined for a direct connection. Reads `HTTPS_PROXY` or `HTTP_PROXY`, else
 * `ALL_PROXY`, and `NO_PROXY`; the same names in lower case take precedence. As in Go's tools, loopback addresses are
 * never proxied, and `NO_PROXY` lists hosts (with their subdomains), `.domain`, `host:port`, addresses, CIDR blocks and
 * `*`. Throws `USAGE` for a value that is not a proxy's URL.
 */
export function proxyFor(url: URL, environment: NodeJS.ProcessEnv): string | undefined {
  const own = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  // A variable that is set but empty means that no proxy is to be used.
  const name = variable(environment, own) === undefined ? 'ALL_PROXY' : own;
  const value = variable(environment, name) ?? '';
  if (value === '' || isExcepted(url, variable(environment, 'NO_PROXY') ?? '')) return undefined;
  const text = value.includes('://') ? value : `http://${value}`;
  if (URL.canParse(text) && SCHEMES.includes(new URL(text).protocol)) return text;
  // The message omits the value because it may contain a password.
  const problem = URL.canParse(text)
    ? `names a proxy with ${new URL(text).protocol}//, which lading does not support`
    : 'is not a URL';
  throw new LadingError('USAGE', `${name} ${problem}`, {
    hint: 'Write a proxy as SCHEME://[USER:PASSWORD@]HOST:PORT; the scheme is http, https, socks5 or socks5h.',
  });
}

function variable(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  return (environment[name.toLowerCase()] ?? environment[name])?.trim();
}

function isExcepted(url: URL, exceptions: string): boolean {
  const hostname = hostnameOf(url);
  if (isLoopback(hostname)) return true;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return exceptions
    .toLowerCase()
    .split(/[\s,]+/)
    .some((exception) => exception !== '' && matches(exception, hostname, port));
}

function matches(exception: string, hostname: string, port: string): boolean {
  if (exception === '*') return true;
  if (exception.includes('/')) return isInBlock(exception, hostname);
  const [, bracketed, plain, wantedPort] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(exception) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const host = bracketed ?? plain ?? exception; // the last is an IPv6 address without brackets
  if (isIP(host) !== 0 || isIP(hostname) !== 0) return host === hostname;
  const domain = host.replace(/^\*?\./, '');
  // A leading dot means subdomains only.
  return (host === domain && hostname === domain) || hostname.endsWith(`.${domain}`);
}

function isInBlock(block: string, hostname: string): boolean {
  const [network = '', prefix = ''] = block.split('/');
  const family = isIP(network);
  const bits = Number(prefix);
  if (
    family === 0 ||
    isIP(hostname) !== family ||
    !/^\d+$/.test(prefix) ||
    bits > (family === 4 ? 32 : 128)
  ) {
    return false;
  }
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(network, bits, type);
  return list.check(hostname, type);
}
