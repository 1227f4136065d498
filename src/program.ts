import { readFileSync } from 'node:fs';
import { getAsset, isSea } from 'node:sea';

/** The version of this package. */
export function readVersion(): string {
  const file = embedded('package.json') ?? readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(file) as { version: string }; // our own file
  return version;
}

/** True if Node.js is inside this program, and lading inside Node.js. (Node.js, "Single executable applications") */
export function isSingleExecutable(): boolean {
  return isSea();
}

/**
 * Returns a file that the single executable contains, as text; undefined if lading runs from its package instead, where
 * such files lie beside the program.
 */
export function embedded(name: string): string | undefined {
  return isSea() ? getAsset(name, 'utf8') : undefined;
}
