import type { Source } from '../store/store.js';
import { type Answer, type Asked, jsonAnswer } from './answer.js';
import { Refusal, unknownRepository } from './errors.js';
import type { WritableOptions } from './push/push.js';
import { getBlob } from './read/blobs.js';
import { listCatalog } from './read/catalog.js';
import type { Conversions } from './read/conversions.js';
import { orConverted } from './read/converted.js';
import { getManifest } from './read/manifests.js';
import { listReferrers } from './read/referrers.js';
import { listTags } from './read/tags.js';
import type { VerifiedContent } from './read/verified-content.js';
import type { Endpoint } from './router.js';

/** The content that a server serves. */
export interface Repositories {
  /**
   * Returns the store behind a repository, or undefined if it does not exist. The store's references are the
   * repository's tags. It is used for many requests at once, and the server does not close it.
   */
  openRepository(name: string): Promise<Source | undefined>;
  /** Returns the names of all repositories. Without it, the catalog is refused. */
  listRepositories?(): Promise<string[]> | AsyncIterable<string>;
  /** Converts images for clients that do not accept the stored format. Without it, all clients get the stored bytes. */
  conversions?: Conversions;
  /** Whether clients without an Accept header get schema1. Default false: they get the stored bytes. */
  schema1Default?: boolean;
  /** Accepts pushes and deletes. Without it, the registry is read-only. */
  writable?: WritableOptions;
}

/**
 * Answers GET and HEAD of an endpoint from the store behind its repository. Throws a `Refusal` if the client's request
 * is wrong.
 */
export async function answerFrom(
  repositories: Repositories,
  endpoint: Endpoint,
  asked: Asked,
  { verified, maxPageBytes }: { verified: VerifiedContent; maxPageBytes: number },
): Promise<Answer> {
  switch (endpoint.type) {
    case 'version':
      return jsonAnswer({});
    case 'catalog':
      if (repositories.listRepositories === undefined)
        throw new Refusal('UNSUPPORTED', 'this registry has no catalog', { status: 404 });
      return listCatalog(repositories.listRepositories(), { asked, maxPageBytes });
    case 'tags':
      return listTags(await storeOf(repositories, endpoint.repository), endpoint.repository, {
        asked,
        maxPageBytes,
      });
    case 'manifest':
      return getManifest(await storeOf(repositories, endpoint.repository), endpoint, asked, {
        verified,
        conversions: repositories.conversions,
        schema1Default: repositories.schema1Default,
      });
    case 'blob': {
      // A client that sends HEAD is about to push a manifest that names the blob, so the blob has to be in the store
      // itself.
      const isPushing = repositories.writable !== undefined && asked.method === 'HEAD';
      const conversions = isPushing ? undefined : repositories.conversions;
      const store = await storeOf(repositories, endpoint.repository);
      return orConverted(store, endpoint, { asked, conversions }, (holder) =>
        getBlob(holder, endpoint.digest, asked, verified),
      );
    }
    case 'referrers':
      // Not a 404 even for an unknown repository: it would tell clients that the registry lacks this API.
      // (distribution-spec, end-12a)
      return listReferrers(
        await repositories.openRepository(endpoint.repository),
        { ...endpoint, maxPageBytes },
        asked,
      );
    case 'uploads':
    case 'upload':
      throw new Error('uploads are answered by the side that writes');
  }
}

async function storeOf(repositories: Repositories, name: string): Promise<Source> {
  const store = await repositories.openRepository(name);
  if (store === undefined) throw unknownRepository(name);
  return store;
}
