import { join } from 'node:path';
import { startContainerd } from './containerd.js';
import { startDaemon } from './daemon.js';
import { run, succeed } from './run.js';
import { temporaryFolder } from './workplace.js';

export interface Dockerd {
  /** `unix://…` */
  endpoint: string;
  /** Runs the `docker` client with this engine; it must succeed. */
  docker(...args: string[]): Promise<string>;
  /** Removes all images, so that a load cannot use content that the engine built itself. */
  forgetImages(): Promise<void>;
}

let running: Promise<Dockerd> | undefined;

/** The Docker engine of this run, started on first use. */
export function startDockerd(): Promise<Dockerd> {
  running ??= launch();
  return running;
}

async function launch(): Promise<Dockerd> {
  const containerd = await startContainerd();
  const folder = await temporaryFolder('dd');
  const endpoint = `unix://${join(folder, 'd.sock')}`;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DOCKER_HOST: endpoint,
    DOCKER_CONFIG: join(folder, 'client'),
    DOCKER_BUILDKIT: '0', // the classic builder needs no containers for COPY
    DOCKER_CLI_HINTS: 'false',
  };
  await startDaemon(
    'dockerd',
    [
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--host', endpoint, '--pidfile', join(folder, 'pid'), '--containerd', containerd.socket],
      // Building with COPY, loading and pushing need no privileges for networks and overlays.
      ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--storage-driver', 'vfs'],
    ],
    { ready: async () => (await run('docker', ['version'], { env, timeout: 10_000 })).code === 0 },
  );
  const docker = (...args: string[]) => succeed('docker', args, { env });
  return {
    endpoint,
    docker,
    forgetImages: async () => {
      const ids = (await docker('images', '--all', '--quiet')).split('\n').filter(Boolean);
      if (ids.length > 0) await docker('rmi', '--force', ...new Set(ids));
    },
  };
}
