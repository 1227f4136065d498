import { cleanPath } from '../disk/files.js';
import { printable } from '../errors.js';
import { AmbiguousHeader, RefusedHeader, type TarHeader } from './header.js';

/**
 * Positions in the tar: `start` of the entry's first header, which may be a pax or long name header; `offset` of its
 * body.
 */
interface Place {
  start: number;
  offset: number;
  size: number;
}

/** An entry of a tar as its headers describe it. Whether it can be used is checked when it is used. */
export type TarEntry =
  | ({ kind: 'file'; path: string } & Place)
  | { kind: 'directory'; path: string }
  /** `target` is the cleaned path in the archive that the link leads to. */
  | { kind: 'link'; path: string; target: string }
  /**
   * An entry that does not belong in an image archive, such as a device; `reason` completes the sentence "<path> …".
   */
  | { kind: 'refused'; path: string; reason: string };

/** An entry that is a file. */
export type TarFile = Extract<TarEntry, { kind: 'file' }>;

/** The values from GNU and pax extension headers for the entry that follows them. */
export interface Extensions {
  path?: string;
  linkPath?: string;
  size?: number;
  /** Set if there was a pax header, even one without any of these three values. */
  pax?: true;
}

export const MAX_NAME_BYTES = 4096;

/** Returns the length in bytes of the body that follows the header. */
export function bodySize(header: TarHeader, extensions: Extensions): number {
  return extensions.size ?? header.size;
}

/**
 * Returns the entry that a header and its extensions describe, or undefined for the root directory itself. `start` is
 * the position of the first of these headers, `offset` that of the body. Throws `RefusedHeader` and `AmbiguousHeader`.
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
 * Refuses entries that tools read differently. Go ignores the size of a directory, a link or a device and expects the
 * next header right after it, but libarchive expects a body after a hard link with a size. A contiguous file is a file
 * to GNU tar, and ignored by Docker. Tools support different formats of sparse files. Some take a file whose name ends
 * in a slash for a directory.
 */
function requireKnownType(type: string, isDirectory: boolean, path: string, size: number): void {
  const what = path === '' ? 'an entry' : printable(path.slice(0, 200));
  if (!'0123456'.includes(type))
    throw new AmbiguousHeader(
      `${what} is an entry of the type "${printable(type)}", which tools read differently`,
    );
  if (isDirectory && type !== '5' && type !== '0')
    throw new AmbiguousHeader(`${what} has the name of a directory, but is not a directory`);
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

/** Returns the target of a hard link as a path from the root of the archive, or undefined if it leads out of it. */
function hardLinkTarget(linkName: string): string | undefined {
  return cleanPath(linkName) || undefined;
}

/**
 * Returns the target of a symbolic link, which is relative to the link's directory, as a path from the root of the
 * archive. Undefined for an absolute target, and for one that leads above the root, even if it leads back.
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
