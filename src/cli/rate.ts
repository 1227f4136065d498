import { LadingError } from '../index.js';

/** As curl and wget count: K is 1024. The units of networks and disks are as everywhere: KB is 1000. */
const FACTORS: Readonly<Record<string, number>> = {
  ...{ '': 1, B: 1 },
  ...{ K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 },
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 },
  ...{ KB: 1e3, MB: 1e6, GB: 1e9 },
};
const LEAST = 2 ** 10;

/** Parses a number of bytes, with or without a unit of `FACTORS`. Throws `USAGE`. */
export function parseSize(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = bytesIn(text);
  if (bytes >= 1) return bytes;
  throw new LadingError('USAGE', `--${flag} takes a number of bytes, such as 64M or 5MiB, not "${text}"`);
}

/** Returns NaN for text that is no number of bytes. */
function bytesIn(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = FACTORS[unit.replace(/^[kmg]/, (letter) => letter.toUpperCase())] ?? Number.NaN;
  return Math.floor(Number(number) * factor);
}

/**
 * Parses bytes a second: a number with a unit of `FACTORS`, with or without `/s`. The first letter may be small, the `B`
 * may not: that would be bits. Throws `USAGE`.
 */
export function parseRate(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = text.replace(/\/s$/, '');
  const rate = bytesIn(bytes);
  if (rate >= LEAST) return rate;
  throw new LadingError(
    'USAGE',
    `--${flag} takes bytes a second from 1K, such as 500K, 20M or 20MB/s, not "${text}"`,
    /\d ?[kmg]?b/i.test(bytes)
      ? { hint: 'It counts bytes, with a large B, and not bits: 100 Mbit/s is 12.5MB/s.' }
      : {},
  );
}
