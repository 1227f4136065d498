import { parseNextLinks } from './headers.js';
import { MAX_PAGE_SIZE } from './protocol.js';
import type { TransportResponse } from './transport.js';

/** A part of a list that a registry gives in parts. */
export interface Page<T> {
  items: readonly T[];
  /** Where the next part is, by the Link header. */
  next: NextPage;
}

/** `unusable`: there is more, but the link leads to another origin (Nexus) or is no URL. */
export type NextPage = { type: 'none' } | { type: 'link'; target: string } | { type: 'unusable' };

/** A registry that gives more pages than this is taken to give them for ever. */
const MAX_PAGES = 10_000;

/** The next page that a response names; only the registry's own origin is followed. (RFC 8288) */
export function nextPageOf({ headers, url }: TransportResponse): NextPage {
  const links = parseNextLinks(headers);
  if (links.length === 0) return { type: 'none' };
  for (const link of links) {
    if (!URL.canParse(link, url.href)) continue;
    const target = new URL(link, url);
    if (target.origin === url.origin) return { type: 'link', target: target.pathname + target.search };
  }
  return { type: 'unusable' };
}

/** Every page from `first` on, by links only; ends at a link that was followed before. */
export async function* followLinks<T>(
  first: string,
  fetchPage: (target: string) => Promise<Page<T> | undefined>,
): AsyncGenerator<readonly T[]> {
  const visited = new Set<string>();
  let target: string | undefined = first;
  while (target !== undefined && !visited.has(target) && visited.size < MAX_PAGES) {
    visited.add(target);
    const page: Page<T> | undefined = await fetchPage(target);
    if (page === undefined) return;
    yield page.items;
    target = page.next.type === 'link' ? page.next.target : undefined;
  }
}

/**
 * Every name of a list of tags or repositories, each once. Pages follow by link, or by `last` where the link
 * is unusable or a full page came without one; ends where a page brings nothing new, since some registries
 * know neither `n` nor `last`. (distribution-spec, "Listing Tags")
 */
export async function* listNames(
  path: string,
  fetchPage: (target: string) => Promise<Page<string>>,
): AsyncGenerator<string> {
  const seen = new Set<string>();
  let target: string | undefined = `${path}?n=${MAX_PAGE_SIZE}`;
  for (let pages = 0; target !== undefined && pages < MAX_PAGES; pages += 1) {
    const { items, next }: Page<string> = await fetchPage(target);
    const fresh = [...new Set(items)].filter((name) => !seen.has(name));
    for (const name of fresh) seen.add(name);
    yield* fresh;
    const last = items.at(-1);
    if (fresh.length === 0 || last === undefined) return;
    if (next.type === 'link') target = next.target;
    else if (next.type === 'unusable' || items.length === MAX_PAGE_SIZE)
      target = `${path}?n=${MAX_PAGE_SIZE}&last=${encodeURIComponent(last)}`;
    else target = undefined;
  }
}
