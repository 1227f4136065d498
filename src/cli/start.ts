import { readVersion } from '../version.js';
import { exitAs, watchStandardStreams } from './standard-streams.js';

const streams = watchStandardStreams(process.stdout, process.stderr);
exitAs(streams);
// Scripts ask for the version often, so it does not wait for the parser to load.
if (process.argv.length === 3 && /^(--version|-V|-v|version)$/.test(process.argv[2] ?? '')) {
  process.stdout.write(`${readVersion()}\n`);
} else {
  const [{ run }, { setFlagsFromString }] = await Promise.all([import('./run.js'), import('node:v8')]);
  // undici parses HTTP in WebAssembly. V8 would optimize that code after some hundred requests, which takes 100 ms of
  // processor time and 37 MiB of memory, and pays off only after very many more. (A budget is no help: one loop of the
  // parser uses up the largest that V8 accepts.)
  for (const flag of ['--no-wasm-dynamic-tiering', '--no-wasm-tier-up']) setFlagsFromString(flag);
  await run(process.argv.slice(2), streams);
}
