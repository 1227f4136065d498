import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'mocha';
import type { BucketService } from './bucket-service.js';
import { freePort, startDaemon } from './daemon.js';
import { peer } from './peers.js';
import { temporaryFolder } from './workplace.js';

export const KEY = { AWS_ACCESS_KEY_ID: 'interop', AWS_SECRET_ACCESS_KEY: 'interop-secret' };

/** A service of buckets in a folder: an object is a file whose path is its key. */
export interface Versitygw extends BucketService {
  /** `http://127.0.0.1:PORT` of each process. */
  endpoints: readonly string[];
  /** The folder of the bucket `images`. */
  bucket: string;
  /** Stops one of the processes. */
  stopOne(place: number): Promise<void>;
  /** Lets one of the processes hang: it takes connections, and answers nothing. */
  pauseOne(place: number): void;
  resumeOne(place: number): void;
}

/** Starts processes that serve the same bucket, as a service of several machines does. */
export async function startVersitygw(context: Context, processes = 2): Promise<Versitygw> {
  const { program } = await peer(context, 'versitygw');
  return startProcesses(program, processes);
}

/** The same with a program that is there. */
export async function startProcesses(program: string, processes: number): Promise<Versitygw> {
  const root = await temporaryFolder('buckets');
  const bucket = join(root, 'images');
  await mkdir(bucket);
  const { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret } = KEY;
  const daemons = await Promise.all(
    Array.from({ length: processes }, async () => {
      const host = `127.0.0.1:${await freePort()}`;
      const flags = ['--port', host, '--access', access, '--secret', secret, '--keep-alive', '--quiet'];
      const ready = () =>
        fetch(`http://${host}/`).then(
          () => true,
          () => false,
        );
      const daemon = await startDaemon(program, [...flags, 'posix', root], { ready });
      return { endpoint: `http://${host}`, pid: daemon.pid, stop: daemon.stop };
    }),
  );
  const signal = (place: number, name: NodeJS.Signals): void => {
    const daemon = daemons[place];
    if (daemon !== undefined) process.kill(daemon.pid, name);
  };
  const endpoints = daemons.map(({ endpoint }) => endpoint);
  return {
    endpoints,
    bucket,
    environment: (place = 0) => ({
      ...KEY,
      AWS_ENDPOINT_URL_S3: endpoints[place % endpoints.length] ?? '',
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
    async stopOne(place) {
      await daemons[place]?.stop();
    },
    pauseOne: (place) => signal(place, 'SIGSTOP'),
    resumeOne: (place) => signal(place, 'SIGCONT'),
    async stop() {
      await Promise.all(daemons.map(({ stop }) => stop()));
    },
  };
}
