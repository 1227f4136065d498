import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Of root, and of others. (containers/image, pkg/blobinfocache) */
const CACHES = [
  '/var/lib/containers/cache/blob-info-cache-v1.sqlite',
  '/var/lib/containers/cache/blob-info-cache-v1.boltdb',
  join(homedir(), '.local/share/containers/cache'),
];

/** skopeo remembers what it pushed where, and the diffID of each layer that it has decompressed once. */
export async function forgetOfSkopeo(): Promise<void> {
  for (const cache of CACHES) await rm(cache, { recursive: true, force: true });
}
