import { Refusal } from '../errors.js';

/** Entries in a page at most, however many are asked for. (CVE-2023-2253: `n` allocated what it named) */
const MAX_PAGE = 1000;

export interface Page {
  entries: string[];
  /** The Link header where more follow. */
  headers: Record<string, string>;
}

/**
 * The part of `entries` that the `n` and `last` of a query ask for, in ASCII order; without `n` all that
 * follow `last`. `path` is where the next page is asked for. (distribution-spec, "Listing Tags")
 */
export function pageOf(entries: Iterable<string>, query: URLSearchParams, path: string): Page {
  const last = query.get('last');
  const following = [...new Set(entries)].sort().filter((entry) => last === null || entry > last);
  const limit = parseLimit(query.get('n'));
  const page = following.slice(0, limit);
  const final = page.at(-1);
  if (final === undefined || page.length === following.length) return { entries: page, headers: {} };
  const next = new URLSearchParams({ last: final, n: String(limit) });
  return { entries: page, headers: { Link: `<${path}?${next}>; rel="next"` } };
}

function parseLimit(n: string | null): number | undefined {
  if (n === null) return undefined;
  if (!/^\d+$/.test(n))
    throw new Refusal('PAGINATION_NUMBER_INVALID', 'n is not a number of entries', { detail: { n } });
  return Math.min(Number(n), MAX_PAGE);
}
