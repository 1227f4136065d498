import { type Advice, RegistryError } from '../errors.js';
import { headerLines, parseNextLinks } from './http/headers.js';
import type { TransportResponse } from './http/response.js';
import { MAX_PAGE_SIZE } from './protocol.js';

/** A part of a list that a registry gives in parts. */
export interface Page<T> {
  items: readonly T[];
  /** Bytes of its document. */
  bytes: number;
  /** Where the next part is, by the Link header. */
  next: NextPage;
}

/**
 * `unusable`: there is more, but the link leads to another origin (Nexus) without a query, or is no URL, or does not say
 * what it is for.
 */
export type NextPage = { type: 'none' } | { type: 'link'; target: string } | { type: 'unusable' };

/** A registry that gives more than this is taken to give pages for ever. */
export interface ListLimits {
  /** Default 10,000. */
  maxPages?: number | undefined;
  /** Of all pages together: what a list is made of stays in memory. Default 256 MiB. */
  maxBytes?: number | undefined;
}

const MAX_PAGES = 10_000;
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/** Fetches one page after the other; throws `REGISTRY` or `TOO_LARGE` for one more than may be. */
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
      throw new RegistryError('TOO_LARGE', `${what}: the pages have more than ${maxBytes} bytes together`);
    return page;
  };
}

/**
 * The next page after `asked` that a response names. Only the registry's own origin is followed: of a link that leads
 * elsewhere (a registry behind a proxy knows itself by another scheme or an inner host) the query is asked there, and
 * so it is where a mirror has the list under another path. (RFC 8288)
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

/** A link that does not say what it is for, or one to the next page that is not written as links are. */
function isUnclear(line: string): boolean {
  if (line.trim() === '') return false;
  return !/\brel\s*=/i.test(line) || (!line.includes('<') && /\brel\s*=\s*"?next\b/i.test(line));
}

/**
 * Every page from `first` on, by links only; ends at a link that was followed before. Rejects with `REGISTRY` where
 * there is more that cannot be asked for; `what` names the list.
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
      throw new RegistryError('REGISTRY', `${what}: a page of them is no list`, ASK_OWNER);
    }
    yield page.items;
    if (page.next.type === 'unusable')
      throw new RegistryError('REGISTRY', `${what}: the link to the next page leads elsewhere`, ASK_OWNER);
    target = page.next.type === 'link' ? page.next.target : undefined;
  }
}

const ASK_OWNER: Advice = {
  hint: 'Something stands before the registry and changes its answers: ask its owner.',
  remedy: 'referrers',
};

/**
 * Every name of a list of tags or repositories, each once. Pages follow by link, or by `last` where the link
 * is unusable or a full page came without one; ends where a page brings nothing new, since some registries
 * know neither `n` nor `last`; `what` names the list in errors. A registry that refuses so large a page chooses the size itself: then every page
 * without a link may be full. (distribution-spec, "Listing Tags")
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

/** `PAGINATION_NUMBER_INVALID`, or another refusal of how it was asked. (distribution, "Pagination") */
function isAboutSize(error: unknown): boolean {
  return error instanceof RegistryError && [400, 406, 413, 414, 416, 422].includes(error.status ?? 0);
}
