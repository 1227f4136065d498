import { cleanPath } from '../disk/files.js';
import type { TarEntry } from './entry.js';
import type { EntryIndex } from './index-of-entries.js';

/**
 * Why the entries of a tar can stand for different files to different readers, as the rest of a sentence; undefined
 * when they cannot. A reader that extracts follows links and lets the last entry win, one that reads in a single pass
 * takes the first, and file systems fold names. Entries that repeat each other are what many writers make; whether
 * their bytes are equal is compared when they are read.
 */
export function conflictIn(index: EntryIndex): string | undefined {
  const folders = new Set<string>();
  const normalised = new Map<string, string>();
  for (const path of index.paths()) {
    const problem =
      conflictAmong(path, index.at(path)) ??
      conflictAbove(path, index, folders) ??
      conflictOfSpelling(path, index, normalised);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Names that differ in case only: one file where the file system folds case, two for everybody else. */
export function namesThatDifferInCase(paths: Iterable<string>): [string, string][] {
  const folded = new Map<string, string>();
  const pairs: [string, string][] = [];
  for (const path of paths) {
    const key = path.toUpperCase();
    const other = folded.get(key);
    if (other === undefined) folded.set(key, path);
    else pairs.push([other, path]);
  }
  return pairs;
}

function conflictAmong(path: string, [first, ...others]: readonly TarEntry[]): string | undefined {
  for (const other of others) {
    if (first?.kind !== other.kind) return `${path} is named by entries of different kinds`;
    if (first.kind === 'link' && other.kind === 'link' && first.target !== other.target)
      return `${path} is a link that the archive names again with another target`;
    if (first.kind === 'file' && other.kind === 'file' && first.size !== other.size)
      return `it holds ${path} twice with different bytes`;
  }
  return undefined;
}

/** An entry beneath a file replaces it or fails; one beneath a link is written where the link leads. */
function conflictAbove(path: string, index: EntryIndex, folders: Set<string>): string | undefined {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const folder = path.slice(0, slash);
    if (folders.has(folder)) return undefined;
    folders.add(folder);
    const found = index.at(folder).find(({ kind }) => kind !== 'directory');
    if (found !== undefined)
      return `${path} lies beneath ${folder}, which is ${found.kind === 'link' ? 'a link' : 'not a directory'}`;
  }
  return undefined;
}

/** Windows takes a backslash for a slash, and macOS composed characters for decomposed ones. */
function conflictOfSpelling(
  path: string,
  index: EntryIndex,
  normalised: Map<string, string>,
): string | undefined {
  if (!/[\\\u0080-\u{10ffff}]/u.test(path)) return undefined;
  const key = cleanPath(path.replaceAll('\\', '/').normalize('NFC'));
  if (key === undefined) return `${path} leads out of the archive where a backslash is a slash`;
  const other = key !== path && index.at(key).length > 0 ? key : normalised.get(key);
  normalised.set(key, path);
  return other === undefined ? undefined : `${path} and ${other} are one name to some readers`;
}
