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

/** Where the content comes from. */
export interface Repositories {
  /**
   * The store behind a repository, or undefined when there is none. Its references are the repository's tags.
   * It serves many requests at once and is not closed by the server.
   */
  openRepository(name: string): Promise<Source | undefined>;
  /** The names of all repositories. Without it the catalog is refused. */
  listRepositories?(): Promise<string[]> | AsyncIterable<string>;
  /** Makes the forms that clients of another age than the images accept. Without it all get the stored bytes. */
  conversions?: Conversions;
  /** Gives schema1 to clients that send no Accept header. Default false: they get the stored bytes. */
  schema1Default?: boolean;
  /** Takes pushes and deletes. Without it the registry is read only. */
  writable?: WritableOptions;
}

/** Endpoint → answer to GET and HEAD, from the store behind its repository; throws a `Refusal` for what the client asked wrongly. */
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
      // Whoever asks by HEAD is about to push what names the blob, and that needs it in the store.
      const isPushing = repositories.writable !== undefined && asked.method === 'HEAD';
      const conversions = isPushing ? undefined : repositories.conversions;
      const store = await storeOf(repositories, endpoint.repository);
      return orConverted(store, endpoint, { asked, conversions }, (holder) =>
        getBlob(holder, endpoint.digest, asked, verified),
      );
    }
    case 'referrers':
      // Of an unknown repository too: to a client, 404 says that the registry has no such API. (distribution-spec, end-12a)
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
