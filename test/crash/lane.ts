import { startRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { createMemoryRepositories } from '../support/memory-repositories.js';
import { isInstalled } from '../support/needs.js';
import { freePort } from '../support/programs/daemon.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { lading } from '../support/programs/lading.js';
import { startThrottlingProxy, type ThrottlingProxy } from '../support/programs/throttling-proxy.js';
import { atEnd, temporaryFolder } from '../support/programs/workplace.js';
import { serve } from '../support/registry-server.js';

/** Slow enough that the kills meet every part of a run. */
export const SLOW = 20_000_000;
const LAYER = 900_000;

/** What one sequence of runs has for itself, so that two can go on side by side. */
export interface Lane {
  /** Before a registry with the images `app:1` (OCI) and `old:1` (Docker's format), which share no layer. */
  source: ThrottlingProxy;
  /** Before an empty registry that takes pushes. */
  destination: ThrottlingProxy;
  /** Before whatever listens on `port`. */
  own: ThrottlingProxy;
  port: number;
  /** Archive with both images. */
  archive: string;
  /** The same in Docker's form, whose layers are plain. */
  plain: string;
  /** Archive with another image, to add to. */
  earlier: string;
}

/** Opens lanes over one source and one destination. */
export async function openLanes(count: number): Promise<Lane[]> {
  const source = await startRegistry();
  atEnd(source.close);
  // One layer is long enough to be continued from its middle.
  await source.put('app:1', await makeImage({ seed: 'crash app', layers: [3 * LAYER, LAYER, 50_000] }));
  await source.put(
    'old:1',
    await makeImage({ seed: 'crash old', layers: [LAYER, 50_000], format: 'docker' }),
  );
  await source.put('before:1', await makeImage({ seed: 'crash before', layers: [LAYER] }));
  const destination = await startDestination();
  const folder = await temporaryFolder('crash-archives');
  const [archive, plain, earlier] = [`${folder}/both.tar`, `${folder}/plain.tar`, `${folder}/earlier.tar`];
  const both = [`${source.name}/app:1`, `${source.name}/old:1`];
  await lading('save', ...both, '-o', archive);
  await lading('save', ...both, '--format', 'docker-archive', '-o', plain);
  await lading('save', `${source.name}/before:1`, '-o', earlier);
  return Promise.all(
    Array.from({ length: count }, async () => {
      const port = await freePort();
      return {
        source: await startThrottlingProxy(source.name),
        destination: await startThrottlingProxy(destination),
        own: await startThrottlingProxy(`127.0.0.1:${port}`),
        ...{ port, archive, plain, earlier },
      };
    }),
  );
}

/** Debian's registry, or our own where it is not installed. */
async function startDestination(): Promise<string> {
  if (isInstalled('docker-registry')) return (await startDockerRegistry()).host;
  const repositories = createMemoryRepositories();
  const { openRepository, listRepositories } = repositories;
  const served = await serve({}, { openRepository, listRepositories, writable: { repositories } });
  atEnd(served.close);
  return served.registry;
}
