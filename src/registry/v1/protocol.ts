import { DOCKER_HUB, isTag } from '../../content/reference.js';
import { LadingError } from '../../errors.js';
import { type Headers, header } from '../http/headers.js';
import { type RepositoryName, repositoryText } from '../repository.js';

/** Header names of the v1 protocol, in lower case as in Node.js. (docker, "Registry v1 API") */
export const V1_HEADER = {
  token: 'x-docker-token',
  endpoints: 'x-docker-endpoints',
  version: 'x-docker-registry-version',
  standalone: 'x-docker-registry-standalone',
  size: 'x-docker-size',
} as const;

/** Paths of the endpoints; the first two belong to an index, the others to a registry. */
export const v1Path = {
  ping: () => '/v1/_ping',
  images: (repository: string) => `/v1/repositories/${repository}/images`,
  tags: (repository: string) => `/v1/repositories/${repository}/tags`,
  tag: (repository: string, tag: string) => `/v1/repositories/${repository}/tags/${tag}`,
  ancestry: (id: string) => `/v1/images/${id}/ancestry`,
  json: (id: string) => `/v1/images/${id}/json`,
  layer: (id: string) => `/v1/images/${id}/layer`,
} as const;

/** True for a v1 image ID: 64 random hex digits, not a digest. */
export function isV1ID(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

/** Returns the repository for v1 paths. Throws `UNSUPPORTED` for a name that the protocol cannot have. */
export function v1RepositoryOf(name: RepositoryName): string {
  const where = repositoryText(name);
  if (name.registry === DOCKER_HUB)
    throw new LadingError('UNSUPPORTED', 'Docker Hub has ended the v1 protocol', {
      hint: 'It is asked by the newer one, unless v1 is asked for.',
      remedy: 'omitV1',
    });
  if (name.repository.split('/').length > 2)
    throw new LadingError(
      'UNSUPPORTED',
      `${where} cannot be at a v1 registry: its repositories are NAME or NAMESPACE/NAME`,
    );
  return name.repository;
}

/** Returns a valid tag, since it becomes part of a path. Throws `INVALID_REFERENCE`. */
export function requireTag(tag: string): string {
  if (isTag(tag)) return tag;
  throw new LadingError('INVALID_REFERENCE', `"${tag}" is not a tag`);
}

/**
 * Whether a registry is its own index: it says so, or has no header about it. (docker, registry/endpoint_v1.go, `Ping`)
 */
export function isStandalone(headers: Headers): boolean {
  const said = header(headers, V1_HEADER.standalone) ?? '';
  return said === '' || said === '1' || said.toLowerCase() === 'true';
}

/** Joins the tokens of a response for `Authorization`, without the word "Token" that some registries put first. */
export function tokenOf(lines: readonly string[]): string | undefined {
  const tokens = lines
    .map((line) => line.replace(/^\s*Token\s+/i, '').trim())
    .filter((token) => token !== '');
  const token = tokens.join(',');
  // The token becomes a header, so it must not contain other characters.
  return /^[\x20-\x7e]{1,8192}$/.test(token) ? token : undefined;
}
