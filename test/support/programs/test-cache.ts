import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder for files that tests download or make once for later runs, in the user's cache. */
export function testCache(...path: string[]): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lading-tests', ...path);
}
