import { isIP } from 'node:net';
import { DOCKER_HUB } from '../content/reference.js';

/** Maps the names of Docker Hub to the one that references have. */
export function canonicalRegistry(registry: string): string {
  return hostOf(registry) === hostOf(DOCKER_HUB) ? DOCKER_HUB : registry;
}

/** Returns the host that serves a registry; for Docker Hub it is not the one in its name. */
export function hostOf(registry: string): string {
  return registry === DOCKER_HUB || registry === 'index.docker.io' ? 'registry-1.docker.io' : registry;
}

/** Returns a URL's host name in lower case, without the brackets of an IPv6 address and without a trailing dot. */
export function hostnameOf(url: URL): string {
  return url.hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
}

/** Whether a host is this machine, judged by its name or address alone: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(hostname: string): boolean {
  if (hostname === 'localhost') return true;
  const address = unmapped(hostname);
  return (isIP(address) === 4 && address.startsWith('127.')) || address === '::1';
}

/** Whether a host is a literal address of this machine, its link (cloud metadata) or a private network. */
export function isPrivateAddress(hostname: string): boolean {
  const address = unmapped(hostname);
  switch (isIP(address)) {
    case 4:
      return /^(0|10|127|169\.254|172\.(1[6-9]|2\d|3[01])|192\.168|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(
        address,
      );
    case 6:
      return address === '::' || address === '::1' || /^(f[cd]|fe[89ab])/.test(address);
    default:
      return false;
  }
}

/**
 * Whether a URL from a registry leads to a private network or this machine although the registry itself is at neither,
 * which a public registry must not do. `privateAddresses` allows private networks, but never this machine or its link.
 */
export function leadsInside(target: URL, registry: URL, privateAddresses = false): boolean {
  const [host, registryHost] = [hostnameOf(target), hostnameOf(registry)];
  const mayBeInside = host === registryHost || isLoopback(registryHost) || isPrivateAddress(registryHost);
  return !mayBeInside && (isLocalAddress(host) || (isPrivateAddress(host) && !privateAddresses));
}

/**
 * Changes a URL from http to https if it names the https host that it came from: a registry behind a proxy that ends
 * TLS does not always know about it. Another port than http's or the host's own is another service, and is left
 * unchanged.
 */
export function upgrade(url: URL, host: URL): void {
  const isOwn = url.hostname === host.hostname && (url.port === '' || url.port === host.port);
  if (url.protocol !== 'http:' || host.protocol !== 'https:' || !isOwn) return;
  url.protocol = host.protocol;
  url.port = host.port;
}

/**
 * Whether a host leads to this machine or its link: literal addresses, and names that always resolve to this machine.
 * (RFC 6761, 6.3)
 */
export function isLocalAddress(hostname: string): boolean {
  const address = unmapped(hostname);
  return (
    isLoopback(address) ||
    hostname.endsWith('.localhost') ||
    /^(0\.|169\.254\.)/.test(address) ||
    /^(::$|fe[89ab])/.test(address)
  );
}

/**
 * Returns the IPv4 address in an IPv6 address: `::ffff:7f00:1` (which is how URL writes ::ffff:127.0.0.1), the older
 * `::7f00:1`, and those of translators, `::ffff:0:7f00:1` and `64:ff9b::7f00:1`. (RFC 4291, 2.5.5; RFC 6052, 2.1)
 */
function unmapped(hostname: string): string {
  const [, high, low] = IPV4_IN_IPV6.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname.replace(/^::ffff:(?=\d+\.)/, '');
  const bits = Number.parseInt(high, 16) * 0x10000 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}

const IPV4_IN_IPV6 = /^(?:::(?:ffff:(?:0:)?)?|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
