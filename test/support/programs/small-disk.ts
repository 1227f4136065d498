import type { Context } from 'mocha';
import { leaveOut } from '../needs.js';
import { run, succeed } from './run.js';
import { atEnd, temporaryFolder } from './workplace.js';

/** Mounts an empty file system of a few megabytes; skips the test if that is not allowed. */
export async function mountSmallDisk(context: Context, megabytes: number): Promise<string> {
  const folder = await temporaryFolder('disk');
  const { code, stderr } = await run('mount', [
    ...['-t', 'tmpfs', '-o', `size=${megabytes}m`],
    ...['lading-interop', folder],
  ]);
  if (code !== 0) leaveOut(context, 'leave to mount a file system', stderr.trim());
  atEnd(async () => {
    await succeed('umount', [folder]);
  });
  return folder;
}
