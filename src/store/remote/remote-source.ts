import type { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import type { Reference } from '../../content/reference.js';
import type { Region } from '../../disk/region.js';
import { isLadingError } from '../../errors.js';
import type { RegistryClient, RepositoryName } from '../../registry/client.js';
import { type ConnectionOptions, connect } from '../../registry/connect.js';
import type { FetchOptions, Referrer, SignalOption, Source, Wanted } from '../store.js';
import { createRemoteStore } from './remote.js';
import { createRemoteV1Store, type RemoteV1Store } from './remote-v1.js';
import { V1Spool } from './v1-spool.js';

export interface RemoteSourceOptions {
  /** Use the v1 protocol without trying v2 first; default false. */
  v1?: boolean | undefined;
  /** Shared by the sources of a run, and closed by its creator; default: one for this source. */
  spool?: V1Spool | undefined;
  /** Called once if the registry uses v1. */
  onV1?: (() => void) | undefined;
}

/** A repository for reading. */
export interface RemoteSource extends Source {
  /** True once the v1 protocol is used, which has no digests: those of its images are computed here. */
  readonly isV1: boolean;
  tags(options?: SignalOption): AsyncIterable<string>;
  /**
   * Returns what a tag stands for, according to a HEAD request; undefined if that does not say, and then `resolve`
   * reports why.
   */
  head(tag: string, options?: SignalOption): Promise<Descriptor | undefined>;
}

/**
 * Returns a repository of a registry, with the protocol that the registry supports: v1 is used only if `/v2/` does not
 * exist, which is checked when something is not found. The client is shared, and is not closed with the source.
 */
export function createRemoteSource(
  client: RegistryClient,
  name: RepositoryName,
  options: RemoteSourceOptions = {},
): RemoteSource {
  return new FallingBackSource(client, name, options);
}

type Tagged = Omit<RemoteSource, 'head' | 'isV1'>;

class FallingBackSource implements RemoteSource {
  readonly #client: RegistryClient;
  readonly #name: RepositoryName;
  readonly #options: RemoteSourceOptions;
  readonly #v2: Tagged;
  #v1: RemoteV1Store | undefined;
  #isV1: Promise<boolean> | undefined;

  constructor(client: RegistryClient, name: RepositoryName, options: RemoteSourceOptions) {
    this.#client = client;
    this.#name = name;
    this.#options = options;
    const tags = (signalOption?: SignalOption) => client.listTags(name, signalOption);
    this.#v2 = Object.assign(createRemoteStore(client, name, { asksMirrors: true }), { tags });
    if (options.v1) this.#turnToV1();
  }

  async resolve(reference: string, options: SignalOption = {}): Promise<Descriptor> {
    const asked = this.#store;
    try {
      return await asked.resolve(reference, options);
    } catch (error) {
      if (!(await this.#turnsToV1(asked, error, options))) throw error;
      return this.#store.resolve(reference, options);
    }
  }

  async *tags(options: SignalOption = {}): AsyncIterable<string> {
    const asked = this.#store;
    try {
      yield* asked.tags(options);
    } catch (error) {
      if (!(await this.#turnsToV1(asked, error, options))) throw error;
      yield* this.#store.tags(options);
    }
  }

  async head(tag: string, { signal }: SignalOption = {}): Promise<Descriptor | undefined> {
    if (this.#v1 !== undefined) return undefined;
    return this.#client.peekManifest(this.#name, tag, { signal, order: 'mirrors first' });
  }

  async *names(options: SignalOption = {}): AsyncIterable<NamedDescriptor> {
    for await (const tag of this.tags(options))
      yield { name: tag, descriptor: await this.resolve(tag, options) };
  }

  get isV1(): boolean {
    return this.#v1 !== undefined;
  }

  get location(): string {
    return this.#store.location;
  }

  get isLocal(): boolean {
    return this.#store.isLocal;
  }

  sizeOf(content: Wanted, options?: SignalOption): Promise<number | undefined> {
    return this.#store.sizeOf(content, options);
  }

  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<Readable> {
    return this.#store.fetch(descriptor, options);
  }

  referrers(subject: Descriptor, options?: SignalOption): AsyncIterable<Referrer> {
    return this.#store.referrers(subject, options);
  }

  async region(descriptor: Descriptor): Promise<Region | undefined> {
    return this.#store.region?.(descriptor);
  }

  async close(): Promise<void> {
    await Promise.all([this.#v2.close(), this.#v1?.close()]);
  }

  get #store(): Tagged {
    return this.#v1 ?? this.#v2;
  }

  /** True if the request should be repeated with v1; concurrent failures share one check. */
  async #turnsToV1(asked: Tagged, error: unknown, { signal }: SignalOption): Promise<boolean> {
    if (asked !== this.#v2 || !isLadingError(error, 'NOT_FOUND')) return false;
    this.#isV1 ??= this.#looksLikeV1(signal);
    if (!(await this.#isV1)) return false;
    if (this.#v1 === undefined) this.#turnToV1();
    return true;
  }

  async #looksLikeV1(signal: AbortSignal | undefined): Promise<boolean> {
    const { registry } = this.#name;
    try {
      await this.#client.ping(registry, { signal });
      return false;
    } catch (error) {
      if (!isLadingError(error, 'NOT_FOUND')) return false; // the original error says more about the image
      return (await this.#client.v1.ping(registry, { signal })) !== undefined;
    }
  }

  #turnToV1(): void {
    this.#v1 = createRemoteV1Store(this.#client.v1, this.#name, { spool: this.#options.spool });
    this.#options.onV1?.();
  }
}

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
