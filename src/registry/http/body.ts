import type { Readable } from 'node:stream';
import { Gathered } from '../../content/gathered.js';
import { RegistryError, redactURL } from '../../errors.js';
import { contentLength, type Headers } from './headers.js';
import { bodyError } from './network-error.js';

/**
 * The body as undici gives it, with errors in our words. No stream is put in between: that would cost each
 * chunk another queue. A body that is destroyed without an error ends without one, as any Readable;
 * undici's own would emit one, which nobody expects.
 */
export function wrapBody(body: Readable, url: URL, signal: AbortSignal | undefined): Readable {
  const destroy = body.destroy.bind(body);
  const underlyingDestroy = body._destroy.bind(body);
  body.destroy = (error) => destroy(error ? bodyError(error, redactURL(url), signal) : undefined);
  body._destroy = (error, callback) =>
    underlyingDestroy(error, (thrown) => callback(error === null ? null : (thrown ?? null)));
  return body;
}

/** The whole body; throws what `tooLarge` makes beyond `maxBytes`. */
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

/** At most `maxBytes` of a body that is only worth a look; a connection that breaks ends it. */
export async function readSome(body: Readable, maxBytes: number): Promise<Buffer> {
  const gathered = new Gathered();
  try {
    for await (const chunk of chunksOf(body)) {
      gathered.add(chunk);
      if (gathered.bytes >= maxBytes) break;
    }
  } catch (error) {
    // distribution 2.8 announces more than it sends with some errors; what came is enough. Not so an abort.
    if (!(error instanceof RegistryError)) throw error;
  }
  return gathered.takeWhole().subarray(0, maxBytes);
}

/** Reads a small body to its end, so that its connection can be used again; a large one costs the connection. */
export async function discard(body: Readable): Promise<void> {
  await readSome(body, MAX_DISCARDED_BYTES);
}

const MAX_DISCARDED_BYTES = 64 * 1024;

/** Drops the first `count` bytes of a body; the rest stays in it. */
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

/** Leaving the loop destroys the body, unless it is told not to. */
function chunksOf(body: Readable, options = { destroyOnReturn: true }): AsyncIterable<Buffer> {
  return body.iterator(options) as AsyncIterable<Buffer>; // a body without an encoding gives Buffers only
}
