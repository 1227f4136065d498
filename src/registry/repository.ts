import { isRegistry, isRepository } from '../content/reference.js';
import { LadingError } from '../errors.js';
import type { AskingOrder } from './mirrors.js';

/** A repository of a registry. */
export interface RepositoryName {
  /** `HOST[:PORT]`; `docker.io` for Docker Hub. */
  registry: string;
  /** The path, including `library/`. */
  repository: string;
}

/** Options of every call to a registry. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Retries before a response; default: the client's. 0 if the caller retries the whole operation itself. */
  retries?: number | undefined;
  /** Which endpoints to ask for content; default: mirrors first. Pushes go only to the registry itself. */
  order?: AskingOrder | undefined;
}

/** The error for a registry that `isRegistry` does not accept. */
export function notARegistry(text: string): LadingError {
  return new LadingError('INVALID_REFERENCE', `"${text}" is not a registry of the form HOST[:PORT]`, {
    hint: 'A port is at most 65535, and a host that ends with a number is an IPv4 address.',
  });
}

/** Returns `HOST/REPOSITORY` after checking both, because they become part of URLs. Throws `INVALID_REFERENCE`. */
export function repositoryText({ registry, repository }: RepositoryName): string {
  if (!isRegistry(registry)) throw notARegistry(registry);
  if (!isRepository(repository))
    throw new LadingError('INVALID_REFERENCE', `"${registry}/${repository}" is not a repository's name`);
  return `${registry}/${repository}`;
}
