import { execFileSync } from 'node:child_process';
import { chown, lchown, link, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** The ID of a user who shares a folder with the one who runs the tests; it belongs to no account. */
export const MALLORY = 4711;

/** Functions that put something at a path that lading is going to use, by description. */
export const PLANTS: Record<string, (path: string, victim: string) => Promise<unknown>> = {
  'a link to a file': (path, victim) => symlink(victim, path),
  'a link that leads nowhere': (path, victim) => symlink(`${victim}-not-there`, path),
  'a hard link': (path, victim) => link(victim, path),
  'a pipe that nobody reads or writes': async (path) => execFileSync('mkfifo', [path]),
  'a socket': (path, victim) => leaveSocket(path, `${victim}.s`),
  'a folder': (path) => mkdir(path),
};

/** Makes a file of another user; needs root. */
export async function plantFile(path: string, content: string | Buffer, mode = 0o666): Promise<void> {
  await writeFile(path, content, { mode });
  await chown(path, MALLORY, MALLORY);
}

/** Makes a link of another user; needs root. */
export async function plantLink(path: string, target: string): Promise<void> {
  await symlink(target, path);
  await lchown(path, MALLORY, MALLORY);
}

/**
 * Makes a socket, as a killed server leaves it. It is created at a short path, which may have at most 107 bytes.
 * (unix(7))
 */
async function leaveSocket(path: string, short: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(short, resolve));
  await rename(short, path);
  await new Promise((resolve) => server.close(resolve));
}
