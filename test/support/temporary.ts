import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Gives every test of the suite (or the suite as a whole) a folder, which is removed after it; tells paths in it. */
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
