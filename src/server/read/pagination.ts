import { Refusal } from '../errors.js';

/** Entries in a page at most, however many are asked for. (CVE-2023-2253: `n` allocated what it named) */
const MAX_PAGE = 1000;

export interface Page {
  entries: string[];
  /** The Link header where more follow. */
  headers: Record<string, string>;
}

export interface PageOptions {
  query: URLSearchParams;
  /** Where the next page is asked for. */
  path: string;
  /** Bytes of a page's entries as JSON; one entry is in every page. */
  maxBytes: number;
}

/**
 * The part of `entries` that the `n` and `last` of a query ask for, in ASCII order; without `n` as many as fit of those
 * that follow `last`. (distribution-spec, "Listing Tags")
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

/** The header that says where the next page is. (RFC 8288) */
export function linkTo(path: string, query: URLSearchParams): Record<string, string> {
  return { Link: `<${path}?${query}>; rel="next"` };
}

/** The first of `entries`, as many as fit into `maxBytes`, and one at least. */
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
