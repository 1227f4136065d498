import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import type { OpenBlob, RegistryClient, RepositoryName, UploadSession } from '../../registry/client.js';
import { createTurns } from '../in-turn.js';
import type { OpenContent, PushOptions } from '../store.js';
import { regionChunks } from './region-chunks.js';
import type { UploadSessions } from './upload-sessions.js';

export interface BlobPusherOptions {
  chunkBytes?: number | undefined;
  uploadSessions?: UploadSessions | undefined;
}

/** A blob on its way: a push that failed is gone on with by the next. */
interface Upload {
  session: UploadSession | undefined;
  /** The byte up to which progress was told: what is sent twice counts once. */
  told: number;
}

/** Below this, sending all again costs less than remembering. */
const MIN_REMEMBERED_BYTES = 8 * 1024 * 1024;

/** Sends blobs to a repository, each once, by mount where that is possible. */
export class BlobPusher {
  readonly #client: RegistryClient;
  readonly #name: RepositoryName;
  readonly #options: BlobPusherOptions;
  readonly #present = new Set<Digest>();
  readonly #uploads = new Map<Digest, Upload>();
  readonly #inTurn = createTurns<Digest>();
  /** Repositories that nothing can be mounted from. */
  readonly #refused = new Set<string>();

  constructor(client: RegistryClient, name: RepositoryName, options: BlobPusherOptions) {
    this.#client = client;
    this.#name = name;
    this.#options = options;
  }

  push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    return this.#inTurn(descriptor.digest, () => this.#push(descriptor, open, options));
  }

  async mount(
    { digest }: Descriptor,
    fromRepository: string,
    { signal }: { signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    if (this.#present.has(digest)) return true;
    if (this.#refused.has(fromRepository)) return false;
    const result = await this.#client.mountBlob(this.#name, digest, fromRepository, { signal });
    switch (result.type) {
      case 'mounted':
        this.#present.add(digest);
        return true;
      case 'started':
        this.#uploads.set(digest, { session: result.session, told: 0 });
        return false;
      case 'refused':
        this.#refused.add(fromRepository);
        return false;
    }
  }

  async #push(
    descriptor: Descriptor,
    open: OpenContent,
    { signal, onBytes, region }: PushOptions,
  ): Promise<void> {
    const { digest } = descriptor;
    if (this.#present.has(digest)) return;
    const upload = this.#uploads.get(digest) ?? { session: await this.#remembered(descriptor), told: 0 };
    this.#uploads.set(digest, upload);
    const openBlob: OpenBlob =
      region?.size === descriptor.size ? async ({ start = 0 } = {}) => regionChunks(region, start) : open;
    await this.#client.uploadBlob(this.#name, descriptor, openBlob, {
      session: upload.session,
      chunkBytes: this.#options.chunkBytes,
      signal,
      retries: 0,
      onSession: async (session) => {
        upload.session = session;
        await this.#remember(descriptor, session);
      },
      onPosition: (position, origin) => {
        if (position <= upload.told) return;
        onBytes?.(position - upload.told, origin === 'kept' ? 'kept' : 'fetched');
        upload.told = position;
      },
    });
    this.#uploads.delete(digest);
    this.#present.add(digest);
  }

  async #remembered(descriptor: Descriptor): Promise<UploadSession | undefined> {
    if (descriptor.size < MIN_REMEMBERED_BYTES) return undefined;
    const saved = await this.#options.uploadSessions?.load(this.#key(descriptor));
    return saved && { ...saved, offset: saved.offset ?? 0, isCut: true };
  }

  async #remember(descriptor: Descriptor, session: UploadSession | undefined): Promise<void> {
    if (descriptor.size < MIN_REMEMBERED_BYTES) return;
    const key = this.#key(descriptor);
    if (session === undefined) return this.#options.uploadSessions?.remove(key);
    const { location, offset, minChunkBytes } = session;
    await this.#options.uploadSessions?.save(key, { location, offset, minChunkBytes });
  }

  #key({ digest }: Descriptor): string {
    return `${this.#name.registry}/${this.#name.repository}@${digest}`;
  }
}
