import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Path → sha256 of each file under a folder, and its directories with a `/`: two trees are the same when these are. */
export async function treeOf(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  const items = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const item of items) {
    const path = join(item.parentPath, item.name);
    const name = relative(folder, path);
    if (item.isDirectory()) tree[`${name}/`] = '';
    else tree[name] = sha256(await readFile(path));
  }
  return Object.fromEntries(Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
