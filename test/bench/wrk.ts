import { fileURLToPath } from 'node:url';
import { run } from '../support/programs/run.js';

/** What a server has given to all clients together. */
export interface Throughput {
  seconds: number;
  requests: number;
  /** Of the answers, their heads included. */
  bytes: number;
}

export const CLIENTS = 64;
const THREADS = 2;
const SCRIPT = fileURLToPath(new URL('./wrk.lua', import.meta.url));
/** Longer than all clients together need for one large blob each. */
const TIMEOUT_SECONDS = 120;

/** The version of wrk, or undefined when it is not installed. */
export async function wrkVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await run('wrk', ['--version']); // exits with 1, whatever it is asked
    return /\d+\.\d+\S*/.exec(stdout)?.[0] ?? 'of unknown version';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Has `CLIENTS` ask for the same again and again; every answer has to be a good one. */
export async function throughputOf(url: string, accept: string, seconds: number): Promise<Throughput> {
  const { code, stdout, stderr } = await run('wrk', [
    ...['--threads', `${THREADS}`, '--connections', `${CLIENTS}`, '--duration', `${seconds}s`],
    ...['--timeout', `${TIMEOUT_SECONDS}s`, '--script', SCRIPT, '--header', `Accept: ${accept}`],
    url,
  ]);
  const line = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (code !== 0 || !line.startsWith('{')) throw new Error(`wrk ${url}: exit ${code}\n${stderr}${stdout}`);
  // Written by the script beside this file.
  const done = JSON.parse(line) as { microseconds: number; requests: number; bytes: number; failed: number };
  if (done.failed > 0) throw new Error(`wrk ${url}: ${done.failed} requests failed\n${stdout}`);
  return { seconds: done.microseconds / 1e6, requests: done.requests, bytes: done.bytes };
}
