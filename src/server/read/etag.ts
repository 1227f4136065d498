import type { Digest } from '../../content/digest.js';

/** Content named by its digest never changes: the digest is a strong validator. */
export function etagOf(digest: Digest): string {
  return `"${digest}"`;
}

/**
 * Whether an If-None-Match header names the content, so that the client has it. Digests without quotes count
 * too, as they do in distribution. (RFC 9110, 13.1.2: the comparison is weak, `W/` is ignored)
 */
export function matchesEtag(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.some((tag) => tag === '*' || tag === etagOf(digest) || tag === digest);
}
