import { ContentError } from '../../errors.js';
import { shorten } from './json.js';

/** Go's zero time, which it writes for a missing time. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-](\d\d):(\d\d))$/;

/**
 * Returns a time as Go writes it after reading it: without trailing zeros of the fraction, cut to nanoseconds, with the
 * same offset. Throws `INVALID_MANIFEST` if Go cannot read it. (time, `RFC3339Nano`)
 */
export function goTime(text: string | undefined, where: string): string {
  if (text === undefined) return ZERO_TIME;
  const match = RFC3339.exec(text);
  if (match === null || !isOnCalendar(match)) {
    throw new ContentError('INVALID_MANIFEST', `${where} has an invalid time "${shorten(text)}"`, {
      hint: 'A time looks like 2026-01-31T12:00:00Z (RFC 3339).',
    });
  }
  const [, , , , , , , fraction = '', zone = ''] = match;
  const nanoseconds = fraction.slice(0, 9).replace(/0+$/, '');
  const offset = /^[+-]00:00$/.test(zone) ? 'Z' : zone;
  return text.slice(0, 19) + (nanoseconds === '' ? '' : `.${nanoseconds}`) + offset;
}

function isOnCalendar(match: RegExpExecArray): boolean {
  const numbers = match.map(Number); // NaN for groups that are not digits
  const [, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
  const offsetHour = numbers[9] || 0;
  const offsetMinute = numbers[10] || 0;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return (
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60 &&
    offsetHour <= 24 &&
    offsetMinute < 60
  );
}
