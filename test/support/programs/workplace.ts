import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Release = () => Promise<void>;

const releases: Release[] = [];
let root: string | undefined;
let folders = 0;

/** Registers what must be undone when the run ends, whether its tests passed or not; the last one goes first. */
export function atEnd(release: Release): void {
  releases.push(release);
}

/**
 * A new empty folder that lives until the run ends. Its path is for every tool: no `:`, at which skopeo and
 * umoci split, and lower case, because podman makes a repository's name of it.
 */
export async function temporaryFolder(purpose: string): Promise<string> {
  folders += 1;
  const folder = join(workplace(), `${purpose}-${folders}`);
  await mkdir(folder);
  return folder;
}

/** Where a program's log goes; kept after a run with failures. */
export async function logFile(program: string): Promise<string> {
  const folder = join(workplace(), LOGS);
  await mkdir(folder, { recursive: true });
  const earlier = (await readdir(folder)).filter((name) => name.startsWith(`${program}.`)).length;
  return join(folder, `${program}.${earlier + 1}.log`);
}

/**
 * Undoes everything and removes all files, but for the logs when `keepLogs`; then returns their folder.
 * One failing release does not keep the others from running.
 */
export async function leaveWorkplace(keepLogs: boolean): Promise<string | undefined> {
  const failures: unknown[] = [];
  for (let release = releases.pop(); release; release = releases.pop()) {
    await release().catch((error: unknown) => failures.push(error));
  }
  const left = root;
  root = undefined; // a process of a parallel run makes another one for its next file
  if (left !== undefined) {
    for (const name of await readdir(left)) {
      if (!(keepLogs && name === LOGS)) await rm(join(left, name), { recursive: true, force: true });
    }
    if (!keepLogs) await rm(left, { recursive: true, force: true });
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not everything could be stopped');
  return keepLogs && left !== undefined ? join(left, LOGS) : undefined;
}

const LOGS = 'logs';

/** Made at first need. Under /tmp and short: a socket's path may have 107 bytes at most. */
function workplace(): string {
  if (root === undefined) {
    root = join(tmpdir(), `lading-interop-${randomBytes(4).toString('hex')}`);
    mkdirSync(root, { mode: 0o700 });
  }
  return root;
}
