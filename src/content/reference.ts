import { isLadingError, LadingError } from '../errors.js';
import { type Digest, digestProblem } from './digest.js';

/** The parts of a full, normalised image name. */
export interface Reference {
  /** `host[:port]`; `docker.io` for Docker Hub. */
  registry: string;
  /** Path in the registry, including `library/`. */
  repository: string;
  tag?: string;
  digest?: Digest;
}

export const DOCKER_HUB = 'docker.io';

// The grammar of distribution/reference (regexp.go), without anchors.
const ALNUM = '[a-zA-Z0-9]';
const DOMAIN_COMPONENT = `(?:${ALNUM}|${ALNUM}[a-zA-Z0-9-]*${ALNUM})`;
const DOMAIN_NAME = `${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*`;
const DOMAIN = `(?:${DOMAIN_NAME}|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PATH_COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const PATH = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`;
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';

const REFERENCE = new RegExp(`^(${DOMAIN})/(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const REGISTRY = new RegExp(`^${DOMAIN}$`);
const REPOSITORY = new RegExp(`^${PATH}$`);
const TAG_ONLY = new RegExp(`^${TAG}$`);
const IDENTIFIER = /^[a-f0-9]{64}$/;
/** Limit in characters for the repository path. distribution/reference does not count the host since 0.6. */
const MAX_REPOSITORY_LENGTH = 255;

/**
 * Parses an image name as users type it, and normalises it as Docker does: `busybox` becomes
 * `docker.io/library/busybox`. Adds no tag. If there is a digest too, the tag is kept to name the image with.
 * Throws `INVALID_REFERENCE`. (distribution/reference, `ParseNormalizedNamed`)
 */
export function parseReference(text: string): Reference {
  if (IDENTIFIER.test(text)) throw invalid(text, 'it could be an image ID: 64 hexadecimal characters');
  if (text.includes('://')) throw invalid(text, 'it must not have a scheme');
  const { domain, remainder } = splitDomain(text);
  const path = remainder.split(':', 1)[0] ?? '';
  if (path !== path.toLowerCase()) throw invalid(text, `the repository name "${path}" must be lower case`);

  const match = REFERENCE.exec(`${domain}/${remainder}`);
  const [, registry, repository, tag, digest] = match ?? [];
  if (registry === undefined || repository === undefined)
    throw invalid(text, 'it does not have the form [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]');
  if (repository.length > MAX_REPOSITORY_LENGTH)
    throw invalid(text, `the repository name is longer than ${MAX_REPOSITORY_LENGTH} characters`);
  if (digest !== undefined) {
    const problem = digestProblem(digest);
    if (problem !== undefined) throw invalid(text, problem);
  }
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest: digest as Digest }), // checked by digestProblem
  };
}

/** Formats the reference in full: host and path, and the tag and digest if it has them. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Formats the reference as people write it: without `docker.io/`, and without `library/` for Docker's own images. */
export function formatFamiliar(reference: Reference): string {
  const full = formatReference(reference);
  if (reference.registry !== DOCKER_HUB) return full;
  return full.slice(DOCKER_HUB.length + 1).replace(/^library\/([^/]+)$/, '$1');
}

/** Returns the reference with the tag `latest` if it has neither a tag nor a digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: 'latest' }
    : reference;
}

export function isTag(text: string): boolean {
  return TAG_ONLY.test(text);
}

/** Parses a name that may be something else: returns undefined where `parseReference` throws. */
export function readReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (isLadingError(error, 'INVALID_REFERENCE')) return undefined;
    throw error;
  }
}

/** True if `parseReference` accepts `text`. */
export function isReference(text: string): boolean {
  return readReference(text) !== undefined;
}

/**
 * Replaces each `+` in the tag of a name (or in a tag alone) by `_`. Versions of Helm charts may have a `+`; layouts
 * allow it in a tag, registries do not. Helm itself pushes `1.2.3+up4` as `1.2.3_up4`. (helm, registry/util.go)
 */
export function pushableName(name: string): string {
  const start = Math.max(name.lastIndexOf('/'), name.lastIndexOf(':')) + 1;
  const tag = name.slice(start);
  const isTagged = start === 0 || name[start - 1] === ':';
  const pushable = tag.replaceAll('+', '_');
  return isTagged && isTag(pushable) ? name.slice(0, start) + pushable : name;
}

/**
 * True if `text` is `host[:port]` and can be a part of a URL. The grammar of names allows any number as a port, and hosts such
 * as `10.0.0.256`, which URLs take for a wrong IPv4 address. (WHATWG URL, 3.5)
 */
export function isRegistry(text: string): boolean {
  return REGISTRY.test(text) && URL.canParse(`https://${text}`);
}

/** True if `text` is the path of a repository in a registry. (distribution-spec, "Pulling manifests", `<name>`) */
export function isRepository(text: string): boolean {
  return text.length <= MAX_REPOSITORY_LENGTH && REPOSITORY.test(text);
}

function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  if (!isDomainLike(first)) return { domain: DOCKER_HUB, remainder: inLibrary(text) };
  const remainder = text.slice(slash + 1);
  const domain = first === 'index.docker.io' ? DOCKER_HUB : first;
  return { domain, remainder: domain === DOCKER_HUB ? inLibrary(remainder) : remainder };
}

/** The first part is a host only if it cannot be a path: it has a `.`, a `:` or a capital letter, or is `localhost`. */
function isDomainLike(first: string): boolean {
  return /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
}

function inLibrary(remainder: string): string {
  return remainder.includes('/') || remainder === '' ? remainder : `library/${remainder}`;
}

function invalid(text: string, reason: string): LadingError {
  return new LadingError('INVALID_REFERENCE', `invalid image name "${text}": ${reason}`, {
    hint: 'An image name is [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], for example docker.io/library/busybox:1.36.',
  });
}
