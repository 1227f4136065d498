import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { pythonWith } from './python.js';
import { run } from './run.js';

/** The first release that knows every member of the manifests: `backoffLimitPerIndex`, and the sleep before the end. */
export const OLDEST = '1.30';

/**
 * Returns a function that judges manifests by the schemas of Kubernetes, strictly: other members than the schemas have are
 * errors. It resolves with a line for each object. kubernetes-validate has the schemas with it. Skips the test where PyPI
 * is not at hand.
 */
export async function kubernetesValidate(
  context: Context,
): Promise<(manifests: string, folder: string, version?: string) => Promise<string[]>> {
  const python = await pythonWith(context, 'kubernetes-validate');
  return async (manifests, folder, version) => {
    const file = join(folder, 'manifests.yaml');
    await writeFile(file, manifests);
    const release = version === undefined ? [] : ['--kubernetes-version', version];
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
