import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Where a fixture lies. One that is missing is an error, so that no test is left out for want of it. */
export function fixturePath(path: string): string {
  const file = `${FOLDER}${path}`;
  if (!existsSync(file)) throw new Error(`the fixture ${file} is missing`);
  return file;
}

/** The bytes of a fixture. */
export function fixture(path: string): Buffer {
  return readFileSync(fixturePath(path));
}

/** A value as the bytes of a JSON document. */
export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
