import { readFileSync } from 'node:fs';
import { embedded } from './executable.js';

/** The version of this package. */
export function readVersion(): string {
  const file = embedded('package.json') ?? readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(file) as { version: string }; // our own file
  return version;
}
