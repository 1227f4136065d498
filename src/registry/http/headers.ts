/** Response headers by their names in lower case, as undici returns them. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Returns the value of a header, the first one if it was sent several times. */
export function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Returns every value of a header that was sent several times. */
export function headerLines(headers: Headers, name: string): string[] {
  const value = headers[name];
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** Returns the media type of Content-Type in lower case, without parameters; empty if there is none. */
export function mediaTypeOf(headers: Headers): string {
  return (header(headers, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Returns Content-Length, or undefined if it is missing or not a safe integer. */
export function contentLength(headers: Headers): number | undefined {
  return parseSize(header(headers, 'content-length'));
}

/** Parses `bytes FIRST-LAST/TOTAL` of a 206; `total` is undefined if it is `*`. (RFC 9110, 14.4) */
export function parseContentRange(
  text: string | undefined,
): { first: number; last: number; total: number | undefined } | undefined {
  const match = /^\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)\s*$/i.exec(text ?? '');
  const first = parseSize(match?.[1]);
  const last = parseSize(match?.[2]);
  if (first === undefined || last === undefined || last < first) return undefined;
  return { first, last, total: parseSize(match?.[3]) };
}

/** Larger numbers are seconds since 1970, as Docker Hub sends them, and not a wait of 31 years. */
const FIRST_UNIX_TIME = 1_000_000_000;

/**
 * Parses `Retry-After`, which is a number of seconds or an HTTP date, into milliseconds from `now`. Returns undefined
 * for zero and for times in the past, which do not say when to come back. (RFC 9110, 10.2.3)
 */
export function parseRetryAfter(text: string | undefined, now: number = Date.now()): number | undefined {
  const trimmed = text?.trim() ?? '';
  const seconds = /^\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : Number.NaN;
  if (seconds < FIRST_UNIX_TIME) return seconds > 0 ? Math.round(seconds * 1000) : undefined;
  // Requires the name of a day first, because Date.parse accepts much more than HTTP dates.
  const date = /^[A-Za-z]{3,9},?\s/.test(trimmed) ? Date.parse(trimmed) : seconds * 1000;
  return date > now ? date - now : undefined;
}

/** How many requests a registry still accepts, and within how many seconds. */
export interface RateLimit {
  limit: number | undefined;
  remaining: number | undefined;
  windowSeconds: number | undefined;
  /** What the registry counts by: an address, or the ID of a login. (Docker Hub, `docker-ratelimit-source`) */
  source?: string | undefined;
}

/** Parses Docker Hub's `ratelimit-limit: 100;w=21600`, or the IETF draft's headers of the same names. */
export function parseRateLimit(headers: Headers): RateLimit | undefined {
  const limit = header(headers, 'ratelimit-limit');
  const remaining = header(headers, 'ratelimit-remaining');
  if (limit === undefined && remaining === undefined) return undefined;
  const source = header(headers, 'docker-ratelimit-source');
  const number = (text: string | undefined) => parseSize(/^\s*(\d+)/.exec(text ?? '')?.[1]);
  return {
    limit: number(limit),
    remaining: number(remaining),
    windowSeconds: parseSize(/[;,]\s*w=(\d+)/.exec(limit ?? remaining ?? '')?.[1]),
    ...(source !== undefined && { source: source.slice(0, MAX_SOURCE_LENGTH) }),
  };
}

/** Returns the targets of `Link: <url>; rel="next"`. (RFC 8288) */
export function parseNextLinks(headers: Headers): string[] {
  const targets: string[] = [];
  for (const line of headerLines(headers, 'link')) {
    for (const [, target, parameters] of line.matchAll(/<([^<>]*)>((?:\s*;\s*[^,;"]+(?:"[^"]*")?)*)/g)) {
      const [, quoted, token] =
        /;\s{0,20}rel\s{0,20}=\s{0,20}(?:"([^"]*)"|(\w+))/i.exec(parameters ?? '') ?? [];
      const isNext = (quoted ?? token ?? '').toLowerCase().split(/\s/).includes('next');
      if (target && isNext) targets.push(target);
    }
  }
  return targets;
}

/** Returns the texts of `Warning: 299 - "text"`. (distribution-spec, "Warnings") */
export function parseWarnings(headers: Headers): string[] {
  const texts: string[] = [];
  for (const line of headerLines(headers, 'warning')) {
    for (const [, quoted] of line.slice(0, MAX_WARNING_LENGTH).matchAll(/299\s+\S+\s+"((?:[^"\\]|\\.)*)"/g)) {
      if (quoted) texts.push(quoted.replace(/\\(.)/g, '$1'));
    }
  }
  return texts;
}

const MAX_WARNING_LENGTH = 4096;
/** An IPv6 address, or a UUID. */
const MAX_SOURCE_LENGTH = 64;

function parseSize(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const size = Number(text);
  return Number.isSafeInteger(size) ? size : undefined;
}
