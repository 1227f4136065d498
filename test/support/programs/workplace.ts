import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Release = () => Promise<void>;

const releases: Release[] = [];
let root: string | undefined;
let folders = 0;

/** Registers cleanup for the end of the run, whether its tests pass or not; it is called in reverse order. */
export function atEnd(release: Release): void {
  releases.push(release);
}

/**
 * Makes a folder that exists until the run ends. Its path works with all tools: it has no `:`, where skopeo and umoci
 * would split it, and no capital letters, because podman uses it as the name of a repository.
 */
export async function temporaryFolder(purpose: string): Promise<string> {
  folders += 1;
  const folder = join(workplace(), `${purpose}-${folders}`);
  await mkdir(folder);
  return folder;
}

/** Returns the file for a program's log, which is kept after a run with failures. */
export async function logFile(program: string): Promise<string> {
  const folder = join(workplace(), LOGS);
  await mkdir(folder, { recursive: true });
  const earlier = (await readdir(folder)).filter((name) => name.startsWith(`${program}.`)).length;
  return join(folder, `${program}.${earlier + 1}.log`);
}

/**
 * Runs all cleanup and removes all files; with `keepLogs`, keeps the logs and returns their folder. All cleanup runs
 * even if some of it fails.
 */
export async function leaveWorkplace(keepLogs: boolean): Promise<string | undefined> {
  const failures: unknown[] = [];
  for (let release = releases.pop(); release; release = releases.pop()) {
    await release().catch((error: unknown) => failures.push(error));
  }
  const left = root;
  root = undefined; // a process of a parallel run makes a new one for its next file
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

/** Made on first use. The path is short and in /tmp, because the path of a socket may have at most 107 bytes. */
function workplace(): string {
  if (root === undefined) {
    root = join(tmpdir(), `lading-interop-${randomBytes(4).toString('hex')}`);
    mkdirSync(root, { mode: 0o700 });
  }
  return root;
}
