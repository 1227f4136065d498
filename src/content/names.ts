import { isLadingError } from '../errors.js';
import { algorithmOf, type Digest, encodedOf, isDigest } from './digest.js';
import {
  DOCKER_HUB,
  formatReference,
  isTag,
  parseReference,
  type Reference,
  withDefaultTag,
} from './reference.js';

/** What the name of an entry in an archive or layout is. */
export type ImageName =
  /** An image's name. One that says neither tag nor digest is `latest`, as for Docker and podman. */
  | { kind: 'image'; reference: Reference }
  /** A tag without a repository, as many tools write it. (image-spec, annotations.md, `ref.name`) */
  | { kind: 'tag'; tag: string }
  /** Content that has no name. */
  | { kind: 'digest'; digest: Digest }
  /** Text that names no image. */
  | { kind: 'other' };

/** The one reader of names, wherever they come from. */
export function readName(text: string): ImageName {
  if (isDigest(text)) return { kind: 'digest', digest: text };
  const reference = parsedOrUndefined(text);
  // A tag may have what no repository has, capital letters for one.
  if (!/[/:@]/.test(text) && (reference !== undefined || isTag(text))) return { kind: 'tag', tag: text };
  return reference === undefined
    ? { kind: 'other' }
    : { kind: 'image', reference: withDefaultTag(reference) };
}

function parsedOrUndefined(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (isLadingError(error, 'INVALID_REFERENCE')) return undefined;
    throw error;
  }
}

/** A name with the tag that it stands for: `team/app` is `team/app:latest`. Any other text stays as it is. */
export function taggedName(name: string): string {
  const read = readName(name);
  if (read.kind !== 'image') return name;
  const { tag, digest } = read.reference;
  return digest === undefined && tag === 'latest' && !name.endsWith(':latest') ? `${name}:latest` : name;
}

/** A name in the one form in which names are compared; undefined when it is no image's name. */
export function fullName(text: string): string | undefined {
  const reference = parsedOrUndefined(text);
  return reference === undefined ? undefined : formatReference(withDefaultTag(reference));
}

/**
 * What names are compared by: the full name, or the text that is none. Names of one key are one image to readers that
 * complete what they read, as Docker does.
 */
export function nameKey(text: string): string {
  // Most names are complete as they are, and to parse a hundred thousand takes seconds.
  return isComplete(text) ? text : (fullName(text) ?? text);
}

/** Whether there is nothing that `fullName` would add to a name or write otherwise. */
function isComplete(text: string): boolean {
  const slash = text.indexOf('/');
  const host = text.slice(0, Math.max(slash, 0));
  if (!/[:@]/.test(text.slice(text.lastIndexOf('/') + 1))) return false;
  if (host === DOCKER_HUB) return text.includes('/', slash + 1);
  return host !== 'index.docker.io' && /[.:]/.test(host);
}

/** A name as a docker-archive has it: a tag, and no digest beside it. */
export function nameByTag(name: string): string {
  const read = readName(name);
  if (read.kind !== 'image' || read.reference.digest === undefined || read.reference.tag === undefined)
    return name;
  const { registry, repository, tag } = read.reference;
  return formatReference({ registry, repository, tag });
}

/**
 * A name as it is true of a manifest: one that has a digest has this one. `app:1@sha256:A` of another manifest would
 * promise what is not there.
 */
export function nameOfDigest(name: string, digest: Digest): string {
  const read = readName(name);
  if (read.kind === 'digest') return digest;
  if (read.kind !== 'image' || read.reference.digest === undefined || read.reference.digest === digest)
    return name;
  return formatReference({ ...read.reference, digest });
}

/**
 * The tag under which the index of a subject's referrers is kept where there is no API for them: in a registry
 * without it, and in layouts. Nothing in a digest needs replacing. (distribution-spec, "Referrers Tag Schema")
 */
export function referrersTag(subject: Digest): string {
  return `${algorithmOf(subject).slice(0, 32)}-${encodedOf(subject).slice(0, 64)}`;
}
