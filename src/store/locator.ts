import { formatReference, parseReference, type Reference } from '../content/reference.js';
import { LadingError } from '../errors.js';

/** Where images are kept, as users write it. The kinds are named as in containers-transports(5). */
export type Locator =
  | { kind: 'docker'; reference: Reference }
  | { kind: 'oci' | 'oci-archive' | 'docker-archive'; path: string; reference: string | undefined }
  /** An image of the Docker engine on this machine; read only. */
  | { kind: 'docker-daemon'; name: string }
  /** A bare path; what is there decides its kind. */
  | { kind: 'path'; path: string };

/**
 * Parses `docker://HOST/REPOSITORY[:TAG|@DIGEST]`, `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`,
 * `docker-archive:FILE[:REF]`, `docker-daemon:NAME`, or a path.
 */
export function parseLocator(text: string): Locator {
  if (text.startsWith('docker://'))
    return { kind: 'docker', reference: parseReference(text.slice('docker://'.length)) };
  if (text.startsWith(DOCKER_DAEMON)) return { kind: 'docker-daemon', name: nameIn(text) };
  const [, kind, rest = ''] = /^(oci|oci-archive|docker-archive):(.*)$/s.exec(text) ?? [];
  if (kind === undefined) return { kind: 'path', path: text };
  if (kind !== 'oci' && kind !== 'oci-archive' && kind !== 'docker-archive')
    throw new Error(`the pattern allows no ${kind}`);
  // The path ends at the first colon, except for a Windows drive, as in containers/image.
  const [, path, reference] = /^((?:[A-Za-z]:[\\/])?[^:]*)(?::(.*))?$/s.exec(rest) ?? [];
  if (!path)
    throw new LadingError('USAGE', `"${text}" names no path`, {
      hint: `Write ${kind}:PATH or ${kind}:PATH:REFERENCE.`,
    });
  return { kind, path, reference: reference || undefined };
}

const DOCKER_DAEMON = 'docker-daemon:';

function nameIn(text: string): string {
  const name = text.slice(DOCKER_DAEMON.length);
  if (name !== '') return name;
  throw new LadingError('USAGE', `"${text}" names no image`, { hint: `Write ${DOCKER_DAEMON}NAME[:TAG].` });
}

/** True for text that looks like a path, and so is not the name of a registry, even if nothing exists there. */
export function looksLikePath(text: string): boolean {
  return /^[./~]|\.(tar|tgz|tar\.\w+)$|\/$/.test(text);
}

export function formatLocator(locator: Locator): string {
  switch (locator.kind) {
    case 'docker':
      return `docker://${formatReference(locator.reference)}`;
    case 'docker-daemon':
      return `${DOCKER_DAEMON}${locator.name}`;
    case 'path':
      return locator.path;
    default:
      return `${locator.kind}:${locator.path}${locator.reference === undefined ? '' : `:${locator.reference}`}`;
  }
}
