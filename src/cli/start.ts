import { readVersion } from '../version.js';
import { exitAs, watchStandardStreams } from './standard-streams.js';

const streams = watchStandardStreams(process.stdout, process.stderr);
exitAs(streams);
// Scripts ask for the version often, so it does not wait for the parser to load.
if (process.argv.length === 3 && /^(--version|-V|-v|version)$/.test(process.argv[2] ?? '')) {
  process.stdout.write(`${readVersion()}\n`);
} else {
  const [{ run }, { setFlagsFromString }] = await Promise.all([import('./run.js'), import('node:v8')]);
  // undici parses HTTP in WebAssembly. V8 would soon optimize that code, which takes 100 ms of processor time that the
  // process waits for when it exits; this pays off only after very many requests.
  setFlagsFromString('--wasm-tiering-budget=2000000000');
  await run(process.argv.slice(2), streams);
}
