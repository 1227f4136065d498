import { cleanPath } from '../disk/files.js';
import { printable } from '../errors.js';
import { AmbiguousHeader, RefusedHeader, type TarHeader } from './header.js';

/** Where an entry's bytes lie in the tar, and its first header: the one that a long name or pax extends it by. */
interface Place {
  start: number;
  offset: number;
  size: number;
}

/** One entry of a tar as its headers say; whether it can be used is judged when it is asked for. */
export type TarEntry =
  | ({ kind: 'file'; path: string } & Place)
  | { kind: 'directory'; path: string }
  /** `target` is the cleaned path of what the link stands for. */
  | { kind: 'link'; path: string; target: string }
  /** Something that is no part of an image archive; `reason` completes the sentence "<path> …". */
  | { kind: 'refused'; path: string; reason: string };

/** A file's place, once links are followed. */
export type TarFile = Extract<TarEntry, { kind: 'file' }>;

/** What GNU and pax extensions say about the entry that follows them. */
export interface Extensions {
  path?: string;
  linkPath?: string;
  size?: number;
  /** They are from a pax header, even one that says nothing of the three. */
  pax?: true;
}

export const MAX_NAME_BYTES = 4096;

/** Length of the body that follows the header. */
export function bodySize(header: TarHeader, extensions: Extensions): number {
  return extensions.size ?? header.size;
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
  const isDirectory = header.type === '5' || name.endsWith('/');
  requireKnownType(header.type, isDirectory, path, size);
  if (isDirectory) return path === '' ? undefined : { kind: 'directory', path };
  if (path === '') throw new RefusedHeader('an entry that is not a directory has no name');
  switch (header.type) {
    case '1':
      return linkTo(path, hardLinkTarget(extensions.linkPath ?? header.linkName));
    case '2':
      return linkTo(path, symbolicLinkTarget(path, extensions.linkPath ?? header.linkName));
    case '3':
    case '4':
      return { kind: 'refused', path, reason: 'is a device' };
    case '6':
      return { kind: 'refused', path, reason: 'is a pipe' };
    default:
      return { kind: 'file', path, start, offset, size };
  }
}

/**
 * Types whose meaning, or whose size on the tape, every reader knows. Go ignores the size of a directory, a link or a
 * device and looks for the next header right behind it, libarchive takes a hard link's size for a body; a contiguous
 * file is a file to GNU tar and nothing to Docker; readers know different sparse files; and a file whose name ends in a
 * slash is a directory to some.
 */
function requireKnownType(type: string, isDirectory: boolean, path: string, size: number): void {
  const what = path === '' ? 'an entry' : printable(path.slice(0, 200));
  if (!'0123456'.includes(type))
    throw new AmbiguousHeader(
      `${what} is an entry of the type "${printable(type)}", which readers take differently`,
    );
  if (isDirectory && type !== '5' && type !== '0')
    throw new AmbiguousHeader(`${what} has the name of a directory and is none`);
  if (size > 0 && (isDirectory || type !== '0'))
    throw new AmbiguousHeader(`${what} is ${isDirectory ? 'a directory' : 'a link or a device'} with a body`);
}

function linkTo(path: string, target: string | undefined): TarEntry {
  if (target === undefined)
    return { kind: 'refused', path, reason: 'is a link that leads out of the archive' };
  return { kind: 'link', path, target };
}

function checkedPath(name: string): string {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new RefusedHeader(`a name is longer than ${MAX_NAME_BYTES} bytes`);
  }
  const path = cleanPath(name);
  if (path === undefined)
    throw new RefusedHeader(`the name "${name.slice(0, 200)}" leads out of the archive`);
  return path;
}

/** The path in the archive that a hard link names (relative to its root), or undefined when it leads out of it. */
function hardLinkTarget(linkName: string): string | undefined {
  return cleanPath(linkName) || undefined;
}

/**
 * The path in the archive that a symbolic link names, relative to the link's directory. Undefined for an
 * absolute target and for one that climbs above the root, even when it would come back.
 */
function symbolicLinkTarget(path: string, linkName: string): string | undefined {
  if (linkName.startsWith('/') || linkName.includes('\0')) return undefined;
  const components = path.split('/').slice(0, -1);
  for (const component of linkName.split('/')) {
    if (component === '' || component === '.') continue;
    if (component !== '..') components.push(component);
    else if (components.pop() === undefined) return undefined;
  }
  return components.join('/') || undefined;
}
