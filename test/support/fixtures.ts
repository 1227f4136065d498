import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Returns the path of a fixture. Throws if it is missing, so that no test is skipped because of it. */
export function fixturePath(path: string): string {
  const file = `${FOLDER}${path}`;
  if (!existsSync(file)) throw new Error(`the fixture ${file} is missing`);
  return file;
}

/** Returns the bytes of a fixture. */
export function fixture(path: string): Buffer {
  return readFileSync(fixturePath(path));
}

/** Returns a value as the bytes of a JSON document. */
export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
