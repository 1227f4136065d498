import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { systemCode } from '../errors.js';

/**
 * Returns the folder of files that lading can do without, or undefined if the user has no home. (XDG Base Directory
 * Specification)
 */
export function cacheDirectory(): string | undefined {
  const { XDG_CACHE_HOME: place = '' } = process.env;
  if (isAbsolute(place)) return join(place, 'lading');
  try {
    const home = homedir();
    // Some users have a home that is not there, such as /nonexistent: nobody creates it for a cache.
    return existsSync(home) ? join(home, '.cache', 'lading') : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
