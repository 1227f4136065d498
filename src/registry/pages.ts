import { type Advice, RegistryError } from '../errors.js';
import { headerLines, parseNextLinks } from './http/headers.js';
import type { TransportResponse } from './http/response.js';
import { MAX_PAGE_SIZE } from './protocol.js';

/** A page of a list. */
export interface Page<T> {
  items: readonly T[];
  /** Size of its document in bytes. */
  bytes: number;
  /** The next page, by the Link header. */
  next: NextPage;
}

/**
 * `unusable`: there is another page, but the link leads to another origin without a query (Nexus), is not a URL, or
 * does not say that it is for the next page.
 */
export type NextPage = { type: 'none' } | { type: 'link'; target: string } | { type: 'unusable' };

/** Limits against a registry that never stops sending pages. */
export interface ListLimits {
  /** Default 10,000. */
  maxPages?: number | undefined;
  /** Size of all pages together, since lists are kept in memory. Default 256 MiB. */
  maxBytes?: number | undefined;
}

const MAX_PAGES = 10_000;
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/** Wraps `fetchPage` with the limits; throws `REGISTRY` or `TOO_LARGE` when one is exceeded. */
function limited<T, P extends Page<T> | undefined>(
  what: string,
  { maxPages = MAX_PAGES, maxBytes = MAX_LIST_BYTES }: ListLimits,
  fetchPage: (target: string) => Promise<P>,
): (target: string) => Promise<P> {
  let pages = 0;
  let bytes = 0;
  return async (target) => {
    if (pages >= maxPages)
      throw new RegistryError('REGISTRY', `${what}: there are more than ${maxPages} pages`);
    pages += 1;
    const page = await fetchPage(target);
    bytes += page?.bytes ?? 0;
    if (bytes > maxBytes)
      throw new RegistryError('TOO_LARGE', `${what}: the pages together are larger than ${maxBytes} bytes`);
    return page;
  };
}

/**
 * Returns the page after `asked` that a response links to. Only the registry's own origin is contacted. If a link leads
 * elsewhere (a registry behind a proxy may know itself by another scheme or an internal host), its query is used with
 * the path of `asked`; so it is if a mirror has the list under another path. (RFC 8288)
 */
export function nextPageOf({ headers, url }: TransportResponse, asked: string): NextPage {
  const links = parseNextLinks(headers);
  if (links.length === 0) {
    const lines = headerLines(headers, 'link');
    return lines.some(isUnclear) ? { type: 'unusable' } : { type: 'none' };
  }
  const [path = ''] = asked.split('?', 1);
  let elsewhere: NextPage = { type: 'unusable' };
  for (const link of links) {
    if (!URL.canParse(link, url.href)) continue;
    const target = new URL(link, url);
    const isSameList = target.pathname === url.pathname;
    if (target.origin === url.origin)
      return { type: 'link', target: (isSameList ? path : target.pathname) + target.search };
    if (target.search !== '') elsewhere = { type: 'link', target: path + target.search };
  }
  return elsewhere;
}

/** Whether a link does not say what it is for, or is one to the next page in a wrong syntax. */
function isUnclear(line: string): boolean {
  if (line.trim() === '') return false;
  return !/\brel\s*=/i.test(line) || (!line.includes('<') && /\brel\s*=\s*"?next\b/i.test(line));
}

/**
 * Yields every page from `first` on, following links only, and stops at a link that was followed before. Throws
 * `REGISTRY` if there are more pages that cannot be requested; `what` names the list.
 */
export async function* followLinks<T>(
  first: string,
  what: string,
  fetchPage: (target: string) => Promise<Page<T> | undefined>,
  limits: ListLimits = {},
): AsyncGenerator<readonly T[]> {
  const next = limited(what, limits, fetchPage);
  const visited = new Set<string>();
  let target: string | undefined = first;
  while (target !== undefined && !visited.has(target)) {
    visited.add(target);
    const page: Page<T> | undefined = await next(target);
    if (page === undefined) {
      if (target === first) return;
      throw new RegistryError('REGISTRY', `${what}: a page does not contain a list`, ASK_OWNER);
    }
    yield page.items;
    if (page.next.type === 'unusable')
      throw new RegistryError(
        'REGISTRY',
        `${what}: the link to the next page leads to another server`,
        ASK_OWNER,
      );
    target = page.next.type === 'link' ? page.next.target : undefined;
  }
}

const ASK_OWNER: Advice = {
  hint: 'Something stands before the registry and changes its answers: ask its owner.',
  remedy: 'referrers',
};

/**
 * Yields every name of a list of tags or repositories once; `what` names the list in errors. The next page is found by
 * its link, or by `last` if the link is unusable or a full page has none. Stops at a page without new names, since some
 * registries support neither `n` nor `last`. If a registry refuses our page size, it chooses its own, and then every
 * page without a link may be a full one. (distribution-spec, "Listing Tags")
 */
export async function* listNames(
  path: string,
  what: string,
  fetchPage: (target: string) => Promise<Page<string>>,
  limits: ListLimits = {},
): AsyncGenerator<string> {
  const nextPage = limited(what, limits, fetchPage);
  const seen = new Set<string>();
  let size: string | undefined = `n=${MAX_PAGE_SIZE}`;
  let target: string | undefined = `${path}?${size}`;
  for (let isFirst = true; target !== undefined; isFirst = false) {
    let page: Page<string>;
    try {
      page = await nextPage(target);
    } catch (error) {
      if (!isFirst || !isAboutSize(error)) throw error;
      size = undefined;
      page = await nextPage(path);
    }
    const { items, next } = page;
    const fresh = [...new Set(items)].filter((name) => !seen.has(name));
    for (const name of fresh) seen.add(name);
    yield* fresh;
    const last = items.at(-1);
    if (fresh.length === 0 || last === undefined) return;
    const mayBeFull = size === undefined || items.length === MAX_PAGE_SIZE;
    if (next.type === 'link') target = next.target;
    else if (next.type === 'unusable' || mayBeFull)
      target = `${path}?${size === undefined ? '' : `${size}&`}last=${encodeURIComponent(last)}`;
    else target = undefined;
  }
}

/**
 * Whether the error may be about the page size: `PAGINATION_NUMBER_INVALID`, or another refusal of the request.
 * (distribution, "Pagination")
 */
function isAboutSize(error: unknown): boolean {
  return error instanceof RegistryError && [400, 406, 413, 414, 416, 422].includes(error.status ?? 0);
}
