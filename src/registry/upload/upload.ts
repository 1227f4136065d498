import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf, isDigest } from '../../content/digest.js';
import { ContentError, isLadingError, RegistryError } from '../../errors.js';
import { isRetryable } from '../../retry.js';
import { headBlob } from '../blobs.js';
import { discard } from '../http/body.js';
import { header } from '../http/headers.js';
import type { RegistryRequest } from '../http/registry-request.js';
import type { Requester } from '../http/request.js';
import type { TransportResponse } from '../http/response.js';
import { HEADER } from '../protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from '../repository.js';
import type { UploadLimits } from './limits.js';
import {
  askOffset,
  completionTarget,
  locationIn,
  startUpload,
  type UploadSession,
  uploadRequest,
} from './session.js';
import { type OpenBlob, UploadSource } from './source.js';
import { UploadWay } from './way.js';

export interface UploadOptions extends CallOptions {
  /** An upload to continue: one that a mount started, or one that an earlier attempt left. */
  session?: UploadSession | undefined;
  /** Size of a chunk in bytes; default: everything at once, or what the registry asks for. */
  chunkBytes?: number | undefined;
  /** Called with each state from which a later call can continue, and with undefined when there is none any more. */
  onSession?: ((session: UploadSession | undefined) => Promise<void> | void) | undefined;
  /** Called with the number of bytes: first with those that the registry already had, then as bytes are sent. */
  onPosition?: ((position: number, origin: 'kept' | 'sent') => void) | undefined;
}

/** How many times a lost upload is started again. */
const MAX_RESTARTS = 2;
/** Before it answers the last request, a registry computes the digest of all bytes and may move them. */
const COMPLETION_TIMEOUT_MS = 10 * 60_000;

/**
 * Sends a blob: in one request if possible, in chunks if the registry or a proxy requires that, and from the byte that
 * the registry has if an earlier attempt was cut off. This is one attempt: after an error that may be temporary (a
 * broken connection, a 503) it calls `onSession` with the state and throws a retryable error. Throws `DIGEST_MISMATCH`
 * if the registry received other bytes. (distribution-spec, "Pushing blobs")
 */
export async function uploadBlob(
  request: Requester,
  limits: UploadLimits,
  name: RepositoryName,
  descriptor: Descriptor,
  open: OpenBlob,
  options: UploadOptions = {},
): Promise<void> {
  const source = new UploadSource(descriptor, open, options.signal);
  try {
    await new BlobUpload(request, limits, name, descriptor, source, options).run();
  } finally {
    source.close();
  }
}

/** The registry no longer knows the upload, or cannot continue it. */
class LostUpload extends Error {
  constructor(override readonly cause: unknown) {
    super('the upload is lost');
  }
}

class BlobUpload {
  readonly #request: Requester;
  readonly #name: RepositoryName;
  readonly #descriptor: Descriptor;
  readonly #source: UploadSource;
  readonly #options: UploadOptions;
  readonly #way: UploadWay;
  #session: UploadSession;
  /** Whether bytes were sent, so that a connection error means that the connection broke. */
  #hasSent = false;

