import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startDaemon } from './daemon.js';
import { run, succeed } from './run.js';
import { temporaryFolder } from './workplace.js';

export interface Containerd {
  socket: string;
  /** Runs `ctr` in a namespace of containerd; it must succeed. */
  ctr(namespace: string, ...args: string[]): Promise<string>;
}

let running: Promise<Containerd> | undefined;

/** The containerd of this run, started on first use. */
export function startContainerd(): Promise<Containerd> {
  running ??= launch();
  return running;
}

async function launch(): Promise<Containerd> {
  const folder = await temporaryFolder('cd');
  const socket = join(folder, 'c.sock');
  const configFile = join(folder, 'config.toml');
  await writeFile(
    configFile,
    `version = 2
root = "${join(folder, 'root')}"
state = "${join(folder, 'state')}"
disabled_plugins = [${DISABLED.map((plugin) => `"${plugin}"`).join(', ')}]
[grpc]
address = "${socket}"
`,
  );
  const ctr = (...args: string[]) => ['--address', socket, ...args];
  await startDaemon('containerd', ['--config', configFile], {
    ready: async () => (await run('ctr', ctr('version'))).code === 0,
  });
  return {
    socket,
    ctr: (namespace, ...args) => succeed('ctr', ctr('--namespace', namespace, ...args)),
  };
}

/** Plugins that need privileges which a container or a build machine may lack; the `native` snapshotter needs none. */
const DISABLED = [
  'io.containerd.grpc.v1.cri',
  ...['overlayfs', 'btrfs', 'zfs', 'devmapper', 'aufs'].map((name) => `io.containerd.snapshotter.v1.${name}`),
];
