import {
  createRegistryClient,
  type RegistryClient,
  type RegistryClientOptions,
} from '../../src/registry/client.js';
import { type Handler, serve, type TestServer } from '../registry/http-server.js';
import { type FaultProxy, startFaultProxy } from './fault-proxy.js';
import { startUploadRegistry, type UploadRegistry, type UploadRegistryOptions } from './upload-registry.js';

/** Starts registries and connects to them. */
export interface Registries {
  /** A registry that answers as a test says. */
  start(handler: Handler): Promise<TestServer>;
  /** A registry that takes pushes. */
  startRegistry(options?: UploadRegistryOptions): Promise<UploadRegistry>;
  /** What stands before a registry and spoils what `faultFor` says. */
  startProxy(registry: UploadRegistry, faultFor: FaultProxy['faultFor']): Promise<FaultProxy>;
  /** A client on plain http that neither waits nor looks at the environment. */
  connect(options?: RegistryClientOptions): RegistryClient;
  /** What else is to be closed after the test. */
  closing: (() => Promise<void>)[];
}

/** Gives the tests of a file registries and clients of them, which are closed after each test, the last first. */
export function useRegistries(defaults: RegistryClientOptions = {}): Registries {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  return {
    async start(handler) {
      const server = await serve(handler);
      closing.push(server.close);
      return server;
    },
    async startRegistry(options) {
      const registry = await startUploadRegistry(options);
      closing.push(registry.close);
      return registry;
    },
    async startProxy(registry, faultFor) {
      const proxy = await startFaultProxy(registry.host, faultFor);
      closing.push(proxy.stop);
      return proxy;
    },
    connect(options) {
      const client = createRegistryClient({
        plainHTTP: true,
        environment: {},
        wait: async () => {},
        ...defaults,
        ...options,
      });
      closing.push(() => client.close());
      return client;
    },
    closing,
  };
}
