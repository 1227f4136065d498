import { join } from 'node:path';
import { succeed } from './run.js';
import { temporaryFolder } from './workplace.js';

/** Runs podman with the image store of this run; it must succeed. */
export async function podman(...args: string[]): Promise<string> {
  return succeed('podman', [...(await storageFlags('podman')), ...args]);
}

/** Runs buildah with an image store of its own, so that podman's is empty; it must succeed. */
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
