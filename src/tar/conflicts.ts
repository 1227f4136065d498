import { cleanPath } from '../disk/files.js';
import type { TarEntry } from './entry.js';
import type { EntryIndex } from './index-of-entries.js';

/**
 * Returns why different tools could read different files from the entries of a tar, as the rest of a sentence ("… is
 * ambiguous: "), or undefined if they could not. A tool that extracts follows links and uses the last entry of a name,
 * one that reads in a single pass uses the first, and file systems fold names. Repeated entries are allowed, because
 * many tools write them; their bytes are compared when they are read.
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

/** Returns pairs of paths that differ only in case. On a case-insensitive file system they are the same file. */
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
    if (first?.kind !== other.kind) return `entries of different kinds have the name ${path}`;
    if (first.kind === 'link' && other.kind === 'link' && first.target !== other.target)
      return `links with different targets have the name ${path}`;
    if (first.kind === 'file' && other.kind === 'file' && first.size !== other.size)
      return `it holds ${path} twice with different bytes`;
  }
  return undefined;
}

/**
 * Finds an entry below a file or a link. Extracting it replaces the file or fails; below a link it is written to the
 * link's target.
 */
function conflictAbove(path: string, index: EntryIndex, folders: Set<string>): string | undefined {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const folder = path.slice(0, slash);
    if (folders.has(folder)) return undefined;
    folders.add(folder);
    const found = index.at(folder).find(({ kind }) => kind !== 'directory');
    if (found !== undefined)
      return `${path} is below ${folder}, which is ${found.kind === 'link' ? 'a link' : 'not a directory'}`;
  }
  return undefined;
}

/** Finds two spellings of one name: Windows reads a backslash as a slash, and macOS composes decomposed characters. */
function conflictOfSpelling(
  path: string,
  index: EntryIndex,
  normalised: Map<string, string>,
): string | undefined {
  if (!/[\\\u0080-\u{10ffff}]/u.test(path)) return undefined;
  const key = cleanPath(path.replaceAll('\\', '/').normalize('NFC'));
  if (key === undefined) return `${path} leads out of the archive if a backslash is read as a slash`;
  const other = key !== path && index.at(key).length > 0 ? key : normalised.get(key);
  normalised.set(key, path);
  return other === undefined ? undefined : `some tools read ${path} and ${other} as the same name`;
}
