import { LadingError } from '../index.js';

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3600_000,
  d: 24 * 3600_000,
};

/** Parses a duration such as `90s`, `30m`, `24h` or `7d` into milliseconds; rejects with `USAGE`. */
export function parseDuration(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const milliseconds = UNITS_MS[unit];
  if (milliseconds === undefined)
    throw new LadingError('USAGE', `--${flag} is a number with s, m, h or d, such as 24h, not "${text}"`);
  return Number(number) * milliseconds;
}
