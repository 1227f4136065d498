import { cleanPath } from '../disk/files.js';

/** Returns the target of a hard link as a path from the root of the archive, or undefined if it leads out of it. */
export function hardLinkTarget(linkName: string): string | undefined {
  return cleanPath(linkName) || undefined;
}

/**
 * Returns the target of a symbolic link, which is relative to the link's directory, as a path from the root of the
 * archive. Undefined for an absolute target, and for one that leads above the root, even if it leads back.
 */
export function symbolicLinkTarget(path: string, linkName: string): string | undefined {
  if (linkName.startsWith('/') || linkName.includes('\0')) return undefined;
  const components = path.split('/').slice(0, -1);
  for (const component of linkName.split('/')) {
    if (component === '' || component === '.') continue;
    if (component !== '..') components.push(component);
    else if (components.pop() === undefined) return undefined;
  }
  return components.join('/') || undefined;
}
