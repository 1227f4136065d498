import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createRemoteStore, type RemoteStoreOptions } from '../../../src/store/remote/remote.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { type Registries, useRegistries } from '../../support/registries.js';

export const REPOSITORY = 'some/repository';
export const LAYER = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('a layer', 300_000));
export const BIG = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('a big layer', 9_000_000));

/** Registries, and stores of the repositories in them. */
export interface RemoteStores extends Registries {
  /** A store of a repository, with a client of its own. */
  open(host: string, options?: RemoteStoreOptions, repository?: string): ReturnType<typeof createRemoteStore>;
}

/** Gives the tests of a file registries to push to, which are closed after each of them. */
export function useRemoteStores(): RemoteStores {
  const registries = useRegistries();
  return {
    ...registries,
    open: (host, options, repository = REPOSITORY) =>
      createRemoteStore(registries.connect(), { registry: host, repository }, options),
  };
}
