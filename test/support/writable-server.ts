import type { WritableOptions } from '../../src/server/push/push.js';
import type { RegistryServerOptions } from '../../src/server/server.js';
import type { Content } from './images.js';
import { createMemoryRepositories, type MemoryRepositories } from './memory-repositories.js';
import { ask, type Reply, type Served, serve } from './registry-server.js';

export interface WritableServed extends Served {
  repositories: MemoryRepositories;
  /** Starts an upload and returns its path. */
  begin(repository?: string): Promise<string>;
  /** Pushes a blob in one request. */
  pushBlob(content: Content, repository?: string): Promise<Reply>;
  pushManifest(content: Content, reference?: string, repository?: string): Promise<Reply>;
  /** Pushes contents in this order, as blobs or manifests. */
  pushAll(contents: Iterable<Content>, repository?: string): Promise<void>;
}

/** Starts a registry in memory that accepts pushes. */
export async function serveWritable(
  writable: Partial<WritableOptions> = {},
  options: Partial<RegistryServerOptions> = {},
): Promise<WritableServed> {
  const repositories = createMemoryRepositories();
  const served = await serve(
    {},
    {
      openRepository: repositories.openRepository,
      listRepositories: repositories.listRepositories,
      writable: { repositories, ...writable },
      ...options,
    },
  );

  const pushBlob: WritableServed['pushBlob'] = ({ descriptor, bytes }, repository = 'a') =>
    ask(served.port, `/v2/${repository}/blobs/uploads/?digest=${descriptor.digest}`, {
      method: 'POST',
      body: bytes,
    });
  const pushManifest: WritableServed['pushManifest'] = ({ descriptor, bytes }, reference, repository = 'a') =>
    ask(served.port, `/v2/${repository}/manifests/${reference ?? descriptor.digest}`, {
      method: 'PUT',
      headers: { 'Content-Type': descriptor.mediaType },
      body: bytes,
    });

  return {
    ...served,
    repositories,
    pushBlob,
    pushManifest,
    async begin(repository = 'a') {
      const { headers } = await served.ask(`/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      return headers.location ?? '';
    },
    async pushAll(contents, repository) {
      for (const content of contents) {
        const isManifest = /manifest|index/.test(content.descriptor.mediaType);
        const { status, body } = isManifest
          ? await pushManifest(content, undefined, repository)
          : await pushBlob(content, repository);
        if (status !== 201) throw new Error(`${content.descriptor.digest}: ${status} ${body}`);
      }
    },
  };
}
