/** Less is soon compressed. */
const LEAST_BYTES = 128 * 1024;
const WINDOWS = 32;
const WINDOW_BYTES = 512;
/** RFC 1951, 2: how far back deflate can refer. */
const REACH_BYTES = 32 * 1024;
/** As long a sequence comes twice in random bytes never. */
const PROBE_BYTES = 16;
/**
 * How much more often than in random bytes two of the sample may be alike. Of programs, libraries and documents,
 * those blocks that stay below are made 4 % smaller by deflate, in twice the time of the others: they hold what was
 * compressed before.
 */
const MOST_ALIKE = 1.1;

/**
 * Whether the bytes of `content` are about equally frequent and do not repeat what came shortly before, as those of
 * compressed and encrypted content. It is judged by windows spread over the content, in exact arithmetic: the
 * answer is the same on every machine.
 */
export function looksRandom(content: Uint8Array): boolean {
  if (content.length < LEAST_BYTES) return false;
  const sampledBytes = WINDOWS * WINDOW_BYTES;
  const step = Math.floor(content.length / WINDOWS);
  const starts = Array.from({ length: WINDOWS }, (_, index) => index * step);
  const counts = new Uint32Array(256);
  for (const start of starts) {
    // By its index: an iterator takes twice the time.
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

/** Whether what is at `start` comes again as near as deflate can refer to. */
function repeats(content: Uint8Array, start: number): boolean {
  const following = Buffer.from(content.buffer, content.byteOffset + start, content.length - start);
  const probe = following.subarray(0, PROBE_BYTES);
  return following.subarray(PROBE_BYTES, PROBE_BYTES + REACH_BYTES).includes(probe);
}
