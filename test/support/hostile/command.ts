import { PassThrough } from 'node:stream';

/** The output of a command, and its exit code. */
export interface Told {
  exit: number;
  stdout: string;
  stderr: string;
}

/** Runs a command in this process, as `main.ts` does, and captures its output. */
export async function runCommand(...args: string[]): Promise<Told> {
  // Imported as the commands are, so that all use the same classes of errors.
  const { run } = await import('../../../src/cli/run.js');
  const { watchStandardStreams } = await import('../../../src/cli/standard-streams.js');
  const told = { stdout: '', stderr: '' };
  const restore = [keep('stdout'), keep('stderr')];
  const exitCode = process.exitCode;
  try {
    // Not those of the process: each run would leave a listener on them, and Node.js would warn of that in its output.
    await run(args, watchStandardStreams(new PassThrough(), new PassThrough()));
    return { exit: Number(process.exitCode ?? 0), ...told };
  } finally {
    process.exitCode = exitCode;
    for (const undo of restore) undo();
  }

  function keep(name: 'stdout' | 'stderr'): () => void {
    const stream = process[name];
    const { write } = stream;
    stream.write = (chunk: string | Uint8Array): boolean => {
      told[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      return true;
    };
    return () => {
      stream.write = write;
    };
  }
}
