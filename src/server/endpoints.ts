import type { ReadonlyStore } from '../store/store.js';
import { type Answer, type Asked, jsonAnswer } from './answer.js';
import { getBlob } from './blobs.js';
import { listCatalog } from './catalog.js';
import { Refusal } from './errors.js';
import { getManifest } from './manifests.js';
import { listReferrers } from './referrers.js';
import type { Endpoint } from './router.js';
import { listTags } from './tags.js';

/** Where the content comes from. */
export interface Repositories {
  /**
   * The store behind a repository, or undefined when there is none. Its references are the repository's tags.
   * It serves many requests at once and is not closed by the server.
   */
  openRepository(name: string): Promise<ReadonlyStore | undefined>;
  /** The names of all repositories. Without it the catalog is refused. */
  listRepositories?(): Promise<string[]> | AsyncIterable<string>;
}

/** Endpoint → answer, from the store behind its repository; throws a `Refusal` for what the client asked wrongly. */
export async function answerFrom(
  repositories: Repositories,
  endpoint: Endpoint,
  asked: Asked,
): Promise<Answer> {
  switch (endpoint.type) {
    case 'version':
      return jsonAnswer({});
    case 'catalog':
      if (repositories.listRepositories === undefined)
        throw new Refusal('UNSUPPORTED', 'this registry has no catalog', { status: 404 });
      return listCatalog(repositories.listRepositories(), asked);
    case 'tags':
      return listTags(await storeOf(repositories, endpoint.repository), endpoint.repository, asked);
    case 'manifest':
      return getManifest(await storeOf(repositories, endpoint.repository), endpoint.reference, asked);
    case 'blob':
      return getBlob(await storeOf(repositories, endpoint.repository), endpoint.digest, asked);
    case 'referrers':
      return listReferrers(await storeOf(repositories, endpoint.repository), endpoint.digest, asked);
  }
}

async function storeOf(repositories: Repositories, name: string): Promise<ReadonlyStore> {
  const store = await repositories.openRepository(name);
  if (store === undefined)
    throw new Refusal('NAME_UNKNOWN', 'repository name not known to registry', { detail: { name } });
  return store;
}
