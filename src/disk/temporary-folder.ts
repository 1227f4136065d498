import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskError, unlessRefused } from './disk.js';
import { isOwnFolder, removeOwnFolder } from './own-folder.js';
import { hasEnded, nameOfProcess, PROCESS_NAME } from './process-start.js';

/** A folder of temporary files that a single run needs. */
export interface TemporaryFolder {
  readonly path: string;
  /** Removes the folder with all its contents. */
  remove(): Promise<void>;
}

export interface TemporaryFolderOptions {
  /** Reuse the folder of a process that was killed, with its contents, instead of an empty one; default false. */
  adopts?: boolean | undefined;
}

/**
 * Creates a folder in `parent` (default: the system's folder for temporary files) that only this user can enter.
 * Removes the folders there whose process was killed, but never those of running processes or of other machines.
 */
export async function makeTemporaryFolder(
  parent = tmpdir(),
  { adopts = false }: TemporaryFolderOptions = {},
): Promise<TemporaryFolder> {
  const prefix = join(parent, await ownPrefix());
  const left = await claimLeft(parent, prefix);
  const adopted = adopts ? left.pop() : undefined;
  for (const path of left) await unlessRefused(() => removeOwnFolder(path));
  try {
    const path = adopted ?? (await mkdtemp(prefix));
    return { path, remove: () => removeOwnFolder(path) };
  } catch (error) {
    throw diskError(error, prefix);
  }
}

/** The name of a folder contains its process and a random suffix. */
const NAME = new RegExp(`^\\.lading-(${PROCESS_NAME.source})-\\w{6}$`);

async function ownPrefix(): Promise<string> {
  return `.lading-${await nameOfProcess()}-`;
}

/**
 * Renames the folders in `parent` whose processes have ended so that they belong to this process, and returns them. The
 * rename makes sure that only one process gets each.
 */
async function claimLeft(parent: string, prefix: string): Promise<string[]> {
  const claimed: string[] = [];
  for (const name of (await unlessRefused(() => readdir(parent))) ?? []) {
    const [, owner] = NAME.exec(name) ?? [];
    if (owner === undefined || !(await hasEnded(owner))) continue;
    const [left, own] = [join(parent, name), `${prefix}${randomBytes(3).toString('hex')}`];
    await unlessRefused(async () => {
      // Anybody can create a folder with such a name in the system's temporary folder, to plant its contents.
      if (!(await isOwnFolder(left))) return;
      await rename(left, own);
      claimed.push(own);
    });
  }
  return claimed;
}
