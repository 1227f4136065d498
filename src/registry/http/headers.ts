/** Response headers as the HTTP library gives them, names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The value of a header; the first where it came several times. */
export function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Every line of a header. */
export function headerLines(headers: Headers, name: string): string[] {
  const value = headers[name];
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** The media type of a Content-Type, without parameters; empty where there is none. */
export function mediaTypeOf(headers: Headers): string {
  return (header(headers, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Content-Length as a safe integer, or undefined. */
export function contentLength(headers: Headers): number | undefined {
  return parseSize(header(headers, 'content-length'));
}

/** `bytes FIRST-LAST/TOTAL` of a 206; `total` is undefined where it says `*`. (RFC 9110, 14.4) */
export function parseContentRange(
  text: string | undefined,
): { first: number; last: number; total: number | undefined } | undefined {
  const match = /^\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)\s*$/i.exec(text ?? '');
  const first = parseSize(match?.[1]);
  const last = parseSize(match?.[2]);
  if (first === undefined || last === undefined || last < first) return undefined;
  return { first, last, total: parseSize(match?.[3]) };
}

/** More seconds than this are a time of day since 1970, as Docker Hub writes it, not a wait of 31 years. */
const FIRST_UNIX_TIME = 1_000_000_000;

/**
 * `Retry-After` in milliseconds from `now`: seconds or an HTTP date. Undefined where it names no wait: zero and what
 * is past say nothing about when to come back. (RFC 9110, 10.2.3)
 */
export function parseRetryAfter(text: string | undefined, now: number = Date.now()): number | undefined {
  const trimmed = text?.trim() ?? '';
  const seconds = /^\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : Number.NaN;
  if (seconds < FIRST_UNIX_TIME) return seconds > 0 ? Math.round(seconds * 1000) : undefined;
  // Only a date that names a day: Date.parse takes far more than HTTP dates.
  const date = /^[A-Za-z]{3,9},?\s/.test(trimmed) ? Date.parse(trimmed) : seconds * 1000;
  return date > now ? date - now : undefined;
}

/** How many requests a registry still takes, and in which time. */
export interface RateLimit {
  limit: number | undefined;
  remaining: number | undefined;
  windowSeconds: number | undefined;
}

/** Docker Hub's `ratelimit-limit: 100;w=21600`, or the draft's headers of the same names. */
export function parseRateLimit(headers: Headers): RateLimit | undefined {
  const limit = header(headers, 'ratelimit-limit');
  const remaining = header(headers, 'ratelimit-remaining');
  if (limit === undefined && remaining === undefined) return undefined;
  const number = (text: string | undefined) => parseSize(/^\s*(\d+)/.exec(text ?? '')?.[1]);
  return {
    limit: number(limit),
    remaining: number(remaining),
    windowSeconds: parseSize(/[;,]\s*w=(\d+)/.exec(limit ?? remaining ?? '')?.[1]),
  };
}

/** The targets of `Link: <url>; rel="next"`. (RFC 8288) */
export function parseNextLinks(headers: Headers): string[] {
  const targets: string[] = [];
  for (const line of headerLines(headers, 'link')) {
    for (const [, target, parameters] of line.matchAll(/<([^<>]*)>((?:\s*;\s*[^,;"]+(?:"[^"]*")?)*)/g)) {
      const isNext = /;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i.test(parameters ?? '');
      if (target && isNext) targets.push(target);
    }
  }
  return targets;
}

/** The texts of `Warning: 299 - "text"`. (distribution-spec, "Warnings") */
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

function parseSize(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const size = Number(text);
  return Number.isSafeInteger(size) ? size : undefined;
}
