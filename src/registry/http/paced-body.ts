import type { Readable } from 'node:stream';
import { wait as waitByTimer } from './abort.js';
import type { ByteRate } from './byte-rate.js';

/** Shorter waits are left to add up: a timer has a resolution of a millisecond, and costs more than it delays. */
const LEAST_WAIT_MS = 2;
/** As much of an upload is sent at once, or up to twice as much; undici receives in parts of this size, too. */
const PART_BYTES = 64 * 1024;

/**
 * Makes undici's body keep to a rate: it is received as usual, and the connection then rests until what it has received
 * may have passed. Meanwhile undici counts it as paused, so that no timeout runs. Bytes that arrived together with the
 * head are counted, too; a small document has arrived whole by then, and is not delayed.
 */
export function paceReceiving(body: Readable, rate: ByteRate): Readable {
  let dueAt = rate.take(body.readableLength);
  let timer: NodeJS.Timeout | undefined;
  const push = body.push.bind(body);
  const read = body._read.bind(body);
  const destroy = body._destroy.bind(body);
  body.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk !== null) dueAt = rate.take(chunk.byteLength);
    return push(chunk, encoding) && rate.left(dueAt) < LEAST_WAIT_MS;
  };
  body._read = (size) => {
    clearTimeout(timer);
    const waitMs = rate.left(dueAt);
    if (waitMs < LEAST_WAIT_MS) read(size);
    else timer = setTimeout(() => body._read(size), waitMs);
  };
  body._destroy = (error, callback) => {
    clearTimeout(timer);
    destroy(error, callback);
  };
  return body;
}

/**
 * Sends the parts of a body at a rate. They are as large as sockets want them, so that each is sent before the next
 * chunk is asked for. Rejects with `ABORTED` as soon as `signal` aborts, also while it waits.
 */
export async function* paceSending(
  body: AsyncIterable<Uint8Array>,
  rate: ByteRate,
  signal: AbortSignal | undefined,
  wait = waitByTimer,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    for (let start = 0; start < chunk.byteLength; ) {
      const isLast = chunk.byteLength - start < 2 * PART_BYTES;
      const end = isLast ? chunk.byteLength : start + PART_BYTES;
      const waitMs = rate.left(rate.take(end - start));
      if (waitMs >= LEAST_WAIT_MS) await wait(waitMs, signal);
      yield chunk.subarray(start, end);
      start = end;
    }
  }
}
