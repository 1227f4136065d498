import { readVersion } from '../version.js';
import { exitAs, watchStandardStreams } from './standard-streams.js';

const streams = watchStandardStreams(process.stdout, process.stderr);
exitAs(streams);
// The version is asked for by scripts and by people in a hurry: it does not wait for the parser to load.
if (process.argv.length === 3 && (process.argv[2] === '--version' || process.argv[2] === '-V')) {
  process.stdout.write(`${readVersion()}\n`);
} else {
  const [{ run }, { setFlagsFromString }] = await Promise.all([import('./run.js'), import('node:v8')]);
  // undici parses HTTP in WebAssembly. V8 soon compiles that anew at its best, which takes 100 ms of processor time and
  // is waited for at the end; only a run of very many requests is worth it.
  setFlagsFromString('--wasm-tiering-budget=2000000000');
  await run(process.argv.slice(2), streams);
}
