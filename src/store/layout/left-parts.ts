import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listDirectory, onDisk, unlessRefused } from '../../disk/disk.js';
import { ifThere } from '../../disk/own-file.js';
import type { Amount } from '../prune-report.js';
import { INGEST } from './make-layout.js';

export interface LeftParts extends Amount {
  /** Removes them. The caller holds the lock of `ingest`, so that nobody writes them. */
  remove(): Promise<void>;
}

/** Finds the parts of blobs that interrupted saves have left in a layout, and nobody has written to since `latest`. */
export async function leftParts(directory: string, latest: number): Promise<LeftParts> {
  const paths: string[] = [];
  let bytes = 0;
  for (const name of (await listDirectory(join(directory, INGEST))) ?? []) {
    if (!name.endsWith('.part')) continue;
    const path = join(directory, INGEST, name);
    const stats = await onDisk(path, () => ifThere(() => stat(path)));
    if (stats === undefined || !stats.isFile() || stats.mtimeMs >= latest) continue;
    paths.push(path);
    bytes += stats.size;
  }
  return {
    blobs: paths.length,
    bytes,
    async remove() {
      // What another user has left, and only that user can remove, stays.
      for (const path of paths) await unlessRefused(() => rm(path, { force: true }));
    },
  };
}
