import { join } from 'node:path';
import { succeed } from './run.js';
import { temporaryFolder } from './workplace.js';

/** Runs umoci; it must succeed. */
export function umoci(...args: string[]): Promise<string> {
  return succeed('umoci', args);
}

/** Unpacks an image of a layout, and returns the folder of its root file system. */
export async function umociUnpack(layout: string, tag: string): Promise<string> {
  const bundle = join(await temporaryFolder('umoci'), 'bundle');
  await umoci('unpack', '--rootless', '--image', `${layout}:${tag}`, bundle);
  return join(bundle, 'rootfs');
}
