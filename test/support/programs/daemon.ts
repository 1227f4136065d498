import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd, logFile } from './workplace.js';

export interface Daemon {
  /** The process ID of the program itself. */
  pid: number;
  /** Stops the program and waits for its end; may be called twice. */
  stop(): Promise<void>;
}

export interface DaemonOptions {
  env?: NodeJS.ProcessEnv;
  /** Called repeatedly until it returns true. */
  ready: () => Promise<boolean>;
  /** Milliseconds until the program must be ready. Default 60 seconds. */
  timeout?: number;
}

/** What is still running; it ends with this process, however that ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a daemon, waits until it is ready, and stops it when the run ends, if not before. */
export async function startDaemon(
  command: string,
  args: readonly string[],
  options: DaemonOptions,
): Promise<Daemon> {
  const { env = process.env, ready, timeout = 60_000 } = options;
  const log = await logFile(basename(command));
  const logFD = openSync(log, 'a');
  const child = spawn(command, args, { env, stdio: ['ignore', logFD, logFD] });
  closeSync(logFD);
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  running.add(child);

  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= end(child, ended).finally(() => running.delete(child));
    return stopping;
  };
  atEnd(stop);

  const deadline = Date.now() + timeout;
  while (!(await ready())) {
    if (child.exitCode !== null || child.pid === undefined || Date.now() > deadline) {
      await stop();
      const tail = (await readFile(log, 'utf8')).split('\n').slice(-15).join('\n');
      throw new Error(`${command} did not become ready; its log ends:\n${tail}`);
    }
    await delay(50);
  }
  if (child.pid === undefined) throw new Error(`${command} did not start`);
  return { pid: child.pid, stop };
}

/** Returns a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const patience = new AbortController();
  const insist = delay(10_000, undefined, { signal: patience.signal, ref: false }).then(
    () => child.kill('SIGKILL'),
    () => false,
  );
  await ended;
  patience.abort();
  await insist;
}
