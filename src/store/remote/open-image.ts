import type { Reference } from '../../content/reference.js';
import type { RegistryClient } from '../../registry/client.js';
import { type ConnectionOptions, connect } from '../../registry/connect.js';
import { createV1Spool, openRepository } from './open-repository.js';
import type { RemoteSource } from './remote-source.js';

/** The repository of an image, with its own connections. */
export interface OpenedImage {
  client: RegistryClient;
  store: RemoteSource;
  close(): Promise<void>;
}

/** Opens the repository that `reference` names; the caller closes it. */
export async function openImage(reference: Reference, options: ConnectionOptions): Promise<OpenedImage> {
  const client = await connect(options, [reference.registry]);
  const spool = createV1Spool(options);
  return {
    client,
    store: openRepository(client, reference, spool, options),
    close: () => spool.close().finally(() => client.close()),
  };
}
