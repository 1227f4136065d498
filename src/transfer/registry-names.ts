import { readName } from '../content/names.js';
import {
  formatReference,
  isRegistry,
  isRepository,
  parseReference,
  pushableName,
  type Reference,
  withDefaultTag,
} from '../content/reference.js';
import { LadingError } from '../errors.js';
import type { DestinationLocator } from '../store/locator.js';
import type { ImageTrees } from './plan.js';

/** An image, and the name it gets at its registry. */
export interface ImageToPush {
  image: ImageTrees;
  destination: Reference;
}

/** How images are named in a registry. */
export interface RegistryNaming {
  /** `host[:port]`. */
  registry: string;
  /** Path before the repositories; empty for none. */
  prefix: string;
  /** Put the source's host in the path; default false. */
  keepHost?: boolean | undefined;
  rules?: RenameRules | undefined;
}

/** A rule file: the first rule that fits a name says what it becomes, before the prefix. */
export interface RenameRules {
  rules: RenameRule[];
  /** Most components of a repository's path at the destination; those beyond are joined with `-`. */
  maxDepth: number | undefined;
}

/** Fits the full source name, `HOST/REPOSITORY:TAG`. */
export type RenameRule =
  /** The whole name; `to` is `REPOSITORY[:TAG]`. */
  | { type: 'exact'; from: string; to: string }
  /** The beginning of the name, which `to` replaces. */
  | { type: 'prefix'; from: string; to: string }
  /** A regular expression; `to` may use `$1`, `$<name>`. */
  | { type: 'regex'; from: RegExp; to: string };

