import { isIP } from 'node:net';
import { DOCKER_HUB } from '../content/reference.js';

/** The host that serves a registry: Docker Hub's API is not where its name points. */
export function hostOf(registry: string): string {
  return registry === DOCKER_HUB || registry === 'index.docker.io' ? 'registry-1.docker.io' : registry;
}

/** A URL's host name without the brackets of an IPv6 address and the dot of the root, in lower case. */
export function hostnameOf(url: URL): string {
  return url.hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
}

/** Whether a host is this machine by its name or address alone: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(hostname: string): boolean {
  if (hostname === 'localhost') return true;
  const address = unmapped(hostname);
  return (isIP(address) === 4 && address.startsWith('127.')) || address === '::1';
}

/** Whether a host is an address literal of this machine, its link (cloud metadata) or a private network. */
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
 * Whether an address that a registry names is one of a private network or this machine, where the registry
 * itself is in neither: no business of a registry on the network. Of this machine and its link it stays none, even
 * where the user allows private networks.
 */
export function leadsInside(target: URL, registry: URL, privateAddresses = false): boolean {
  const [host, registryHost] = [hostnameOf(target), hostnameOf(registry)];
  const mayBeInside = host === registryHost || isLoopback(registryHost) || isPrivateAddress(registryHost);
  return !mayBeInside && (isLocalAddress(host) || (isPrivateAddress(host) && !privateAddresses));
}

/**
 * Makes a URL https that names its own https host by http: a registry behind a proxy that ends TLS does not always
 * know of it. Another port than http's or the host's own is another service, and stays as it is.
 */
export function upgrade(url: URL, host: URL): void {
  const isOwn = url.hostname === host.hostname && (url.port === '' || url.port === host.port);
  if (url.protocol !== 'http:' || host.protocol !== 'https:' || !isOwn) return;
  url.protocol = host.protocol;
  url.port = host.port;
}

/**
 * Whether a host reaches this machine or its link, whatever network it stands in: literals, and names that may
 * only be resolved to this machine. (RFC 6761, 6.3)
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
 * `::ffff:7f00:1` (as URL writes ::ffff:127.0.0.1) is the IPv4 address in it, and so are the older `::7f00:1` and what
 * translators take, `::ffff:0:7f00:1` and `64:ff9b::7f00:1`. (RFC 4291, 2.5.5; RFC 6052, 2.1)
 */
function unmapped(hostname: string): string {
  const [, high, low] = IPV4_IN_IPV6.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname.replace(/^::ffff:(?=\d+\.)/, '');
  const bits = Number.parseInt(high, 16) * 0x10000 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}

const IPV4_IN_IPV6 = /^(?:::(?:ffff:(?:0:)?)?|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
