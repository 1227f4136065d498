import { digestOf } from '../../src/content/digest.js';
import type { RegistryClient, RegistryClientOptions } from '../../src/registry/client.js';
import type { RepositoryName } from '../../src/registry/repository.js';
import { useRegistries } from '../support/registries.js';
import type { Handler, TestServer } from './http-server.js';

export const manifest = Buffer.from('{"schemaVersion":2}');
export const manifestDigest = digestOf(manifest);
export const content = Buffer.from('0123456789');
export const blob = digestOf(content);

/** A repository whose registry answers as a test says, and how a client knows it. */
export interface TestRepository {
  start(handler: Handler): Promise<{ server: TestServer; name: RepositoryName }>;
  connect(options?: RegistryClientOptions): RegistryClient;
}

/** Gives the tests of a file a repository to ask, which is closed after each of them. */
export function useRepository(): TestRepository {
  const { start, connect } = useRegistries();
  return {
    async start(handler) {
      const server = await start(handler);
      return { server, name: { registry: server.host, repository: 'team/app' } };
    },
    connect,
  };
}
