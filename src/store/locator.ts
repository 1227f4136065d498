import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  DOCKER_HUB,
  isReference,
  isRegistry,
  isRepository,
  parseReference,
  type Reference,
} from '../content/reference.js';
import { LadingError } from '../errors.js';

const DOCKER = 'docker://';

/** Where images are kept, as users write it. The names of the kinds are those of containers-transports(5). */
export type Locator =
  | { kind: 'docker'; reference: Reference }
  | { kind: 'oci' | 'oci-archive' | 'docker-archive'; path: string; reference: string | undefined }
  /** An image of the Docker engine on this machine, to read only. */
  | { kind: 'docker-daemon'; name: string }
  /** A bare path: what is there tells its kind. */
  | { kind: 'path'; path: string };

/**
 * `docker://HOST/REPOSITORY[:TAG|@DIGEST]`, `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`, `docker-archive:FILE[:REF]`,
 * `docker-daemon:NAME`, or a path.
 */
export function parseLocator(text: string): Locator {
  if (text.startsWith(DOCKER))
    return { kind: 'docker', reference: parseReference(text.slice(DOCKER.length)) };
  if (text.startsWith(DOCKER_DAEMON)) return { kind: 'docker-daemon', name: nameIn(text) };
  const [, kind, rest = ''] = /^(oci|oci-archive|docker-archive):(.*)$/s.exec(text) ?? [];
  if (kind === undefined) return { kind: 'path', path: text };
  if (kind !== 'oci' && kind !== 'oci-archive' && kind !== 'docker-archive')
    throw new Error(`the pattern allows no ${kind}`);
  // The path ends at the first colon, a Windows drive excepted, as in containers/image.
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

/** What looks like a path and is not there was meant as one: no registry is called so. */
export function looksLikePath(text: string): boolean {
  return /^[./~]|\.(tar|tgz|tar\.\w+)$|\/$/.test(text);
}

/** Where images are to be put: a locator, or a registry in which each image keeps its path. */
export type DestinationLocator = Exclude<Locator, { kind: 'docker-daemon' }> | RegistryLocator;

interface RegistryLocator {
  kind: 'registry';
  /** `host[:port]`. */
  registry: string;
  /** Path before the repositories; empty for none. */
  prefix: string;
}

/**
 * A locator to write to: `docker://HOST[:PORT]` and `docker://HOST[:PORT]/PREFIX/` are registries, and anything else is
 * what it is for `parseLocator`. Rejects with `USAGE` for a bare path that looks like a registry or an image there: it
 * would become a file of that name.
 */
export async function parseDestinationLocator(text: string): Promise<DestinationLocator> {
  if (text === '' || text === '-') {
    throw new LadingError('USAGE', 'a copy goes to a place with a name', {
      hint: 'Saving and converting write to streams, too; ./- is a file.',
      remedy: 'stream',
    });
  }
  if (text.startsWith(DOCKER)) return registryOf(text.slice(DOCKER.length)) ?? imageIn(text);
  const locator = parseLocator(text);
  if (locator.kind === 'docker-daemon')
    throw new LadingError('USAGE', `${text} is read only: lading does not write into engines`, {
      hint: 'Write an archive, and load it with docker load.',
    });
  if (locator.kind === 'path') await requirePathMeant(text);
  return locator;
}

/** Rejects with `USAGE` where `path` looks like a registry or an image in one, and no file of that name can be meant. */
export async function requirePathMeant(path: string): Promise<void> {
  if (path.startsWith(DOCKER)) {
    throw new LadingError('USAGE', `${path} is a registry, which only load, copy and convert write to`, {
      hint: 'Copy the image there.',
      remedy: 'copy',
    });
  }
  if (looksLikePath(path) || !looksLikeRegistry(path)) return;
  if (existsSync(path)) return;
  if (path.includes('/') && existsSync(dirname(path))) return;
  throw new LadingError('USAGE', `${path} looks like a registry, not like a file`, {
    hint: `Write docker://${path} for the registry, or ./${path} for a file of that name.`,
  });
}

function imageIn(text: string): DestinationLocator {
  return { kind: 'docker', reference: parseReference(text.slice(DOCKER.length)) };
}

/** `HOST:PORT`, `HOST/REPOSITORY` or `NAME:TAG`. */
function looksLikeRegistry(text: string): boolean {
  const [first = '', ...rest] = text.split('/');
  if (rest.length > 0) return isHost(first);
  return text.includes(':') && isReference(text);
}

/** Nobody pushes to Docker Hub's own `library/`: of a bare `NAME:NUMBER` the number is a port. */
function registryOf(text: string): RegistryLocator | undefined {
  const [first = '', ...path] = text.split('/');
  if (path.length === 0)
    return isHost(first) || /^[^:]+:\d+$/.test(first) ? registryAt(text, first, '') : undefined;
  if (!text.endsWith('/')) return undefined;
  const repositories = path.slice(0, -1);
  return isHost(first) || repositories.length === 0
    ? registryAt(text, first, repositories.join('/'))
    : registryAt(text, DOCKER_HUB, [first, ...repositories].join('/'));
}

function registryAt(text: string, registry: string, prefix: string): RegistryLocator {
  if (isRegistry(registry) && (prefix === '' || isRepository(prefix)))
    return { kind: 'registry', registry, prefix };
  throw new LadingError('USAGE', `"${DOCKER}${text}" is no registry`, {
    hint: 'A registry is docker://HOST[:PORT], with docker://HOST[:PORT]/PREFIX/ a part of it.',
  });
}

function isHost(text: string): boolean {
  return (/[.:]/.test(text) || text === 'localhost') && isRegistry(text);
}
