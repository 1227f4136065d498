import { algorithmOf, type Digest, encodedOf, isDigest } from './digest.js';
import {
  DOCKER_HUB,
  formatReference,
  isTag,
  type Reference,
  readReference,
  withDefaultTag,
} from './reference.js';

/** The meaning of the name of an entry in an archive or layout. */
export type ImageName =
  /** An image name. Without a tag and a digest it means `latest`, as in Docker and podman. */
  | { kind: 'image'; reference: Reference }
  /** A tag without a repository, as many tools write it. (image-spec, annotations.md, `ref.name`) */
  | { kind: 'tag'; tag: string }
  /** A digest, for content without a name. */
  | { kind: 'digest'; digest: Digest }
  /** Text that is not an image name. */
  | { kind: 'other' };

/** Parses a name from an archive, a layout or a command. All names are parsed here. */
export function readName(text: string): ImageName {
  if (isDigest(text)) return { kind: 'digest', digest: text };
  const reference = readReference(text);
  // A tag may have characters that a repository may not have, for example capital letters.
  if (!/[/:@]/.test(text) && (reference !== undefined || isTag(text))) return { kind: 'tag', tag: text };
  return reference === undefined
    ? { kind: 'other' }
    : { kind: 'image', reference: withDefaultTag(reference) };
}

/** Adds `:latest` to an image name that has neither tag nor digest; returns any other text unchanged. */
export function taggedName(name: string): string {
  const read = readName(name);
  if (read.kind !== 'image') return name;
  const { tag, digest } = read.reference;
  return digest === undefined && tag === 'latest' && !name.endsWith(':latest') ? `${name}:latest` : name;
}

/**
 * Returns an image name in full (`docker.io/library/app:latest` for `app`), or undefined if it is not an image name.
 */
export function fullName(text: string): string | undefined {
  const reference = readReference(text);
  return reference === undefined ? undefined : formatReference(withDefaultTag(reference));
}

/**
 * Returns the key by which names are compared: the full name, or the text itself if it is not an image name. Docker and
 * other tools that complete names take two names with the same key for the same image.
 */
export function nameKey(text: string): string {
  // Parsing a hundred thousand names takes seconds, and most of them are already complete.
  return isComplete(text) ? text : (fullName(text) ?? text);
}

/** True if `fullName` would return the name unchanged. */
function isComplete(text: string): boolean {
  const slash = text.indexOf('/');
  const host = text.slice(0, Math.max(slash, 0));
  if (!/[:@]/.test(text.slice(text.lastIndexOf('/') + 1))) return false;
  if (host === DOCKER_HUB) return text.includes('/', slash + 1);
  return host !== 'index.docker.io' && /[.:]/.test(host);
}

/** Returns a name as docker-archives have it: drops the digest of a name that has a tag as well. */
export function nameByTag(name: string): string {
  const read = readName(name);
  if (read.kind !== 'image' || read.reference.digest === undefined || read.reference.tag === undefined)
    return name;
  const { registry, repository, tag } = read.reference;
  return formatReference({ registry, repository, tag });
}

/**
 * Replaces the digest in a name, if it has one, by `digest`: `app:1@sha256:A` would be a wrong name for a manifest with
 * another digest.
 */
export function nameOfDigest(name: string, digest: Digest): string {
  const read = readName(name);
  if (read.kind === 'digest') return digest;
  if (read.kind !== 'image' || read.reference.digest === undefined || read.reference.digest === digest)
    return name;
  return formatReference({ ...read.reference, digest });
}

/**
 * Returns the tag for the index of a subject's referrers, as used in layouts and in registries without the referrers
 * API. A digest has no characters that a tag may not have. (distribution-spec, "Referrers Tag Schema")
 */
export function referrersTag(subject: Digest): string {
  return `${algorithmOf(subject).slice(0, 32)}-${encodedOf(subject).slice(0, 64)}`;
}
