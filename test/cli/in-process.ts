import { Writable } from 'node:stream';
import type { Outcome } from '../support/programs/run.js';
import { runLading } from './program.js';

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command line in this process, as `runLading` does in one of its own, whose start would take most of the time.
 * For tests of what many lines do; how the program starts, is interrupted and reads its input needs a process. Lines
 * run one after the other, because each has the environment of the process to itself.
 */
export function runInProcess(args: readonly string[], { env = {} } = {}): Promise<Outcome> {
  // The executable is what is to be tested then, and it cannot be loaded.
  if (process.env.LADING_BIN) return runLading(args, { env });
  const outcome = last.then(() => runAlone(args, env));
  last = outcome.catch(() => undefined);
  return outcome;
}

async function runAlone(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  // Mocha requires the tests, and a command is imported when it runs: classes of errors are the same ones only if the
  // rest of the program is imported, too.
  const { run } = await import('../../src/cli/run.js');
  const { watchStandardStreams } = await import('../../src/cli/standard-streams.js');
  const before = process.env;
  process.env = { PATH: before.PATH, HOME: '/nonexistent', ...env };
  const [stdout, stderr] = [new Gathered(), new Gathered()];
  try {
    const code = await run([...args], watchStandardStreams(stdout, stderr), { stdout, stderr });
    return { code, stdout: stdout.text, stderr: stderr.text };
  } finally {
    process.env = before;
  }
}

/** A stream that keeps what is written, as a pipe would pass it on. */
class Gathered extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _: BufferEncoding, callback: () => void): void {
    this.#chunks.push(chunk);
    callback();
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}