/** `HOST[:PORT][/PREFIX]`; rejects with `USAGE`. */
export function parseDestination(text: string): Pick<RegistryNaming, 'registry' | 'prefix'> {
  const [registry = '', ...path] = text
    .replace(/^docker:\/\//, '')
    .replace(/\/$/, '')
    .split('/');
  const prefix = path.join('/');
  if (isRegistry(registry) && (prefix === '' || isRepository(prefix))) return { registry, prefix };
  throw new LadingError('USAGE', `"${text}" is no destination`, {
    hint: 'A destination is HOST[:PORT][/PREFIX], for example registry.local:5000/mirror.',
  });
}

/** What an image is called at the destination. Rejects with `USAGE` when a rule makes no name of it. */
export function renamed(name: string, destination: RegistryNaming): Reference {
  const source = withDefaultTag(parseReference(name));
  const { repository, tag } = applyRules(name, source, destination);
  const path = [destination.prefix, repository].filter((part) => part !== '').join('/');
  const text = `${destination.registry}/${limitDepth(path, destination.rules?.maxDepth)}${tag === undefined ? '' : `:${tag}`}`;
  try {
    // The host was checked already: of a bare one, Docker's normalisation would make a path.
    const { repository: checked, tag: checkedTag } = parseReference(text.replace(/^[^/]*/, 'localhost'));
    return {
      registry: destination.registry,
      repository: checked,
      ...(checkedTag !== undefined && { tag: checkedTag }),
      ...(source.digest && { digest: source.digest }),
    };
  } catch (error) {
    throw new LadingError('USAGE', `${name} would become "${text}", which is no image name`, {
      cause: error,
      hint: 'Mend the rule that makes it.',
    });
  }
}

function applyRules(
  name: string,
  source: Reference,
  { keepHost, rules }: RegistryNaming,
): { repository: string; tag: string | undefined } {
  for (const rule of rules?.rules ?? []) {
    const result = applyRule(rule, name);
    if (result === undefined) continue;
    const [, repository = '', tag] = /^(.*?)(?::([^:/]*))?$/s.exec(result) ?? [];
    return { repository, tag: tag ?? source.tag };
  }
  // A port's colon has no place in a path.
  const host = keepHost ? `${source.registry.replaceAll(':', '-')}/` : '';
  return { repository: `${host}${source.repository}`, tag: source.tag };
}

function applyRule(rule: RenameRule, name: string): string | undefined {
  switch (rule.type) {
    case 'exact':
      return rule.from === name ? rule.to : undefined;
    case 'prefix':
      return name.startsWith(rule.from) ? rule.to + name.slice(rule.from.length) : undefined;
    case 'regex':
      return rule.from.test(name) ? name.replace(rule.from, rule.to) : undefined;
  }
}

function limitDepth(path: string, maxDepth: number | undefined): string {
  const parts = path.split('/');
  if (maxDepth === undefined || parts.length <= maxDepth) return path;
  return [...parts.slice(0, maxDepth - 1), parts.slice(maxDepth - 1).join('-')].join('/');
}

/** A repository, an image in it, or a registry. */
export type RegistryTarget = Extract<DestinationLocator, { kind: 'docker' | 'registry' }>;

export function isRegistryTarget(destination: DestinationLocator): destination is RegistryTarget {
  return destination.kind === 'docker' || destination.kind === 'registry';
}

/** `host[:port]` of where images go. */
export function registryOf(target: RegistryTarget): string {
  return target.kind === 'docker' ? target.reference.registry : target.registry;
}

/**
 * One image, or the images of one repository, get the name that is asked for; in a registry each keeps its path. Rejects
 * with `USAGE` where images of several repositories would lie in one, told apart by their tags at best.
 */
export function nameInRegistry(images: readonly ImageTrees[], target: RegistryTarget): ImageToPush[] {
  if (target.kind === 'registry')
    return images.map((image) => ({ image, destination: renamed(requireFullName(image.name), target) }));
  requireOneRepository(images, target.reference);
  for (const image of images) requireTrueDigest(image, target.reference);
  return images.map((image) => ({
    image,
    destination: { ...target.reference, ...targetTag(image.name, target.reference, images.length) },
  }));
}

/** A destination cannot choose a digest: one that is no image's own is a mistake. */
function requireTrueDigest({ name, tree }: ImageTrees, target: Reference): void {
  const { digest } = tree.content.descriptor;
  if (target.digest === undefined || target.digest === digest) return;
  throw new LadingError('USAGE', `${name} is ${digest}, and cannot be ${formatReference(target)}`, {
    hint: 'Leave the digest out of the destination, or name the image by it at the source.',
  });
}

function requireOneRepository(images: readonly ImageTrees[], target: Reference): void {
  const repositories = new Map<string, string>();
  for (const { name } of images) {
    const read = readName(pushableName(name));
    if (read.kind === 'image')
      repositories.set(`${read.reference.registry}/${read.reference.repository}`, name);
  }
  const [one, other] = repositories.values();
  if (one === undefined || other === undefined) return;
  const { registry, repository } = target;
  throw new LadingError(
    'USAGE',
    `${one} and ${other} are of ${repositories.size} repositories, and ${registry}/${repository} is one`,
    { hint: `Write docker://${registry}/${repository}/ with the slash: each keeps its path under it.` },
  );
}

function requireFullName(name: string): string {
  const pushable = pushableName(name);
  if (readName(pushable).kind === 'image') return pushable;
  throw new LadingError('USAGE', `the image ${name} has no name to keep`, {
    hint: 'Copy it alone, to docker://HOST[:PORT]/REPOSITORY:TAG.',
  });
}

/** One image gets the tag that is asked for; of several, each keeps its own. */
function targetTag(name: string, { tag, digest }: Reference, count: number): { tag?: string } {
  if (tag !== undefined && count > 1)
    throw new LadingError('USAGE', `${count} images cannot all be called ${tag}`, {
      hint: 'Leave the tag out: each keeps its own.',
    });
  if (tag !== undefined || digest !== undefined) return {};
  const read = readName(pushableName(name));
  if (read.kind === 'tag') return { tag: read.tag };
  return read.kind === 'image' && read.reference.tag !== undefined ? { tag: read.reference.tag } : {};
}