  constructor(
    request: Requester,
    limits: UploadLimits,
    name: RepositoryName,
    descriptor: Descriptor,
    source: UploadSource,
    options: UploadOptions,
  ) {
    this.#request = request;
    this.#name = name;
    this.#descriptor = descriptor;
    this.#source = source;
    this.#options = options;
    this.#way = new UploadWay({
      registry: name.registry,
      limits,
      size: descriptor.size,
      chunkBytes: options.chunkBytes,
      isAgain: options.session?.isCut === true,
    });
    this.#session = options.session ?? { location: '', offset: 0, isCut: false };
  }

  async run(): Promise<void> {
    let isBegun = this.#options.session !== undefined;
    for (let restarts = 0; ; restarts += 1) {
      try {
        if (!isBegun) await this.#remember(await startUpload(...this.#call()));
        await this.#send();
        this.#way.acceptBlob();
        return await this.#forget();
      } catch (error) {
        if (!(error instanceof LostUpload)) throw error;
        await this.#forget();
        // The upload may have been completed and only the response lost.
        if (await this.#isThere()) return;
        if (restarts === MAX_RESTARTS) throw error.cause;
        isBegun = false;
      }
    }
  }

  /** Sends all missing bytes in the way that the registry accepts. */
  async #send(): Promise<void> {
    for (;;) {
      try {
        if (this.#session.isCut) await this.#synchronize();
        await this.#sendRest();
        return;
      } catch (error) {
        this.#source.close();
        if (this.#source.failure !== undefined && !this.#options.signal?.aborted) throw this.#source.failure;
        if (!(await this.#adapt(error))) throw error;
      }
    }
  }

  async #sendRest(): Promise<void> {
    const { size } = this.#descriptor;
    const { isWhole, chunkBytes } = this.#way.choose(this.#session);
    if (isWhole) return this.#complete(0);
    while (this.#session.offset < size) {
      await this.#sendChunk(Math.min(chunkBytes, size - this.#session.offset));
    }
    await this.#complete(size);
  }

  /**
   * Sends a chunk. (distribution-spec, end-5) The `Range` of the response is ignored, because some registries send that
   * of the last or the first chunk only.
   */
  async #sendChunk(length: number): Promise<void> {
    const { offset } = this.#session;
    const end = offset + length;
    const headers = { 'content-range': `${offset}-${end - 1}` };
    const answer = await this.#exchange('PATCH', this.#session.location, offset, end, headers);
    this.#way.acceptChunk();
    await this.#remember({
      ...this.#session,
      location: locationIn(answer) ?? this.#session.location,
      offset: end,
      isCut: false,
    });
  }

  /** Ends the upload with a PUT of the bytes from `start`. (distribution-spec, end-6) */
  async #complete(start: number): Promise<void> {
    const { digest, size } = this.#descriptor;
    const answer = await this.#exchange('PUT', completionTarget(this.#session, digest), start, size);
    // Some registries accept a blob with another status than 201, and others have not stored it then.
    if (answer.status !== 201) await this.#requireThere(answer.status);
    const named = header(answer.headers, HEADER.contentDigest);
    // distribution 2.8 answers with the sha256 of a blob that was pushed by its sha512.
    if (isDigest(named) && named !== digest && algorithmOf(named) === algorithmOf(digest)) {
      throw new RegistryError('REGISTRY', `${this.#what}: the registry stored it as ${named}`);
    }
  }

  async #requireThere(status: number): Promise<void> {
    if (await this.#isThere()) return;
    const message = `${this.#what}: the registry answered with status ${status} but did not store it`;
    const error = new RegistryError('REGISTRY', message, {
      hint: 'Ask the owner of the registry how to push to it.',
    });
    throw this.#way.refuseWhole() ? new LostUpload(error) : error;
  }

  /** Sends the bytes from `start` up to but not including `end`, which may be none. */
  async #exchange(
    method: 'PATCH' | 'PUT',
    target: string,
    start: number,
    end: number,
    headers: Record<string, string> = {},
  ): Promise<TransportResponse> {
    let isSent = false;
    const message: RegistryRequest = {
      ...uploadRequest(this.#name, this.#descriptor.digest, this.#options),
      method,
      target,
      answerTimeoutMs: method === 'PUT' ? COMPLETION_TIMEOUT_MS : undefined,
      ...(start === end ? {} : { retries: 0 }),
    };
    if (start < end) {
      message.headers = {
        'content-type': 'application/octet-stream',
        'content-length': String(end - start),
        ...headers,
      };
      message.body = () => {
        // If the requester retries after a 401 (an expired token), the same bytes are sent again.
        if (isSent) this.#source.close();
        isSent = true;
        return this.#body(start, end);
      };
    }
    this.#hasSent = false;
    try {
      return await this.#request(message, async (response) => {
        await discard(response.body);
        return response;
      });
    } catch (error) {
      await this.#remember({ ...this.#session, isCut: true });
      throw isLadingError(error, 'UNREACHABLE') && this.#hasSent ? this.#brokenOff(error) : error;
    }
  }

  async *#body(start: number, end: number): AsyncGenerator<Uint8Array> {
    let position = start;
    for await (const chunk of this.#source.read(start, end)) {
      yield chunk;
      this.#hasSent = true;
      position += chunk.byteLength;
      this.#options.onPosition?.(position, 'sent');
    }
  }

  /** Asks the registry which bytes it has. */
  async #synchronize(): Promise<void> {
    let session: UploadSession;
    try {
      const [request, name, digest, options] = this.#call();
      session = await askOffset(request, name, digest, this.#session, options);
    } catch (error) {
      if (isLadingError(error, 'ABORTED') || isRetryable(error)) throw error;
      throw new LostUpload(error); // 404, a registry that does not support the request (405), or a URL that must not be used
    }
    if (session.offset > this.#descriptor.size) throw new LostUpload(this.#outOfStep());
    await this.#remember(session);
    if (session.offset > 0) this.#options.onPosition?.(session.offset, 'kept');
  }

  /** Chooses another way to send after a refusal; returns false if there is none. */
  async #adapt(error: unknown): Promise<boolean> {
    if (!(error instanceof RegistryError)) return false;
    const reaction = this.#way.after(error, this.#session);
    switch (reaction.type) {
      case 'go on':
        this.#session = reaction.session;
        return true;
      case 'start again':
        throw new LostUpload(error);
      case 'other content':
        await this.#forget();
        throw this.#otherBytes(error);
      case 'give up':
        return false;
    }
  }

  async #remember(session: UploadSession): Promise<void> {
    this.#session = session;
    await this.#options.onSession?.(session);
  }

  async #forget(): Promise<void> {
    await this.#options.onSession?.(undefined);
  }

  async #isThere(): Promise<boolean> {
    const expected = this.#descriptor.size;
    const [request, name, digest, options] = this.#call();
    const head = await headBlob(request, name, digest, { ...options, order: 'registry only', expected });
    return head?.size === expected;
  }

  #call(): [Requester, RepositoryName, Descriptor['digest'], CallOptions] {
    const { signal, retries } = this.#options;
    return [this.#request, this.#name, this.#descriptor.digest, { signal, retries }];
  }

  get #what(): string {
    return `upload of ${this.#descriptor.digest} to ${repositoryText(this.#name)}`;
  }

  #brokenOff(cause: unknown): RegistryError {
    return new RegistryError('CUT_SHORT', `${this.#what}: the connection broke`, {
      cause,
      hint: 'Run the command again; it continues from the bytes that the registry has.',
    });
  }

  #outOfStep(): RegistryError {
    return new RegistryError('REGISTRY', `${this.#what}: the registry has more bytes than the blob`);
  }

  #otherBytes(cause: RegistryError): ContentError {
    return new ContentError('DIGEST_MISMATCH', `${this.#what}: the registry received other content`, {
      cause,
      hint: 'The blob was damaged where it is read from or on its way; check where it is read from, or ask for it again.',
      remedy: 'verify',
    });
  }
}
