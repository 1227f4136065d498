import { digestOf } from '../../src/content/digest.js';
import type { RegistryClient, RegistryClientOptions } from '../../src/registry/client.js';
import type { RepositoryName } from '../../src/registry/repository.js';
import { useRegistries } from '../support/registries.js';
import type { Handler, TestServer } from './http-server.js';

export const manifest = Buffer.from('{"schemaVersion":2}');
export const manifestDigest = digestOf(manifest);
export const content = Buffer.from('0123456789');
export const blob = digestOf(content);

/** A repository at a registry with the test's handler, and the client's name for it. */
export interface TestRepository {
  start(handler: Handler): Promise<{ server: TestServer; name: RepositoryName }>;
  connect(options?: RegistryClientOptions): RegistryClient;
}

/** Sets up a repository for the tests of a file; closes it after each test. */
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
