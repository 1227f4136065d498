import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { goEnvironment, hasGo } from '../support/programs/go.js';
import { run, succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import type { Reading } from './readings.js';

const FOLDER = fileURLToPath(new URL('readers/', import.meta.url));

/** A program that is given the path of an archive in a line, and answers with a line of readings. */
export class Reader {
  readonly #program: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#program = spawn(command, args);
    this.#program.stderr.pipe(process.stderr);
    this.#answers = createInterface({ input: this.#program.stdout })[Symbol.asyncIterator]();
  }

  async read(path: string): Promise<Reading[]> {
    this.#program.stdin.write(`${path}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the reader ended at ${path}`);
    return JSON.parse(value);
  }

  async close(): Promise<void> {
    this.#program.stdin.end();
    if (this.#program.exitCode === null) await once(this.#program, 'exit');
  }
}

/** The readers in Go; undefined where there is no Go. */
export async function startGoReader(): Promise<Reader | undefined> {
  if (!(await hasGo())) return undefined;
  const program = join(await temporaryFolder('readers'), 'readers');
  await succeed('go', ['build', '-o', program, '.'], {
    cwd: FOLDER,
    env: goEnvironment({ GOFLAGS: '-mod=mod' }),
  });
  return new Reader(program, []);
}

/** The readers in Python; undefined where there is no Python. */
export async function startPythonReader(): Promise<Reader | undefined> {
  const version = await run('python3', ['--version']).catch(() => undefined);
  return version?.code === 0 ? new Reader('python3', [join(FOLDER, 'reader.py')]) : undefined;
}
