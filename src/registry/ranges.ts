import { RegistryError } from '../errors.js';
import { isRetryable } from '../retry.js';
import { skipBytes } from './http/body.js';
import { contentLength, header, parseContentRange } from './http/headers.js';
import type { RegistryRequest } from './http/registry-request.js';
import type { TransportResponse } from './http/response.js';

/** For each key of the caller: the first byte of the last range request, and how often it brought no progress. */
export type DoubtedRanges = Map<string, { start: number; inVain: number }>;

/** How often the same range is requested; then the whole, since a server may handle ranges wrongly in any way. */
const MAX_IN_VAIN = 4;
/** A response that breaks off after fewer bytes counts as no progress; otherwise retries might never end. */
const MIN_PROGRESS_BYTES = 4096;

/**
 * Returns the parts of a request for the bytes from `start` of something with `size` bytes. It has a range, and asks
 * for the whole instead if the range is what fails. (RFC 9110, section 14)
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
      // The caller retries an error that may be temporary, then without the range, since that may be the reason.
      if (error instanceof RegistryError && isRetryable(error) && mayComeFromRange(error))
        doubted.set(key, { start, inVain: MAX_IN_VAIN });
      return isFailureOfRange(error) ? whole : undefined;
    },
  };
}

/** Returns the Range header for the bytes from `start`; empty for the whole. */
export function rangeFrom(start: number): Record<string, string> {
  return start === 0 ? {} : { range: `bytes=${start}-` };
}

/** Whether a request with a range may succeed without it: some servers answer "not found" to a range. */
export function isFailureOfRange(error: unknown): boolean {
  return error instanceof RegistryError && !isRetryable(error);
}

function mayComeFromRange({ status, code }: RegistryError): boolean {
  return code !== 'TIMEOUT' && (status === undefined || (status !== 429 && status !== 503));
}

/**
 * Skips the body up to byte `start`, whether the server sent that part, a larger one or everything. Throws `REGISTRY`
 * if it sent something else.
 */
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
    // Without a range in the request, a 206 must contain the whole.
    (start > 0 || range.last + 1 === size) &&
    (size === undefined || range.total === undefined || range.total === size) &&
    (length === undefined || length === range.last - range.first + 1);
  if (isWanted) return skipBytes(body, start - range.first, what);
  body.destroy();
  const got = status === 206 ? `Content-Range "${header(headers, 'content-range')}"` : `status ${status}`;
  throw new RegistryError(
    'REGISTRY',
    `${what}: lading asked for the bytes from ${start}${size === undefined ? '' : ` of ${size}`}, but the registry answered with ${got}`,
    {
      hint: 'The registry, or a proxy in front of it, sends other bytes than were requested; report it to its owner.',
    },
  );
}

/** Throws `REGISTRY` unless the response is exactly this range of something with `size` bytes, as it is stored. */
export function requireRange(
  { status, headers, body }: TransportResponse,
  { start, length, size }: { start: number; length: number; size: number },
  what: string,
): void {
  const text = header(headers, 'content-range');
  const range = status === 206 ? parseContentRange(text) : undefined;
  const isWanted =
    range?.first === start &&
    range.last === start + length - 1 &&
    (range.total ?? size) === size &&
    (contentLength(headers) ?? length) === length &&
    (header(headers, 'content-encoding') ?? 'identity') === 'identity';
  if (isWanted) return;
  body.destroy();
  const got = status === 206 ? `Content-Range "${text}"` : `status ${status}`;
  throw new RegistryError(
    'REGISTRY',
    `${what}: lading asked for ${length} bytes from byte ${start} of ${size}, but the registry answered with ${got}`,
  );
}

const HAS_NO_BODY = new Set([204, 205]);
