import { isRegistry, isRepository } from '../content/reference.js';
import { LadingError } from '../errors.js';
import type { AskingOrder } from './mirrors.js';

/** Where manifests and blobs are kept. */
export interface RepositoryName {
  /** `HOST[:PORT]`; `docker.io` for Docker Hub. */
  registry: string;
  /** The path on it, `library/` included. */
  repository: string;
}

/** Options of every call to a registry. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Repetitions before a response; default the client's. 0 where the caller repeats the whole thing itself. */
  retries?: number | undefined;
  /** Who is asked for content; default the mirrors first. What is pushed to a registry is asked of that only. */
  order?: AskingOrder | undefined;
}

/** `HOST/REPOSITORY`, after a check: both become part of URLs. Rejects with `INVALID_REFERENCE`. */
export function repositoryText({ registry, repository }: RepositoryName): string {
  if (!isRegistry(registry) || !isRepository(repository)) {
    throw new LadingError('INVALID_REFERENCE', `"${registry}/${repository}" is not a repository's name`);
  }
  return `${registry}/${repository}`;
}
