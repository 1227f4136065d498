/** Finds which functions the commands call that are waited for most often: those are compiled in the executable. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RECORD = fileURLToPath(new URL('record-functions.cjs', import.meta.url));
const ARCHIVE = 'fixtures/archives/docker20-multi.tar';
const COMMANDS = [['--help'], ['save', '--help'], ['ls', ARCHIVE], ['inspect', ARCHIVE], ['verify', ARCHIVE]];
/** What is not called in each of these runs depends on more than the command. */
const RUNS = 3;

/**
 * Returns the ranges [start, end] of functions by the names of their files, in order. `assets` has the paths of all
 * assets by their names, `node` is the program that runs them, and `folder` takes files for the time of the call.
 */
export async function calledFunctions(folder, assets, node) {
  const list = join(folder, 'assets.json');
  await writeFile(list, JSON.stringify(assets));
  const output = join(folder, 'called.json');
  const all = new Map();
  for (const command of COMMANDS) {
    const times = new Map();
    for (let run = 0; run < RUNS; run++) {
      const env = { PATH: '/usr/bin:/bin', HOME: '/nonexistent' };
      execFileSync(node, ['--predictable', RECORD, list, output, ...command], {
        cwd: ROOT,
        env,
        stdio: 'pipe',
      });
      for (const [name, ranges] of Object.entries(JSON.parse(await readFile(output, 'utf8'))))
        for (const [start, end] of ranges) {
          const key = JSON.stringify([name, start, end]);
          times.set(key, (times.get(key) ?? 0) + 1);
        }
    }
    for (const [key, count] of times) if (count === RUNS) all.set(key, JSON.parse(key));
  }
  const byFile = {};
  const inOrder = [...all.values()].sort((a, b) => compare(a[0], b[0]) || a[1] - b[1] || a[2] - b[2]);
  for (const [name, start, end] of inOrder) {
    byFile[name] ??= [];
    byFile[name].push([start, end]);
  }
  return byFile;
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
