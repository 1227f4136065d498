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
  const args = process.argv.slice(2);
  // Scripts ask for the version often, so it does not wait for the parser to load.
  if (/^((--)?version|-[Vv])$/.test(args.join())) {
    process.stdout.write(`${readVersion()}\n`);
    return;
  }
  keepCompiledCode(LADING_BUILD);
  takeLessMemory();
  const program = await import('./run.js').catch(() => import('./nowhere.js'));
  await program.run(args, streams);
}
