import { networkInterfaces } from 'node:os';
import type { Serving } from '../index.js';
import { plural } from './format.js';
import type { Output } from './output.js';
import { registryOf } from './serve-config.js';
import { isEveryAddress, isLoopback } from './serve-flags.js';

/** What a server says about itself when it starts. */
export type Started = Pick<Serving, 'host' | 'port' | 'scheme' | 'repositories' | 'images'>;

/** Says on standard error what is served, how it is pulled, and from where: what a person does next. */
export function welcome(started: Started, output: Output, addresses = ownAddresses()): void {
  const { host, port, scheme, repositories, images } = started;
  const shared = isEveryAddress(host) ? addresses.map((address) => registryOf({ host: address, port })) : [];
  output.message(
    `serving ${plural(images.length, 'image')} in ${plural(repositories.length, 'repository', 'repositories')}`,
  );
  const [example] = images;
  const registry = shared[0] ?? registryOf({ host: isEveryAddress(host) ? '127.0.0.1' : host, port });
  if (example !== undefined) output.message(`for example: docker pull ${registry}/${example}`);
  if (shared.length > 0)
    output.message(`from other machines: ${shared.map((at) => `${scheme}://${at}`).join(', ')}`);
  else if (isLoopback(host))
    output.message(`from this machine only: --listen 0.0.0.0:${port} opens it to others`);
}

/** Returns the addresses of this machine that others may reach, IPv4 first, without those of a single link. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all
    .filter(({ internal, address }) => !internal && !/^fe80:/i.test(address))
    .sort((one, other) => one.family.localeCompare(other.family))
    .map(({ address }) => address);
}
