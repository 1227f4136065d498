import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Makes a folder for each test of the suite (or for the whole suite), removes it afterwards, and returns paths in it.
 */
export function useFolder(of: 'each test' | 'the suite' = 'each test'): (name?: string) => string {
  let folder = '';
  const [begin, end] = of === 'each test' ? [beforeEach, afterEach] : [before, after];
  begin(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-test-'));
  });
  end(async () => {
    await rm(folder, { recursive: true, force: true });
    folder = '';
  });
  return (name = '') => {
    if (folder === '')
      throw new Error(`the folder is not there yet: useFolder('the suite') is there in before()`);
    return join(folder, name);
  };
}
