import { Refusal } from '../errors.js';

/** Maximum number of entries in a page, whatever `n` says. (CVE-2023-2253: memory was allocated for `n` entries) */
const MAX_PAGE = 1000;

export interface Page {
  entries: string[];
  /** The Link header, if more entries follow. */
  headers: Record<string, string>;
}

export interface PageOptions {
  query: URLSearchParams;
  /** The path of the next page. */
  path: string;
  /** Maximum size of a page's entries as JSON, in bytes; a page has at least one entry. */
  maxBytes: number;
}

/**
 * Returns the page of `entries` that `n` and `last` of the query select, in ASCII order. Without `n`, it has as many
 * entries after `last` as fit. (distribution-spec, "Listing Tags")
 */
export function pageOf(entries: Iterable<string>, { query, path, maxBytes }: PageOptions): Page {
  const last = query.get('last');
  const following = [...new Set(entries)].sort().filter((entry) => last === null || entry > last);
  const limit = parseLimit(query.get('n'));
  const page = fittingIn(maxBytes, following.slice(0, limit), (entry) => entry.length + 3);
  const final = page.at(-1);
  if (final === undefined || page.length === following.length) return { entries: page, headers: {} };
  const next = new URLSearchParams({ last: final, ...(limit !== undefined && { n: String(limit) }) });
  return { entries: page, headers: linkTo(path, next) };
}

/** Returns the Link header with the next page. (RFC 8288) */
export function linkTo(path: string, query: URLSearchParams): Record<string, string> {
  return { Link: `<${path}?${query}>; rel="next"` };
}

/** Returns as many of the first entries as fit into `maxBytes`, but at least one. */
export function fittingIn<T>(maxBytes: number, entries: readonly T[], bytesOf: (entry: T) => number): T[] {
  let left = maxBytes;
  const fitting: T[] = [];
  for (const entry of entries) {
    left -= bytesOf(entry);
    if (left < 0 && fitting.length > 0) break;
    fitting.push(entry);
  }
  return fitting;
}

function parseLimit(n: string | null): number | undefined {
  if (n === null) return undefined;
  if (!/^\d+$/.test(n))
    throw new Refusal('PAGINATION_NUMBER_INVALID', 'n is not a number of entries', { detail: { n } });
  return Math.min(Number(n), MAX_PAGE);
}
