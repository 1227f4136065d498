import type { RegistryClient, RepositoryName } from '../../registry/client.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import { createRemoteSource, type RemoteSource } from './remote-source.js';
import { V1Spool } from './v1-spool.js';

/** A repository to read images from; `spool` keeps the layers of v1 registries, and is closed by the caller. */
export function openRepository(
  client: RegistryClient,
  name: RepositoryName,
  spool: V1Spool,
  { v1, onEvent }: ConnectionOptions,
): RemoteSource {
  const message = `${name.registry} is read by the v1 protocol: layers are fetched to this machine first, and nothing vouches for what they hold`;
  const onV1 = (): void => onEvent?.({ type: 'warning', message });
  return createRemoteSource(client, name, { v1, spool, onV1 });
}

/** Room for the layers of v1 registries, in `directory`; nothing is made there before it is needed. */
export function createV1Spool({ retries, onEvent }: ConnectionOptions, directory?: string): V1Spool {
  return new V1Spool({
    directory,
    retries,
    onRetry: (retry) => onEvent?.({ type: 'retrying', ...retry }),
  });
}
