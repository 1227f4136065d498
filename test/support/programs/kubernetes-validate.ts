import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Context } from 'mocha';
import { leaveOutAlways } from '../needs.js';
import { run } from './run.js';
import { testCache } from './test-cache.js';

/** The first release that knows every member of the manifests: `backoffLimitPerIndex`, and the sleep before the end. */
export const OLDEST = '1.30';

/**
 * Returns a function that judges manifests by the schemas of Kubernetes, strictly: other members than the schemas have are
 * errors. It resolves with a line for each object. kubernetes-validate has the schemas with it; it is kept in the cache
 * of the tests. Skips the test where PyPI is not at hand.
 */
export async function kubernetesValidate(
  context: Context,
): Promise<(manifests: string, folder: string, version?: string) => Promise<string[]>> {
  context.timeout(300_000);
  const kept = testCache('kubernetes-validate');
  const program = join(kept, 'bin', 'kubernetes-validate');
  if (!existsSync(program)) await install(context, kept);
  return async (manifests, folder, version) => {
    const file = join(folder, 'manifests.yaml');
    await writeFile(file, manifests);
    const release = version === undefined ? [] : ['--kubernetes-version', version];
    // Not its script, whose first line has the path where it was made.
    const python = join(kept, 'bin', 'python');
    const { code, stdout, stderr } = await run(python, [
      '-m',
      'kubernetes_validate',
      '--strict',
      ...release,
      file,
    ]);
    const said = `${stdout}${stderr}`;
    if (code !== 0) throw new Error(`${said}${manifests}`);
    return said.split('\n').filter((line) => line !== '');
  };
}

async function install(context: Context, kept: string): Promise<void> {
  await mkdir(dirname(kept), { recursive: true });
  const made = await mkdtemp(`${kept}.`);
  try {
    for (const [command, ...args] of [
      ['python3', '-m', 'venv', made],
      [join(made, 'bin', 'pip'), 'install', '--quiet', '--retries', '1', 'kubernetes-validate'],
    ] as const) {
      // It rejects where there is no Python.
      const isDone = await run(command, args, { timeout: 240_000 }).then(
        ({ code }) => code === 0,
        () => false,
      );
      if (!isDone) return leaveOutAlways(context, 'kubernetes-validate from PyPI');
    }
    await rename(made, kept);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
