import { DOCKER_HUB, isTag } from '../../content/reference.js';
import { LadingError } from '../../errors.js';
import { type Headers, header } from '../http/headers.js';
import { type RepositoryName, repositoryText } from '../repository.js';

/** Header names of the v1 protocol, in the lower case that Node.js gives them. (docker, "Registry v1 API") */
export const V1_HEADER = {
  token: 'x-docker-token',
  endpoints: 'x-docker-endpoints',
  version: 'x-docker-registry-version',
  standalone: 'x-docker-registry-standalone',
  size: 'x-docker-size',
} as const;

/** Paths of the endpoints; the first two are an index's, the others a registry's. */
export const v1Path = {
  ping: () => '/v1/_ping',
  images: (repository: string) => `/v1/repositories/${repository}/images`,
  tags: (repository: string) => `/v1/repositories/${repository}/tags`,
  tag: (repository: string, tag: string) => `/v1/repositories/${repository}/tags/${tag}`,
  ancestry: (id: string) => `/v1/images/${id}/ancestry`,
  json: (id: string) => `/v1/images/${id}/json`,
  layer: (id: string) => `/v1/images/${id}/layer`,
} as const;

/** Whether `text` names an image: a name that was drawn by lot, not a digest of anything. */
export function isV1ID(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

/** The repository as v1 paths have it; rejects with `UNSUPPORTED` what that protocol never had a place for. */
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

/** Tags become part of paths. Rejects with `INVALID_REFERENCE`. */
export function requireTag(tag: string): string {
  if (isTag(tag)) return tag;
  throw new LadingError('INVALID_REFERENCE', `"${tag}" is not a tag`);
}

/** Whether a registry is its own index: it says so, or says nothing. (docker, registry/endpoint_v1.go, `Ping`) */
export function isStandalone(headers: Headers): boolean {
  const said = header(headers, V1_HEADER.standalone) ?? '';
  return said === '' || said === '1' || said.toLowerCase() === 'true';
}

/** What `Authorization` carries of the tokens in a response: all lines, without the word that some put before. */
export function tokenOf(lines: readonly string[]): string | undefined {
  const tokens = lines
    .map((line) => line.replace(/^\s*Token\s+/i, '').trim())
    .filter((token) => token !== '');
  const token = tokens.join(',');
  // It becomes a header: what cannot stand in one is none.
  return /^[\x20-\x7e]{1,8192}$/.test(token) ? token : undefined;
}
