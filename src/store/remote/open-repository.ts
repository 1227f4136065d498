import type { RegistryClient, RepositoryName } from '../../registry/client.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import { createRemoteSource, type RemoteSource } from './remote-source.js';
import { V1Spool } from './v1-spool.js';

/** Opens a repository for reading. `spool` holds the layers of v1 registries; the caller closes it. */
export function openRepository(
  client: RegistryClient,
  name: RepositoryName,
  spool: V1Spool,
  { v1, onEvent }: ConnectionOptions,
): RemoteSource {
  const message = `${name.registry} is read with the v1 protocol: layers are fetched to this machine first, and their content cannot be verified`;
  const onV1 = (): void => onEvent?.({ type: 'warning', message });
  return createRemoteSource(client, name, { v1, spool, onV1 });
}

/**
 * Creates the temporary storage for layers of v1 registries, in `directory`; no file is created before one is needed.
 */
export function createV1Spool({ retries, onEvent }: ConnectionOptions, directory?: string): V1Spool {
  return new V1Spool({
    directory,
    retries,
    onRetry: (retry) => onEvent?.({ type: 'retrying', ...retry }),
  });
}
