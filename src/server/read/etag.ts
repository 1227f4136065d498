import type { Digest } from '../../content/digest.js';

/** Returns the ETag of content. The content of a digest never changes, so it is a strong validator. */
export function etagOf(digest: Digest): string {
  return `"${digest}"`;
}

/**
 * Whether an If-None-Match header names the content, so that the client already has it. As in distribution, digests
 * without quotes are accepted too. The comparison is weak, so `W/` is ignored. (RFC 9110, 13.1.2)
 */
export function matchesEtag(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.some((tag) => tag === '*' || tag === etagOf(digest) || tag === digest);
}
