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
  /** Starts a registry that answers as the test says. */
  start(handler: Handler): Promise<TestServer>;
  /** Starts a registry that accepts pushes. */
  startRegistry(options?: UploadRegistryOptions): Promise<UploadRegistry>;
  /** Starts a proxy in front of a registry, with the faults that `faultFor` returns. */
  startProxy(registry: UploadRegistry, faultFor: FaultProxy['faultFor']): Promise<FaultProxy>;
  /** Returns a client on plain http that does not wait between retries and ignores the environment. */
  connect(options?: RegistryClientOptions): RegistryClient;
  /** Registers something else to close after the test. */
  closing: (() => Promise<void>)[];
}

/** Provides the tests of a file with registries and clients, which are closed after each test, the last first. */
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
