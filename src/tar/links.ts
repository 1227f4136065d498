import { cleanPath } from '../disk/files.js';

/** The path in the archive that a hard link names (relative to its root), or undefined when it leads out of it. */
export function hardLinkTarget(linkName: string): string | undefined {
  return cleanPath(linkName) || undefined;
}

/**
 * The path in the archive that a symbolic link names, relative to the link's directory. Undefined for an
 * absolute target and for one that climbs above the root, even when it would come back.
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
