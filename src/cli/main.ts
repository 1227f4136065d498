#!/usr/bin/env node
import { readVersion } from '../version.js';

// The version is asked for by scripts and by people in a hurry: it does not wait for the parser to load.
if (process.argv.length === 3 && (process.argv[2] === '--version' || process.argv[2] === '-V')) {
  process.stdout.write(`${readVersion()}\n`);
} else {
  const { run } = await import('./run.js');
  await run(process.argv.slice(2));
}
