import { RegistryError } from '../errors.js';
import { isRetryable } from '../retry.js';
import { skipBytes } from './body.js';
import { header, parseContentRange } from './headers.js';
import type { RegistryRequest } from './request.js';
import type { TransportResponse } from './transport.js';

/** Requests whose ranges are in doubt, by a key of the caller's: the next one is made without a range. */
export type DoubtedRanges = Set<string>;

/**
 * What a request for the bytes from `start` of something with `size` bytes carries: a range, and the whole instead
 * where the range is what fails. (RFC 9110, section 14)
 */
export function fromByte(
  start: number,
  size: number | undefined,
  { doubted, key }: { doubted: DoubtedRanges; key: string },
): Pick<RegistryRequest, 'headers' | 'expectedBytes' | 'otherwise'> {
  const whole = { headers: {}, expectedBytes: size };
  if (start === 0 || doubted.delete(key)) return whole;
  return {
    headers: rangeFrom(start),
    expectedBytes: size === undefined ? size : size - start,
    otherwise(error) {
      // The caller repeats what may pass, and then without the range, which may be the reason all the same.
      if (error instanceof RegistryError && isRetryable(error) && mayComeFromRange(error)) doubted.add(key);
      return isFailureOfRange(error) ? whole : undefined;
    },
  };
}

/** The header that asks for the bytes from `start`; none for the whole. */
export function rangeFrom(start: number): Record<string, string> {
  return start === 0 ? {} : { range: `bytes=${start}-` };
}

/** Whether a request that failed with a range may succeed without it. */
export function isFailureOfRange(error: unknown): boolean {
  return error instanceof RegistryError && !isRetryable(error) && !NOT_OF_RANGE.has(error.status);
}

/** Refusals that a request without a range would meet too. Without a status there was no answer, or an odd one. */
const NOT_OF_RANGE = new Set<number | undefined>([401, 404, 410, 451]);

function mayComeFromRange({ status, code }: RegistryError): boolean {
  return code !== 'TIMEOUT' && (status === undefined || (status !== 429 && status !== 503));
}

/** Brings the body to its byte `start`, whether the server sent that part, a larger one or everything. */
export async function toStart(
  { status, headers, body }: TransportResponse,
  start: number,
  size: number | undefined,
  what: string,
): Promise<void> {
  if (status === 200 || status === 203) return skipBytes(body, start, what);
  const range = status === 206 ? parseContentRange(header(headers, 'content-range')) : undefined;
  const isWanted =
    start > 0 &&
    range !== undefined &&
    range.first <= start &&
    range.last >= start &&
    (size === undefined || range.total === undefined || range.total === size);
  if (isWanted) return skipBytes(body, start - range.first, what);
  body.destroy();
  const got = status === 206 ? `Content-Range "${header(headers, 'content-range')}"` : `status ${status}`;
  throw new RegistryError(
    'REGISTRY',
    `${what}: asked from byte ${start}${size === undefined ? '' : ` of ${size}`}, the registry answered with ${got}`,
    {
      hint: 'The registry or a proxy before it answers with other bytes than were asked for; tell its owner.',
    },
  );
}
