import type { IncomingMessage, ServerResponse } from 'node:http';

/** The body of a request, of which nothing is read before somebody wants it. */
export interface RequestBody {
  /** Begins to read. Leaving off early does not end the connection, which the answer still needs. */
  read(): AsyncIterable<Buffer>;
  /** Bytes read so far. */
  readonly bytes: number;
  /** Whether some of it has not come: nobody has waited for it. */
  readonly isUnread: boolean;
  /** Throws away what still comes, up to a limit; resolves when there is nothing more to wait for. */
  discard(): Promise<void>;
}

/**
 * So much is read of what nobody wants. Closing at once could take the answer from a client that looks at it only
 * when it has sent all (RFC 9112, 9.6); reading all would let anyone keep the server busy.
 */
const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;

/**
 * The body of `request`. When `expectsContinue`, the client sends it only when it has been given leave, which it
 * is when somebody reads. (RFC 9110, 10.1.1)
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
        request.on('error', () => resolve()); // a client that goes away now takes nothing that was wanted
        request.resume();
      });
    },
  };
}
