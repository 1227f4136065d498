import { RegistryError } from '../errors.js';
import { isRetryable } from '../retry.js';
import { skipBytes } from './http/body.js';
import { contentLength, header, parseContentRange } from './http/headers.js';
import type { RegistryRequest } from './http/request.js';
import type { TransportResponse } from './http/response.js';

/** By a key of the caller's: from which byte ranges were asked for, and how often in vain. */
export type DoubtedRanges = Map<string, { start: number; inVain: number }>;

/** So often the same range is asked for; then the whole, since a server may be at odds with ranges in any way. */
const MAX_IN_VAIN = 4;
/** Less than this is no progress: what is cut off so soon each time would never end. */
const MIN_PROGRESS_BYTES = 4096;

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
  const last = doubted.get(key);
  const isVain = last !== undefined && start - last.start < MIN_PROGRESS_BYTES;
  const inVain = isVain ? last.inVain + 1 : 0;
  doubted.delete(key);
  if (start === 0 || inVain >= MAX_IN_VAIN) return whole;
  doubted.set(key, { start: isVain ? last.start : start, inVain });
  return {
    headers: rangeFrom(start),
    expectedBytes: size === undefined ? size : size - start,
    otherwise(error) {
      // The caller repeats what may pass, and then without the range, which may be the reason all the same.
      if (error instanceof RegistryError && isRetryable(error) && mayComeFromRange(error))
        doubted.set(key, { start, inVain: MAX_IN_VAIN });
      return isFailureOfRange(error) ? whole : undefined;
    },
  };
}

/** The header that asks for the bytes from `start`; none for the whole. */
export function rangeFrom(start: number): Record<string, string> {
  return start === 0 ? {} : { range: `bytes=${start}-` };
}

/** Whether a request that failed with a range may succeed without it: some servers say "not found" of a range. */
export function isFailureOfRange(error: unknown): boolean {
  return error instanceof RegistryError && !isRetryable(error);
}

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
  if (status !== 206 && !HAS_NO_BODY.has(status)) return skipBytes(body, start, what);
  const range = status === 206 ? parseContentRange(header(headers, 'content-range')) : undefined;
  const length = contentLength(headers);
  const isWanted =
    range !== undefined &&
    range.first <= start &&
    range.last >= start &&
    // A part that nobody has asked for is no more than a form of the whole.
    (start > 0 || range.last + 1 === size) &&
    (size === undefined || range.total === undefined || range.total === size) &&
    (length === undefined || length === range.last - range.first + 1);
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

const HAS_NO_BODY = new Set([204, 205]);
