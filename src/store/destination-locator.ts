import { dirname } from 'node:path';
import fs from 'fs-extra';
import { DOCKER_HUB, isReference, isRegistry, isRepository, parseReference } from '../content/reference.js';
import { LadingError } from '../errors.js';
import { type Locator, looksLikePath, parseLocator } from './locator.js';

/** Where images are written to: a locator, or a registry in which each image keeps its path. */
export type DestinationLocator = Exclude<Locator, { kind: 'docker-daemon' }> | RegistryLocator;

export interface RegistryLocator {
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

const DOCKER = 'docker://';

/** Rejects with `USAGE` if `path` looks like a registry or an image in one, and cannot be meant as a file. */
export async function requirePathMeant(path: string): Promise<void> {
  if (path.startsWith(DOCKER)) {
    throw new LadingError('USAGE', `${path} is a registry, which only load, copy and convert write to`, {
      hint: 'Copy the image there.',
      remedy: 'copy',
    });
  }
  if (looksLikePath(path) || !looksLikeRegistry(path)) return;
  if (await fs.pathExists(path)) return;
  if (path.includes('/') && (await fs.pathExists(dirname(path)))) return;
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
  throw new LadingError('USAGE', `"${DOCKER}${text}" is no registry`, {
    hint: 'A registry is docker://HOST[:PORT], with docker://HOST[:PORT]/PREFIX/ a part of it.',
  });
}

function isHost(text: string): boolean {
  return (/[.:]/.test(text) || text === 'localhost') && isRegistry(text);
}
