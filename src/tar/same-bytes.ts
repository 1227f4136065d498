import type { FileHandle } from 'node:fs/promises';
import type { Region } from '../disk/region.js';
import { readRegion } from '../disk/region.js';

const STEP = 256 * 1024;

/** True if two regions of a file hold the same bytes. It reads them in steps, so they may be large. */
export async function sameBytes(handle: FileHandle, a: Region, b: Region): Promise<boolean> {
  if (a.size !== b.size) return false;
  for (let done = 0; done < a.size; done += STEP) {
    const size = Math.min(STEP, a.size - done);
    const [left, right] = await Promise.all([
      readRegion(handle, { path: a.path, offset: a.offset + done, size }),
      readRegion(handle, { path: b.path, offset: b.offset + done, size }),
    ]);
    if (!left.equals(right)) return false;
  }
  return true;
}
