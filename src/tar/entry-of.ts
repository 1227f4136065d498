import { cleanPath } from '../files.js';
import type { TarEntry } from './entry.js';
import { HeaderProblem, type TarHeader } from './header.js';
import { hardLinkTarget, symbolicLinkTarget } from './links.js';

/** What GNU and pax extensions say about the entry that follows them. */
export interface Extensions {
  path?: string;
  linkPath?: string;
  size?: number;
  /** The entry is one of pax's sparse forms: what is stored is a map of the file, not the file. */
  sparse?: boolean;
}

export const MAX_NAME_BYTES = 4096;

// Entries of these types have no body, whatever size their header states: archive/tar of Go, and so Docker,
// ignores it, and GNU tar does for hard links.
const BODYLESS = new Set(['1', '2', '3', '4', '5', '6']);

/** Length of the body that follows the header. */
export function bodySize(header: TarHeader, extensions: Extensions): number {
  return BODYLESS.has(header.type) ? 0 : (extensions.size ?? header.size);
}

/**
 * The entry that a header and its extensions describe; undefined for the root directory itself. `start` is where
 * the first of them stands, `offset` where the body does.
 */
export function entryOf(
  header: TarHeader,
  extensions: Extensions,
  { start, offset }: { start: number; offset: number },
): TarEntry | undefined {
  const name = extensions.path ?? header.name;
  const path = checkedPath(name);
  const size = bodySize(header, extensions);
  const isDirectory = header.type === '5' || (header.type === '0' && name.endsWith('/') && size === 0);
  if (isDirectory) return path === '' ? undefined : { kind: 'directory', path };
  if (path === '') throw new HeaderProblem('an entry that is not a directory has no name');
  if (extensions.sparse === true) return { kind: 'refused', path, reason: 'is a sparse file' };
  switch (header.type) {
    case '0':
    case '7':
      return name.endsWith('/')
        ? { kind: 'refused', path, reason: 'is a directory with a body' }
        : { kind: 'file', path, start, offset, size };
    case '1':
      return linkTo(path, hardLinkTarget(extensions.linkPath ?? header.linkName));
    case '2':
      return linkTo(path, symbolicLinkTarget(path, extensions.linkPath ?? header.linkName));
    case '3':
    case '4':
      return { kind: 'refused', path, reason: 'is a device' };
    case '6':
      return { kind: 'refused', path, reason: 'is a pipe' };
    case 'S':
      return { kind: 'refused', path, reason: 'is a sparse file' };
    default:
      return { kind: 'refused', path, reason: `is an entry of the unknown type "${header.type}"` };
  }
}

function linkTo(path: string, target: string | undefined): TarEntry {
  if (target === undefined)
    return { kind: 'refused', path, reason: 'is a link that leads out of the archive' };
  return { kind: 'link', path, target };
}

function checkedPath(name: string): string {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new HeaderProblem(`a name is longer than ${MAX_NAME_BYTES} bytes`);
  }
  const path = cleanPath(name);
  if (path === undefined)
    throw new HeaderProblem(`the name "${name.slice(0, 200)}" leads out of the archive`);
  return path;
}
