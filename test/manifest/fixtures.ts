import { existsSync, readFileSync } from 'node:fs';

/** Ours, and those of other projects, which are not copied and may be absent. */
const FOLDERS = ['../../fixtures/', '../../../shared/fixtures/'].map(
  (path) => new URL(path, import.meta.url),
);

/** A fixture's bytes; skips the test where it is not at hand. */
export function fixture(test: Mocha.Context, path: string): Buffer {
  const url = FOLDERS.map((folder) => new URL(path, folder)).find((candidate) => existsSync(candidate));
  if (url === undefined) return test.skip();
  return readFileSync(url);
}

/** A value as a document's bytes. */
export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
