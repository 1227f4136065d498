import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where lading keeps what it can do without. (XDG Base Directory Specification) */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lading');
}
