import { open } from 'node:fs/promises';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import type { Region } from '../../disk/region.js';
import { readFailure } from '../../disk/region.js';
import { LadingError, RegistryError } from '../../errors.js';
import { createTurns } from '../../in-turn.js';
import type {
  CallOptions,
  MountResult,
  OpenBlob,
  RegistryClient,
  RepositoryName,
  UploadSession,
} from '../../registry/client.js';
import type { OpenContent, PushOptions } from '../store.js';
import type { UploadSessions } from './upload-sessions.js';

const REGION_CHUNK_BYTES = 1024 * 1024;
/** One buffer is being sent, the socket may still hold a small one before it, and one is read meanwhile. */
const BUFFERS = 3;

export interface BlobPusherOptions {
  chunkBytes?: number | undefined;
  uploadSessions?: UploadSessions | undefined;
}

/** A blob that is being uploaded; the next attempt continues one that failed. */
interface Upload {
  session: UploadSession | undefined;
  /** Resolves when the last reported state of the session is stored. */
  remembered: Promise<void>;
  /** The position up to which progress was reported, so that bytes that are sent twice count once. */
  reported: number;
}

/** Below this size, sending everything again costs less than storing the state. */
const MIN_REMEMBERED_BYTES = 8 * 1024 * 1024;

/** Pushes blobs to a repository, each once, by mounting if possible. */
export class BlobPusher {
  readonly #client: RegistryClient;
  readonly #name: RepositoryName;
  readonly #options: BlobPusherOptions;
  readonly #present = new Set<Digest>();
  readonly #uploads = new Map<Digest, Upload>();
  readonly #inTurn = createTurns<Digest>();
  /** Repositories from which nothing can be mounted. */
  readonly #refused = new Set<string>();

  constructor(client: RegistryClient, name: RepositoryName, options: BlobPusherOptions) {
    this.#client = client;
    this.#name = name;
    this.#options = options;
  }

  push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    return this.#inTurn(descriptor.digest, () => this.#push(descriptor, open, options));
  }

  async mount(descriptor: Descriptor, fromRepository: string, options: CallOptions): Promise<boolean> {
    if (this.#present.has(descriptor.digest)) return true;
    if (this.#refused.has(fromRepository)) return false;
    const type = await this.#take(descriptor, fromRepository, options);
    if (type === 'refused') this.#refused.add(fromRepository);
    return type === 'mounted';
  }

  /**
   * Mounts the blob from the repository itself, which replaces a lookup and the start of an upload by one request.
   * Resolves with true if the blob is present, false if its upload was begun, and undefined if the registry does not
   * support it.
   */
  async begin(
    descriptor: Descriptor,
    { signal }: { signal?: AbortSignal | undefined },
  ): Promise<boolean | undefined> {
    try {
      const type = await this.#take(descriptor, this.#name.repository, { signal, retries: 0 });
      return type === 'refused' ? undefined : type === 'mounted';
    } catch (error) {
      // No other client sends this request, so ignore errors: the usual lookup reports real problems.
      if (error instanceof RegistryError && !signal?.aborted) return undefined;
      throw error;
    }
  }

  async #take(descriptor: Descriptor, from: string, options: CallOptions): Promise<MountResult['type']> {
    const { digest } = descriptor;
    const result = await this.#client.mountBlob(this.#name, digest, from, options);
    if (result.type === 'mounted') this.#present.add(digest);
    if (result.type === 'started') {
      // Continue an interrupted upload instead, of which the registry has some bytes already.
      const upload = this.#uploads.get(digest) ?? beginning(await this.#remembered(descriptor));
      upload.session ??= result.session;
      this.#uploads.set(digest, upload);
    }
    return result.type;
  }

  async #push(
    descriptor: Descriptor,
    open: OpenContent,
    { signal, onBytes, region }: PushOptions,
  ): Promise<void> {
    const { digest } = descriptor;
    if (this.#present.has(digest)) return;
    const upload = this.#uploads.get(digest) ?? beginning(await this.#remembered(descriptor));
    this.#uploads.set(digest, upload);
    const openBlob: OpenBlob =
      region?.size === descriptor.size ? async ({ start = 0 } = {}) => regionChunks(region, start) : open;
    const sending = this.#client.uploadBlob(this.#name, descriptor, openBlob, {
      session: upload.session,
      chunkBytes: this.#options.chunkBytes,
      signal,
      retries: 0,
      onSession: (session) => {
        upload.session = session;
        const earlier = upload.remembered;
        const remembered = this.#remember(descriptor, session).then(() => earlier);
        remembered.catch(() => undefined); // reported after everything is sent
        upload.remembered = remembered;
        // The first byte does not wait for this, because a synced write takes as long as many a request. Later chunks
        // do: otherwise a run that is killed would send the chunk again.
        return session !== undefined && session.offset > 0 ? remembered : undefined;
      },
      onPosition: (position, origin) => {
        if (position <= upload.reported) return;
        onBytes?.(position - upload.reported, origin === 'kept' ? 'kept' : 'fetched');
        upload.reported = position;
      },
    });
    await sending.finally(() => upload.remembered);
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

function beginning(session: UploadSession | undefined): Upload {
  return { session, remembered: Promise.resolve(), reported: 0 };
}

/**
 * Yields the bytes of a region from `start`. A chunk is valid only until two more are requested, so the reader must
 * send each one and wait. With reused buffers, sending 300 MB takes 0.24 s of processor time, against 0.6 s with new
 * ones.
 */
async function* regionChunks(region: Region, start: number): AsyncGenerator<Buffer> {
  const file = await open(region.path).catch((error: unknown) => {
    throw readFailure(region.path, error);
  });
  let reading: Promise<Buffer> | undefined;
  try {
    const buffers = Array.from({ length: BUFFERS }, () =>
      Buffer.allocUnsafeSlow(Math.min(REGION_CHUNK_BYTES, Math.max(1, region.size - start))),
    );
    const readInto = async (buffer: Buffer, position: number): Promise<Buffer> => {
      const length = Math.min(buffer.byteLength, region.size - position);
      const { bytesRead } = await file.read(buffer, 0, length, region.offset + position);
      if (bytesRead === 0) throw new LadingError('IO', `${region.path} was truncated while it was read`);
      return buffer.subarray(0, bytesRead);
    };
    let position = start;
    for (let turn = 0; position < region.size; turn += 1) {
      const chunk = await (reading ?? readInto(turnOf(buffers, turn), position));
      position += chunk.byteLength;
      reading = position < region.size ? readInto(turnOf(buffers, turn + 1), position) : undefined;
      reading?.catch(() => undefined); // awaited in the next turn, unless the reader has stopped
      yield chunk;
    }
  } catch (error) {
    throw error instanceof LadingError ? error : readFailure(region.path, error);
  } finally {
    // Wait for a read in progress: after close() its file descriptor could be one of another file.
    await reading?.catch(() => undefined);
    await file.close();
  }
}

function turnOf(buffers: readonly Buffer[], turn: number): Buffer {
  const buffer = buffers[turn % buffers.length];
  if (buffer === undefined) throw new Error('there are buffers');
  return buffer;
}
