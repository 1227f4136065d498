import type { IncomingMessage, ServerResponse } from 'node:http';

/** The body of a request, which is read only on demand. */
export interface RequestBody {
  /** Starts reading. Ending the loop early does not close the connection, which is still needed for the response. */
  read(): AsyncIterable<Buffer>;
  /** Number of bytes read so far. */
  readonly bytes: number;
  /** Whether part of the body has not been received yet. */
  readonly isUnread: boolean;
  /** Reads and drops the rest, up to a limit; resolves when there is nothing more to wait for. */
  discard(): Promise<void>;
}

/**
 * Maximum number of bytes that are read and dropped. Closing at once could lose the response for a client that reads it
 * only after sending everything (RFC 9112, 9.6); reading everything would let any client keep the server busy.
 */
const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;

/**
 * Returns the body of `request`. If `expectsContinue`, the client waits for 100 Continue, which is sent when the body
 * is read. (RFC 9110, 10.1.1)
 */
export function requestBody(
  request: IncomingMessage,
  response: ServerResponse,
  expectsContinue: boolean,
): RequestBody {
  let bytes = 0;
  let isHeldBack = expectsContinue;

  return {
    async *read() {
      if (isHeldBack) response.writeContinue();
      isHeldBack = false;
      const chunks: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
      for await (const chunk of chunks) {
        bytes += chunk.byteLength;
        yield chunk;
      }
    },
    get bytes() {
      return bytes;
    },
    get isUnread() {
      return !request.complete;
    },
    discard() {
      if (isHeldBack) return Promise.resolve();
      return new Promise((resolve) => {
        let discarded = 0;
        request.on('data', (chunk: Buffer) => {
          discarded += chunk.byteLength;
          if (discarded <= MAX_DISCARDED_BYTES) return;
          request.pause();
          resolve();
        });
        request.once('end', resolve);
        request.once('close', resolve);
        request.on('error', () => resolve()); // a client that disconnects now loses nothing
        request.resume();
      });
    },
  };
}
