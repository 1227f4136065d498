import { createRegistryServer, type RegistryServer, type RegistryServerOptions } from '../server/server.js';
import { repositoriesOf } from '../store/repository-view.js';
import { openAnnounced } from './open-announced.js';

export interface ServeOptions {
  /** Default 127.0.0.1. */
  host?: string | undefined;
  /** Default 5000; 0 takes a free one. */
  port?: number | undefined;
  onRequest?: RegistryServerOptions['onRequest'];
  /** Told what the user should know and what stops nothing. */
  onWarning?: ((message: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface Serving {
  host: string;
  port: number;
  /** Paths of the repositories. */
  repositories: string[];
  close(): Promise<void>;
}

/** Is a registry over an archive or layout, in place: an image `HOST/REPOSITORY:TAG` is served as `/REPOSITORY:TAG`. */
export async function serve(path: string, options: ServeOptions = {}): Promise<Serving> {
  const { host, port, onRequest } = options;
  const store = await openAnnounced(path, options);
  let server: RegistryServer | undefined;
  try {
    const repositories = await repositoriesOf(store);
    server = createRegistryServer({
      openRepository: async (name) => repositories.get(name),
      listRepositories: async () => [...repositories.keys()],
      ...(onRequest !== undefined && { onRequest }),
    });
    const address = await server.listen({
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port }),
    });
    return {
      ...address,
      repositories: [...repositories.keys()].sort(),
      async close() {
        await server?.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
