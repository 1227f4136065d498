import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Ours, and those of other projects, which are not copied and may be absent. */
const FOLDERS = ['../../fixtures/', '../../../shared/fixtures/'].map(
  (path) => new URL(path, import.meta.url),
);

/** Where a fixture lies; skips the test where it is not at hand. */
export function fixturePath(test: Mocha.Context, path: string): string {
  const found = FOLDERS.map((folder) => fileURLToPath(new URL(path, folder))).find(existsSync);
  return found ?? test.skip();
}
