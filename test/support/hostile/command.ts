/** What a command line wrote, and its exit code. */
export interface Told {
  exit: number;
  stdout: string;
  stderr: string;
}

/** Runs a command line in this process, as `main.ts` does, and keeps what it writes. */
export async function runCommand(...args: string[]): Promise<Told> {
  // Like the commands that it loads itself: all of them then have the same classes of errors.
  const { run } = await import('../../../src/cli/run.js');
  const { watchStandardStreams } = await import('../../../src/cli/standard-streams.js');
  const told = { stdout: '', stderr: '' };
  const restore = [keep('stdout'), keep('stderr')];
  const exitCode = process.exitCode;
  try {
    await run(args, watchStandardStreams(process.stdout, process.stderr));
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
