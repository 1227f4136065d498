/** Smaller content is compressed in any case: it takes little time. */
const LEAST_BYTES = 128 * 1024;
const WINDOWS = 32;
const WINDOW_BYTES = 512;
/** RFC 1951, 2: how far back deflate can refer. */
const REACH_BYTES = 32 * 1024;
/** A sequence of this length never occurs twice in random bytes. */
const PROBE_BYTES = 16;
/**
 * Limit for how often two bytes of the sample are equal, relative to random bytes. In programs, libraries and
 * documents, the blocks below this limit contain compressed data: deflate makes them only 4 % smaller, and takes twice
 * as long as for others.
 */
const MOST_ALIKE = 1.1;

/**
 * True if all byte values are about equally frequent in `content` and sequences do not repeat within deflate's reach,
 * as in compressed or encrypted content. It samples windows spread over the content, and calculates with integers, so
 * the result is the same on every machine.
 */
export function looksRandom(content: Uint8Array): boolean {
  if (content.length < LEAST_BYTES) return false;
  const sampledBytes = WINDOWS * WINDOW_BYTES;
  const step = Math.floor(content.length / WINDOWS);
  const starts = Array.from({ length: WINDOWS }, (_, index) => index * step);
  const counts = new Uint32Array(256);
  for (const start of starts) {
    // An iterator would take twice the time.
    for (let index = start; index < start + WINDOW_BYTES; index++) {
      const byte = content[index] ?? 0;
      counts[byte] = (counts[byte] ?? 0) + 1;
    }
  }
  // The index of coincidence, which is 1/256 for random bytes.
  const alike = counts.reduce((sum, count) => sum + count * count, 0);
  return (
    alike * 256 < MOST_ALIKE * sampledBytes * sampledBytes && !starts.some((start) => repeats(content, start))
  );
}

/** True if the bytes at `start` occur again within deflate's reach. */
function repeats(content: Uint8Array, start: number): boolean {
  const following = Buffer.from(content.buffer, content.byteOffset + start, content.length - start);
  const probe = following.subarray(0, PROBE_BYTES);
  return following.subarray(PROBE_BYTES, PROBE_BYTES + REACH_BYTES).includes(probe);
}
