import type { Readable } from 'node:stream';
import { Gathered } from '../../content/gathered.js';
import { RegistryError, redactURL } from '../../errors.js';
import { contentLength, type Headers } from './headers.js';
import { bodyError } from './network-error.js';

/**
 * Makes undici's body report lading's errors. The body is patched rather than piped through another stream, because
 * that would cost every chunk another queue. Destroying it without an error ends it without one, as with any Readable;
 * undici's own would emit an error that nobody handles.
 */
export function wrapBody(body: Readable, url: URL, signal: AbortSignal | undefined): Readable {
  const destroy = body.destroy.bind(body);
  const underlyingDestroy = body._destroy.bind(body);
  body.destroy = (error) => destroy(error ? bodyError(error, redactURL(url), signal) : undefined);
  body._destroy = (error, callback) =>
    underlyingDestroy(error, (thrown) => callback(error === null ? null : (thrown ?? null)));
  return body;
}

/** Reads the whole body; throws the error that `tooLarge` makes if it has more than `maxBytes`. */
export async function readBody(
  { headers, body }: { headers: Headers; body: Readable },
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  const announced = contentLength(headers);
  if (announced !== undefined && announced > maxBytes) {
    body.destroy();
    throw tooLarge();
  }
  const gathered = new Gathered();
  for await (const chunk of chunksOf(body)) {
    gathered.add(chunk);
    if (gathered.bytes > maxBytes) throw tooLarge();
  }
  return gathered.takeWhole();
}

/** Reads at most `maxBytes` of a body. If the connection breaks, returns what was received until then. */
export async function readSome(body: Readable, maxBytes: number): Promise<Buffer> {
  const gathered = new Gathered();
  try {
    for await (const chunk of chunksOf(body)) {
      gathered.add(chunk);
      if (gathered.bytes >= maxBytes) break;
    }
  } catch (error) {
    // With some errors, distribution 2.8 announces more bytes than it sends; what arrived is enough. An abort is still
    // thrown.
    if (!(error instanceof RegistryError)) throw error;
  }
  return gathered.takeWhole().subarray(0, maxBytes);
}

/**
 * Reads a small body to its end so that its connection can be reused. A large one is cut off, which closes the
 * connection.
 */
export async function discard(body: Readable): Promise<void> {
  await readSome(body, MAX_DISCARDED_BYTES);
}

const MAX_DISCARDED_BYTES = 64 * 1024;

/** Drops the first `count` bytes of a body and leaves the rest in it. Throws `CUT_SHORT` if the body is shorter. */
export async function skipBytes(body: Readable, count: number, what: string): Promise<void> {
  let left = count;
  if (left === 0) return;
  for await (const chunk of chunksOf(body, { destroyOnReturn: false })) {
    if (chunk.byteLength >= left) {
      if (chunk.byteLength > left) body.unshift(chunk.subarray(left));
      return;
    }
    left -= chunk.byteLength;
  }
  throw new RegistryError('CUT_SHORT', `${what} ended ${left} bytes before byte ${count}`);
}

/** Leaving the loop early destroys the body, unless `destroyOnReturn` is false. */
function chunksOf(body: Readable, options = { destroyOnReturn: true }): AsyncIterable<Buffer> {
  return body.iterator(options) as AsyncIterable<Buffer>; // a stream without an encoding yields Buffers
}
