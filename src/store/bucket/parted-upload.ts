import { createHash, type Hash } from 'node:crypto';
import { CHUNK_BYTES } from '../../content/chunks.js';
import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf } from '../../content/digest.js';
import { digestMismatch } from '../../content/verify.js';
import { isLadingError, RegistryError } from '../../errors.js';
import { UploadSource } from '../../registry/upload/source.js';
import type { Condition, Part, Payload, S3Client, Upload } from '../../s3/client.js';
import { MAX_PARTS } from '../../s3/options.js';
import type { OpenContent, PushOptions } from '../store.js';
import { abandon } from './abandon.js';
import { createMd5 } from './content-etag.js';
import type { PartMemory } from './part-memory.js';

const MEBIBYTE = 1024 * 1024;

/** Returns the size of the parts of a blob: larger than `least` if there would be too many. */
function partBytesOf(size: number, least: number): number {
  if (size <= least * MAX_PARTS) return least;
  return Math.ceil(size / MAX_PARTS / MEBIBYTE) * MEBIBYTE;
}

/**
 * A blob that is written in parts. The digest of each part is signed, so that the service refuses other bytes, and that of
 * the whole is computed here: parts are joined only if it is right. `write` can be called again after a failure and sends
 * what is missing; parts that an earlier run has sent are compared by their MD5, which the service gives as their ETag.
 */
export class PartedUpload {
  readonly #client: S3Client;
  readonly #key: string;
  readonly #descriptor: Descriptor;
  readonly #memory: PartMemory;
  readonly #partBytes: number;
  /** The digest of the first `#hashed` parts. */
  #hash: Hash;
  #hashed = 0;
  /** Digests of parts, by number − 1; what is read again must have the same. */
  readonly #digests: string[] = [];
  readonly #parts = new Map<number, Part>();
  /** Parts of an earlier run, which may have other bytes. */
  #earlier = new Map<number, Part>();
  #upload: Upload | undefined;

  constructor(
    client: S3Client,
    { key, descriptor, partBytes }: { key: string; descriptor: Descriptor; partBytes: number },
    memory: PartMemory,
  ) {
    this.#client = client;
    this.#key = key;
    this.#descriptor = descriptor;
    this.#memory = memory;
    this.#partBytes = partBytesOf(descriptor.size, partBytes);
    this.#hash = createHash(algorithmOf(descriptor.digest));
  }

