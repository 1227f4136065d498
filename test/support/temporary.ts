import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Gives every test of the suite a folder of its own, which is removed after it; tells paths in it. */
export function useFolder(): (name?: string) => string {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  return (name = '') => (name.endsWith('/') ? `${join(folder, name)}` : join(folder, name));
}
