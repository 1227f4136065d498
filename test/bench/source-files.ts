import { type Dirent, realpathSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export interface SourceFile {
  path: string;
  size: number;
}

/** Where machines have large programs and libraries, those alike on many machines first. */
const FOLDERS = [
  '/usr/lib/jvm',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  dirname(dirname(realpathSync(process.execPath))),
  '/usr/local/go',
  join(homedir(), '.rustup'),
  '/usr/lib',
  '/usr/bin',
  '/usr/share',
];

/** Files smaller than this make an image of many files, whose tar is mostly headers. */
const MIN_BYTES = 4096;

/** Programs and libraries of this machine, in an order that only depends on what is installed. */
export async function* sourceFiles(): AsyncGenerator<SourceFile> {
  const seen = new Set<string>();
  for (const folder of FOLDERS) yield* filesIn(folder, seen);
}

async function* filesIn(folder: string, seen: Set<string>): AsyncGenerator<SourceFile> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (seen.has(path)) continue;
    seen.add(path);
    if (entry.isDirectory()) yield* filesIn(path, seen);
    if (!entry.isFile()) continue;
    const { size, dev, ino } = await stat(path);
    // The second name of a file adds nothing to a tar but a link.
    const identity = `${dev}:${ino}`;
    if (size < MIN_BYTES || seen.has(identity)) continue;
    seen.add(identity);
    yield { path, size };
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES'))
      return [];
    throw error;
  }
}