  /** Resolves with false if the condition is not met: somebody else has written the blob. */
  async write(
    open: OpenContent,
    condition: Condition | undefined,
    options: PushOptions = {},
  ): Promise<boolean> {
    const { signal } = options;
    this.#upload ??= await this.#begin(signal);
    try {
      await this.#send(this.#upload, open, options);
      const actual = `${algorithmOf(this.#descriptor.digest)}:${this.#hash.copy().digest('hex')}`;
      if (actual !== this.#descriptor.digest) throw digestMismatch(this.#descriptor, actual);
      const parts = [...this.#parts.values()].sort((a, b) => a.number - b.number);
      const isDone = await this.#client.completeUpload(this.#upload, parts, { condition, signal });
      if (!isDone) await abandon(this.#client, this.#upload, signal);
      return isDone;
    } catch (error) {
      if (isLadingError(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH')) await this.#giveUp(signal);
      if (!isGone(error)) throw error;
      this.#forget();
      throw new RegistryError('CUT_SHORT', `the upload of ${this.#key} was ended by another program`, {
        cause: error,
      });
    }
  }

  /** Takes up what an earlier run left behind, if its parts are as large. */
  async #begin(signal: AbortSignal | undefined): Promise<Upload> {
    for (const upload of (await this.#earlierUploads(signal)).reverse()) {
      const { parts } = (await this.#client.stateOfUpload(upload, { signal })) ?? { parts: [] };
      if (parts.length === 0 || !parts.every(({ number, size }) => size === this.#sizeOf(number))) continue;
      this.#earlier = new Map(parts.map((part) => [part.number, part]));
      return upload;
    }
    return this.#client.createUpload(this.#key, { signal });
  }

  /** Without the permission to list them, or where the service cannot, there is nothing to take up. */
  async #earlierUploads(signal: AbortSignal | undefined): Promise<Upload[]> {
    try {
      return await this.#client.uploadsOf(this.#key, { signal });
    } catch (error) {
      if (isLadingError(error, 'DENIED', 'UNSUPPORTED', 'NOT_FOUND')) return [];
      throw error;
    }
  }

  /** Sends every part that is missing: some while the next one is read. */
  async #send(upload: Upload, open: OpenContent, { signal, onBytes }: PushOptions): Promise<void> {
    const source = new UploadSource(this.#descriptor, open, signal);
    const sending = new Set<Promise<void>>();
    let failure: { error: unknown } | undefined;
    try {
      for (let number = 1; number <= this.#count && failure === undefined; number += 1) {
        if (this.#parts.has(number)) continue;
        const buffer = await this.#memory.take();
        let payload: Payload | undefined;
        try {
          payload = await this.#fill(buffer, number, source, onBytes);
        } finally {
          if (payload === undefined) this.#memory.giveBack(buffer);
        }
        const sent = this.#sendPart(upload, number, payload, signal)
          .catch((error: unknown) => {
            failure ??= { error };
          })
          .finally(() => {
            this.#memory.giveBack(buffer);
            sending.delete(sent);
          });
        sending.add(sent);
      }
    } finally {
      await Promise.all(sending);
      source.close();
    }
    if (failure !== undefined) throw failure.error;
  }

  /** Reads a part, which may be a part that was read before: then only its digest is compared. */
  async #fill(
    buffer: Buffer,
    number: number,
    source: UploadSource,
    onBytes: PushOptions['onBytes'],
  ): Promise<Payload> {
    const start = (number - 1) * this.#partBytes;
    const size = this.#sizeOf(number);
    const isNext = number === this.#hashed + 1;
    const whole = isNext ? this.#hash.copy() : undefined;
    const own = createHash('sha256');
    let filled = 0;
    for await (const chunk of source.read(start, start + size)) {
      // A chunk's buffer may be used again by its source.
      chunk.copy(buffer, filled);
      filled += chunk.byteLength;
      own.update(chunk);
      whole?.update(chunk);
      onBytes?.(chunk.byteLength, 'fetched');
    }
    const sha256 = own.digest('hex');
    if (whole !== undefined) {
      this.#hash = whole;
      this.#hashed = number;
      this.#digests[number - 1] = sha256;
    } else if (this.#digests[number - 1] !== sha256)
      throw digestMismatch(this.#descriptor, 'another one each time that it is read');
    return { sha256, size, open: () => piecesOf(buffer.subarray(0, size)) };
  }

  async #sendPart(
    upload: Upload,
    number: number,
    payload: Payload,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const earlier = this.#earlier.get(number);
    const isThere = earlier !== undefined && earlier.etag === `"${await md5Of(payload)}"`;
    const part = isThere ? earlier : await this.#client.uploadPart(upload, number, payload, { signal });
    this.#parts.set(number, part);
  }

  get #count(): number {
    return Math.ceil(this.#descriptor.size / this.#partBytes);
  }

  #sizeOf(number: number): number {
    return Math.min(this.#partBytes, this.#descriptor.size - (number - 1) * this.#partBytes);
  }

  async #giveUp(signal: AbortSignal | undefined): Promise<void> {
    const upload = this.#upload;
    this.#forget();
    if (upload !== undefined) await abandon(this.#client, upload, signal);
  }

  #forget(): void {
    this.#upload = undefined;
    this.#parts.clear();
    this.#earlier.clear();
    this.#digests.length = 0;
    this.#hashed = 0;
    this.#hash = createHash(algorithmOf(this.#descriptor.digest));
  }
}

/** True if the service does not know the upload or a part of it any more: another program has completed or ended it. */
function isGone(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false;
  return error.registryCodes.some((code) =>
    ['NoSuchUpload', 'InvalidPart', 'InvalidPartOrder'].includes(code),
  );
}

/** In pieces, so that a service that takes nothing more is noticed, and a limited rate is kept. */
async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.byteLength; start += CHUNK_BYTES)
    yield bytes.subarray(start, start + CHUNK_BYTES);
}

/** Returns undefined where Node.js has no MD5: then no part of an earlier run is known to be the same. */
async function md5Of({ open }: Payload): Promise<string | undefined> {
  const hash = createMd5();
  if (hash === undefined) return undefined;
  for await (const piece of open() as AsyncIterable<Uint8Array>) hash.update(piece);
  return hash.digest('hex');
}
