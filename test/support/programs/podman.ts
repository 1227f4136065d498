import { join } from 'node:path';
import { succeed } from './run.js';
import { temporaryFolder } from './workplace.js';

/** Runs podman on the image store of this run; it has to succeed. */
export async function podman(...args: string[]): Promise<string> {
  return succeed('podman', [...(await storageFlags('podman')), ...args]);
}

/** Runs buildah on its own image store, so that podman starts empty; it has to succeed. */
export async function buildah(...args: string[]): Promise<string> {
  return succeed('buildah', [...(await storageFlags('buildah')), ...args]);
}

const folders = new Map<string, Promise<string>>();

async function storageFlags(program: string): Promise<string[]> {
  const folder = folders.get(program) ?? temporaryFolder(program);
  folders.set(program, folder);
  const root = await folder;
  return ['--root', join(root, 'root'), '--runroot', join(root, 'run'), '--storage-driver', 'vfs'];
}
