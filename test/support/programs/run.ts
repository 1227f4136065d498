import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface RunOptions {
  /** The whole environment, which replaces that of the tests. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** The user to run it as; needs root. Default the user of the tests. */
  user?: { uid: number; gid: number } | undefined;
  /** The standard input; default empty. */
  stdin?: string;
  /** A file to read from instead of `stdin`. */
  stdinFile?: string;
  /** A file that gets standard output instead of `stdout`. */
  stdoutFile?: string;
  /** Called with each line of standard error as soon as it is written. */
  onStderrLine?: (line: string) => void;
  /** Milliseconds after which the program is killed and the run rejects. Default 5 minutes. */
  timeout?: number;
}

export interface Outcome {
  /** The exit code, or -1 when a signal ended the program. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

/** Runs a program; rejects only if it cannot be started or takes too long. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return start(command, args, options).outcome;
}

/** Runs a program, which must succeed, and returns its standard output without the last line end. */
export async function succeed(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const outcome = await run(command, args, options);
  if (outcome.code !== 0) {
    throw new Error(
      `${command} ${args.join(' ')}: exit ${outcome.code}\n${outcome.stderr}${outcome.stdout}`.trimEnd(),
    );
  }
  return outcome.stdout.replace(/\n$/, '');
}

/** Starts a program, for callers that act before it ends. */
export function start(command: string, args: readonly string[], options: RunOptions = {}): Running {
  const {
    env = process.env,
    cwd,
    user,
    stdin = '',
    stdinFile,
    stdoutFile,
    onStderrLine,
    timeout = 300_000,
  } = options;
  const stdoutFD = stdoutFile === undefined ? undefined : openSync(stdoutFile, 'w');
  const stdinFD = stdinFile === undefined ? undefined : openSync(stdinFile, 'r');
  const child = spawn(command, args, {
    env,
    cwd,
    ...user,
    stdio: [stdinFD ?? 'pipe', stdoutFD ?? 'pipe', 'pipe'],
  });
  if (stdinFD !== undefined) closeSync(stdinFD);
  if (stdoutFD !== undefined) closeSync(stdoutFD);
  // A program that does not read its input closes it early; its exit code shows whether that is a failure.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(stdin);
  const title = `${command} ${args.join(' ')}`;
  return { process: child, outcome: outcomeOf(child, title, timeout, onStderrLine) };
}

async function outcomeOf(
  child: ChildProcess,
  title: string,
  timeout: number,
  onStderrLine: RunOptions['onStderrLine'],
): Promise<Outcome> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeout);
  try {
    const exit = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? -1));
    });
    const [code, stdout, stderr] = await Promise.all([
      exit,
      child.stdout ? text(child.stdout) : '',
      child.stderr ? linesOf(child.stderr, onStderrLine) : '',
    ]);
    if (late) throw new Error(`${title}: not done after ${timeout} ms\n${stderr}`);
    return { code, stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}

async function linesOf(stream: Readable, onLine: RunOptions['onStderrLine']): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stream })) {
    lines.push(`${line}\n`);
    onLine?.(line);
  }
  return lines.join('');
}
