import { type Daemon, freePort, startDaemon } from './daemon.js';
import { LADING } from './lading-command.js';

/** A registry over a bucket that others serve, too. */
export interface Replica extends Daemon {
  /** `127.0.0.1:PORT`. */
  host: string;
}

/** Starts a replica; it is ready when it says that it reads the bucket. `env` says where that is, and has its key. */
export async function startReplica(
  place: string,
  env: NodeJS.ProcessEnv,
  ...flags: string[]
): Promise<Replica> {
  const host = `127.0.0.1:${await freePort()}`;
  const [command, ...before] = LADING;
  const daemon = await startDaemon(command, [...before, 'serve', place, '--listen', host, ...flags], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
    ready: () => isReady(host),
  });
  return { ...daemon, host };
}

/** Whether a replica, or a balancer before replicas, says that the bucket is read. */
export async function isReady(host: string): Promise<boolean> {
  return fetch(`http://${host}/healthz`).then(
    ({ status }) => status === 200,
    () => false,
  );
}
