import fs from 'fs-extra';
import { LadingError } from '../errors.js';
import { openArchive } from './archive.js';
import { openLayout } from './layout.js';
import type { LayoutReader } from './layout-reader.js';

/** Opens what is at a path to read: a layout directory or an archive. Rejects with `NOT_FOUND` when nothing is there. */
export async function openPath(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<LayoutReader> {
  if (!(await fs.pathExists(path))) throw new LadingError('NOT_FOUND', `${path} does not exist`);
  const stats = await fs.stat(path);
  if (stats.isDirectory()) return openLayout(path);
  if (stats.isFile()) return openArchive(path, options);
  throw new LadingError('UNSUPPORTED', `${path} is neither a directory nor a file`);
}
