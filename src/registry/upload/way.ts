import type { RegistryError } from '../../errors.js';
import { chunkBytesFor, mayBeOfBody, type UploadLimits } from './limits.js';
import type { UploadSession } from './session.js';

interface UploadWayOptions {
  registry: string;
  limits: UploadLimits;
  /** Of the blob. */
  size: number;
  /** Size of a chunk in bytes; default: everything at once, or what the registry asks for. */
  chunkBytes?: number | undefined;
  /** Whether an earlier attempt was cut off. */
  isAgain: boolean;
}

/** What to do after a refusal. */
type Reaction =
  /** Send the missing bytes, in the way that is chosen now, from where this session is. */
  | { type: 'go on'; session: UploadSession }
  /** Send all bytes in the way that is chosen now, in another upload. */
  | { type: 'start again' }
  /** Forget the upload: the registry received other content. */
  | { type: 'other content' }
  /** There is no other way. */
  | { type: 'give up' };

const START_AGAIN: Reaction = { type: 'start again' };
const GIVE_UP: Reaction = { type: 'give up' };

/** In which way the bytes of a blob are sent: all in one PUT, or in chunks of which size; and which is tried next. */
export class UploadWay {
  readonly #options: UploadWayOptions;
  /** Whether all bytes are sent in one PUT. */
  #isWhole = false;
  #isWholeRefused: boolean;
  #isChunkRefused = false;
  /** The offset at which the registry first answered with 416. */
  #refusedOffset: number | undefined;
  #refusals = 0;

  constructor(options: UploadWayOptions) {
    this.#options = options;
    this.#isWholeRefused = options.limits.endsWithoutBody(options.registry);
  }

  /** Chooses how to send what is missing: in one PUT, or in chunks of at most so many bytes. */
  choose(session: UploadSession): { isWhole: boolean; chunkBytes: number } {
    const chunkBytes = this.#chunkBytes(session);
    this.#isWhole = session.offset === 0 && this.#options.size <= chunkBytes && !this.#isWholeRefused;
    return { isWhole: this.#isWhole, chunkBytes };
  }

  /** Chooses another way to send after a refusal. */
  after(error: RegistryError, session: UploadSession): Reaction {
    const { status, registryCodes } = error;
    if (this.#isWhole && !this.#isWholeRefused && mayBeOfBody(error, this.#options)) {
      this.#isWholeRefused = true;
      return START_AGAIN;
    }
    if (registryCodes.includes('DIGEST_INVALID')) return { type: 'other content' };
    switch (status) {
      case 404:
      case 410:
        return START_AGAIN;
      case 405:
      case 501:
        return this.#useOtherWay(session);
      case 413:
        return this.#useSmaller(session);
      case 416:
        return this.#askAgain(session);
      default:
        return GIVE_UP;
    }
  }

  /** No longer sends all in one PUT; returns false if the bytes were not sent so, or if that was refused before. */
  refuseWhole(): boolean {
    if (!this.#isWhole || this.#isWholeRefused) return false;
    this.#isWholeRefused = true;
    return true;
  }

  /** Records that the registry accepted a chunk. */
  acceptChunk(): void {
    this.#refusals = 0;
  }

  /** Records that the registry has the blob, so that others are sent to it in the same way. */
  acceptBlob(): void {
    const { limits, registry } = this.#options;
    if (this.#isWholeRefused) limits.endWithoutBody(registry);
  }

  #chunkBytes(session: UploadSession): number {
    const { limits, registry, chunkBytes } = this.#options;
    if (this.#isChunkRefused) return Number.POSITIVE_INFINITY;
    return chunkBytesFor(limits, registry, session, chunkBytes);
  }

  /** If the body is small already, the limit may apply to PUT only. */
  #useSmaller(session: UploadSession): Reaction {
    const { limits, registry } = this.#options;
    if (limits.lower(registry, this.#lastLength(session), session.minChunkBytes))
      return { type: 'go on', session };
    return this.refuseWhole() ? START_AGAIN : GIVE_UP;
  }

  /** A registry may accept blobs only as a whole, or only in chunks. */
  #useOtherWay(session: UploadSession): Reaction {
    if (this.#isWhole) return this.refuseWhole() ? { type: 'go on', session } : GIVE_UP;
    return this.#refuseChunks() ? START_AGAIN : GIVE_UP;
  }

  /**
   * After a 416, asks the registry for its offset, once per chunk; after a second one, uses our own offset; then starts
   * again and sends everything at once.
   */
  #askAgain(session: UploadSession): Reaction {
    const { offset } = session;
    this.#refusals += 1;
    if (this.#refusals === 1) {
      this.#refusedOffset = offset;
      return { type: 'go on', session };
    }
    const own = this.#refusedOffset;
    if (this.#refusals === 2 && own !== undefined && own !== offset)
      return { type: 'go on', session: { ...session, offset: own, isCut: false } };
    return this.#refuseChunks() ? START_AGAIN : GIVE_UP;
  }

  #lastLength(session: UploadSession): number {
    return Math.min(this.#chunkBytes(session), this.#options.size - session.offset);
  }

  /** No longer sends chunks; returns false if they were refused before. */
  #refuseChunks(): boolean {
    if (this.#isChunkRefused) return false;
    this.#isChunkRefused = true;
    return true;
  }
}
