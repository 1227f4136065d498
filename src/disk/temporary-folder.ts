import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskError, unlessRefused } from './disk.js';
import { isOwnFolder, removeOwnFolder } from './own-folder.js';
import { hasEnded, nameOfProcess, PROCESS_NAME } from './process-start.js';

/** What only one run needs. */
export interface TemporaryFolder {
  readonly path: string;
  /** Takes it away with all that is in it. */
  remove(): Promise<void>;
}

export interface TemporaryFolderOptions {
  /** Go on with what a process left that was killed, instead of an empty folder; default false. */
  adopts?: boolean | undefined;
}

/**
 * Makes a folder in `parent` (default the system's for temporary files) that only this user can enter. Those that
 * lading left there when it was killed are removed; those of processes that live, or of other machines, never.
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

/** Whose a folder is stands in its name, beside what makes it the only one. */
const NAME = new RegExp(`^\\.lading-(${PROCESS_NAME.source})-\\w{6}$`);

async function ownPrefix(): Promise<string> {
  return `.lading-${await nameOfProcess()}-`;
}

/** Makes the folders in `parent` whose processes are gone this one's, by a rename: of many who want one, one gets it. */
async function claimLeft(parent: string, prefix: string): Promise<string[]> {
  const claimed: string[] = [];
  for (const name of (await unlessRefused(() => readdir(parent))) ?? []) {
    const [, owner] = NAME.exec(name) ?? [];
    if (owner === undefined || !(await hasEnded(owner))) continue;
    const [left, own] = [join(parent, name), `${prefix}${randomBytes(3).toString('hex')}`];
    await unlessRefused(async () => {
      // In the system's folder anybody may make one of this name, to have something of theirs taken up.
      if (!(await isOwnFolder(left))) return;
      await rename(left, own);
      claimed.push(own);
    });
  }
  return claimed;
}
