import { readVersion } from '../program.js';
import { keepCompiledCode } from './compile-cache.js';
import { takeLessMemory } from './memory-flags.js';
import { exitAs, watchStandardStreams } from './standard-streams.js';

/** Identifies the code of the bundle, which defines it. */
declare const LADING_BUILD: string;

start();

async function start(): Promise<void> {
  const streams = watchStandardStreams(process.stdout, process.stderr);
  exitAs(streams);
  // Scripts ask for the version often, so it does not wait for the parser to load.
  if (process.argv.length === 3 && /^(--version|-V|-v|version)$/.test(process.argv[2] ?? '')) {
    process.stdout.write(`${readVersion()}\n`);
    return;
  }
  keepCompiledCode(LADING_BUILD);
  takeLessMemory();
  const { run } = await import('./run.js');
  await run(process.argv.slice(2), streams);
}
