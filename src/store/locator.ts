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

/** Where images are kept, as users write it. The kinds are named as in containers-transports(5). */
export type Locator =
  | { kind: 'docker'; reference: Reference }
  | { kind: 'oci' | 'oci-archive' | 'docker-archive'; path: string; reference: string | undefined }
  /** An image of the Docker engine on this machine; read only. */
  | { kind: 'docker-daemon'; name: string }
  /** A bucket, and perhaps a part of its keys; read and written in place. */
  | { kind: 's3'; location: string }
  /** A bare path; what is there decides its kind. */
  | { kind: 'path'; path: string };

/**
 * Parses `docker://HOST/REPOSITORY[:TAG|@DIGEST]`, `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`,
 * `docker-archive:FILE[:REF]`, `docker-daemon:NAME`, `s3://BUCKET[/PREFIX]`, or a path.
 */
export function parseLocator(text: string): Locator {
  if (text.startsWith(DOCKER))
    return { kind: 'docker', reference: parseReference(text.slice(DOCKER.length)) };
  if (text.startsWith(DOCKER_DAEMON)) return { kind: 'docker-daemon', name: nameIn(text) };
  if (isBucket(text)) return { kind: 's3', location: text };
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

/** True for `s3://…`, which is a bucket wherever a place for images is meant. */
export function isBucket(text: string): boolean {
  return text.startsWith('s3://');
}

/** True for text that looks like a path, and so is not the name of a registry, even if nothing exists there. */
export function looksLikePath(text: string): boolean {
  return /^[./~]|\.(tar|tgz|tar\.\w+)$|\/$/.test(text);
}

/** Where images are written to: a locator, or a registry in which each image keeps its path. */
export type DestinationLocator = Exclude<Locator, { kind: 'docker-daemon' }> | RegistryLocator;

interface RegistryLocator {
  kind: 'registry';
  /** `host[:port]`. */
  registry: string;
  /** Path before the repositories; empty if there is none. */
  prefix: string;
}

/**
 * Parses a locator to write to: `docker://HOST[:PORT]` and `docker://HOST[:PORT]/PREFIX/` are registries, and anything
 * else is parsed by `parseLocator`. Rejects with `USAGE` for a bare path that looks like a registry or an image in one,
 * because it would become a file of that name.
 */
export async function parseDestinationLocator(text: string): Promise<DestinationLocator> {
  if (text === '' || text === '-') {
    throw new LadingError('USAGE', 'a copy needs a destination with a name', {
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

/** Rejects with `USAGE` if `path` looks like a registry or an image in one, and cannot be meant as a file. */
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

/** True for `HOST:PORT`, `HOST/REPOSITORY` and `NAME:TAG`. */
function looksLikeRegistry(text: string): boolean {
  const [first = '', ...rest] = text.split('/');
  if (rest.length > 0) return isHost(first);
  return text.includes(':') && isReference(text);
}

/**
 * Parses a registry. In a bare `NAME:NUMBER` the number is a port, not a tag, because nobody pushes to Docker Hub's own
 * `library/`.
 */
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
  throw new LadingError('USAGE', `"${DOCKER}${text}" is not a registry`, {
    hint: 'A registry is docker://HOST[:PORT], with docker://HOST[:PORT]/PREFIX/ a part of it.',
  });
}

function isHost(text: string): boolean {
  return (/[.:]/.test(text) || text === 'localhost') && isRegistry(text);
}
