import type { FileHandle } from 'node:fs/promises';
import { createDigester, type Digest, type Digester } from '../../content/digest.js';
import { diskError } from '../../disk/disk.js';
import { ContentError, isLadingError } from '../../errors.js';
import type { V1ImageAnswer, V1Repository } from '../../registry/client.js';
import { wait as waitByTimer } from '../../registry/http/abort.js';
import { createPayloadVerifier, type PayloadVerifier } from '../../registry/v1/checksum.js';
import { DEFAULT_RETRIES, delayBefore, isRetryable } from '../../retry.js';

export interface V1DownloadOptions {
  /** Attempts per layer after the first; default 5. */
  retries?: number | undefined;
  /** Called for the bytes of a layer that arrived; `size` is the size of the layer, if the registry states it. */
  onBytes?: ((progress: { id: string; bytes: number; size: number | undefined }) => void) | undefined;
  onRetry?: ((retry: { what: string; attempt: number; delayMs: number; error: unknown }) => void) | undefined;
  /** Pauses before a retry; default: a timer. */
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
}

/** If this many bytes arrived since the last failure, the next one counts as the first again. */
const PROGRESS_BYTES = 1024 * 1024;

/** Downloads one layer into its file, and resumes after an interruption. */
export class V1LayerDownload {
  readonly #what: string;
  #received = 0;
  #size: number | undefined;
  #wasDamaged = false;
  #digester: Digester = createDigester();
  #payload: PayloadVerifier;

  constructor(
    private readonly repository: V1Repository,
    private readonly id: string,
    private readonly image: V1ImageAnswer,
    private readonly options: V1DownloadOptions & { handle: FileHandle; path: string },
  ) {
    this.#what = `the layer of v1 image ${id}`;
    this.#payload = this.#newPayload();
  }

  /** Resolves with the digest of the layer as it was sent. */
  async run(signal: AbortSignal): Promise<Digest> {
    const { retries = DEFAULT_RETRIES, wait = waitByTimer, onRetry } = this.options;
    let receivedAtFailure = 0;
    for (let failures = 1; ; failures += 1) {
      try {
        await this.#receive(signal);
        this.#payload.finish();
        return this.#digester.digest();
      } catch (error) {
        if (signal.aborted || !isRetryable(error)) throw error;
        if (this.#received - receivedAtFailure >= PROGRESS_BYTES) failures = 1;
        if (failures > retries) throw error;
        if (isLadingError(error, 'DIGEST_MISMATCH')) await this.#startOver(error);
        receivedAtFailure = this.#received;
        const delayMs = delayBefore(failures, error);
        onRetry?.({ what: this.#what, attempt: failures, delayMs, error });
        await wait(delayMs, signal);
      }
    }
  }

  async #receive(signal: AbortSignal): Promise<void> {
    const answer = await this.repository.layer(this.id, {
      start: this.#received,
      size: this.#size,
      signal,
      retries: 0,
    });
    this.#size ??= this.#agreedSize(answer.size);
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      if (this.#size !== undefined && this.#received + chunk.byteLength > this.#size)
        throw this.#wrongSize(`more than ${this.#size}`, 'SIZE_MISMATCH');
      await this.#write(chunk);
      this.#digester.update(chunk);
      this.#payload.update(chunk);
      this.#received += chunk.byteLength;
      this.options.onBytes?.({ id: this.id, bytes: chunk.byteLength, size: this.#size });
    }
    if (this.#size !== undefined && this.#received < this.#size)
      throw this.#wrongSize(`${this.#received} of ${this.#size}`, 'CUT_SHORT');
  }

  /** Compares `X-Docker-Size`, which is known in advance, with the length of the response. */
  #agreedSize(answered: number | undefined): number | undefined {
    const { layerSize } = this.image;
    if (answered !== undefined && layerSize !== undefined && answered !== layerSize)
      throw this.#wrongSize(`${answered} where X-Docker-Size says ${layerSize}`, 'SIZE_MISMATCH');
    return answered ?? layerSize;
  }

  async #write(chunk: Buffer): Promise<void> {
    try {
      let written = 0;
      while (written < chunk.byteLength)
        written += (await this.options.handle.write(chunk, written, chunk.byteLength - written)).bytesWritten;
    } catch (error) {
      throw diskError(error, this.options.path);
    }
  }

  /**
   * Discards everything, because the damage may be anywhere. If it is damaged again, the registry's copy is damaged.
   */
  async #startOver(error: unknown): Promise<void> {
    if (this.#wasDamaged) throw error;
    this.#wasDamaged = true;
    await this.options.handle.truncate(0);
    this.#received = 0;
    this.#digester = createDigester();
    this.#payload = this.#newPayload();
  }

  #newPayload(): PayloadVerifier {
    return createPayloadVerifier(this.image.json, this.image.checksums, this.#what);
  }

  #wrongSize(problem: string, code: 'SIZE_MISMATCH' | 'CUT_SHORT'): ContentError {
    return new ContentError(code, `${this.#what} has another size: ${problem} bytes came`);
  }
}
