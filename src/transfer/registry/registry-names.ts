import { readName } from '../../content/names.js';
import {
  formatReference,
  isRegistry,
  isRepository,
  parseReference,
  pushableName,
  type Reference,
  withDefaultTag,
} from '../../content/reference.js';
import { LadingError } from '../../errors.js';
import type { DestinationLocator } from '../../store/locator.js';
import type { ImageTrees } from '../plan.js';

/** An image and its name in the registry. */
export interface ImageToPush {
  image: ImageTrees;
  destination: Reference;
}

/** How images are named in a registry. */
export interface RegistryNaming {
  /** `host[:port]`. */
  registry: string;
  /** Path before the repositories; empty if there is none. */
  prefix: string;
  /** Include the source's host in the path; default false. */
  keepHost?: boolean | undefined;
  rules?: RenameRules | undefined;
}

/**
 * The rules of a rename file: the first rule that matches a name determines its new name, before the prefix is added.
 */
export interface RenameRules {
  rules: RenameRule[];
  /** Maximum number of components of a repository path at the destination; further ones are joined with `-`. */
  maxDepth: number | undefined;
}

/** A rule that is matched against the full source name, `HOST/REPOSITORY:TAG`. */
export type RenameRule =
  /** Matches the whole name; `to` is `REPOSITORY[:TAG]`. */
  | { type: 'exact'; from: string; to: string }
  /** Matches the beginning of the name, which is replaced by `to`. */
  | { type: 'prefix'; from: string; to: string }
  /** Matches a regular expression; `to` may contain `$1`, `$<name>`. */
  | { type: 'regex'; from: RegExp; to: string };

/** Parses `HOST[:PORT][/PREFIX]`; rejects with `USAGE`. */
export function parseDestination(text: string): Pick<RegistryNaming, 'registry' | 'prefix'> {
  const [registry = '', ...path] = text
    .replace(/^docker:\/\//, '')
    .replace(/\/$/, '')
    .split('/');
  const prefix = path.join('/');
  if (isRegistry(registry) && (prefix === '' || isRepository(prefix))) return { registry, prefix };
  throw new LadingError('USAGE', `"${text}" is not a valid destination`, {
    hint: 'A destination is HOST[:PORT][/PREFIX], for example registry.local:5000/mirror.',
  });
}

/** Returns the name of an image at the destination. Rejects with `USAGE` if a rule makes an invalid name. */
export function renamed(name: string, destination: RegistryNaming): Reference {
  const source = withDefaultTag(parseReference(name));
  const { repository, tag } = applyRules(name, source, destination);
  const path = [destination.prefix, repository].filter((part) => part !== '').join('/');
  const text = `${destination.registry}/${limitDepth(path, destination.rules?.maxDepth)}${tag === undefined ? '' : `:${tag}`}`;
  try {
    // The host was checked before; parseReference() would take a host without a dot for a part of the path.
    const { repository: checked, tag: checkedTag } = parseReference(text.replace(/^[^/]*/, 'localhost'));
    return {
      registry: destination.registry,
      repository: checked,
      ...(checkedTag !== undefined && { tag: checkedTag }),
      ...(source.digest && { digest: source.digest }),
    };
  } catch (error) {
    throw new LadingError('USAGE', `${name} would become "${text}", which is not a valid image name`, {
      cause: error,
      hint: 'Correct the rule that produces this name.',
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
  // The colon of a port is not allowed in a path.
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

/** A registry, a repository in one, or an image in a repository. */
export type RegistryTarget = Extract<DestinationLocator, { kind: 'docker' | 'registry' }>;

export function isRegistryTarget(destination: DestinationLocator): destination is RegistryTarget {
  return destination.kind === 'docker' || destination.kind === 'registry';
}

/** Returns the `host[:port]` that images are pushed to. */
export function registryOf(target: RegistryTarget): string {
  return target.kind === 'docker' ? target.reference.registry : target.registry;
}

/**
 * Names images at their target. If the target is a repository or an image, one image, or the images of one repository,
 * get that name; if it is a registry, each image keeps its path. Rejects with `USAGE` if images of several repositories
 * would end in one, with only their tags to distinguish them.
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

/** A push cannot choose the digest, so a destination with another digest than the image's is a mistake. */
function requireTrueDigest({ name, tree }: ImageTrees, target: Reference): void {
  const { digest } = tree.content.descriptor;
  if (target.digest === undefined || target.digest === digest) return;
  throw new LadingError(
    'USAGE',
    `${name} has the digest ${digest}, so it cannot be ${formatReference(target)}`,
    {
      hint: 'Leave the digest out of the destination, or name the image by it at the source.',
    },
  );
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
    `${one} and ${other} come from ${repositories.size} repositories, but ${registry}/${repository} is a single one`,
    {
      hint: `Write docker://${registry}/${repository}/ with the slash, so that each keeps its path below it.`,
    },
  );
}

function requireFullName(name: string): string {
  const pushable = pushableName(name);
  if (readName(pushable).kind === 'image') return pushable;
  throw new LadingError('USAGE', `the image ${name} has no name that it could keep`, {
    hint: 'Copy it alone, to docker://HOST[:PORT]/REPOSITORY:TAG.',
  });
}

/** A single image gets the requested tag; several images keep their own. */
function targetTag(name: string, { tag, digest }: Reference, count: number): { tag?: string } {
  if (tag !== undefined && count > 1)
    throw new LadingError('USAGE', `${count} images cannot all be called ${tag}`, {
      hint: 'Leave the tag out, so that each keeps its own.',
    });
  if (tag !== undefined || digest !== undefined) return {};
  const read = readName(pushableName(name));
  if (read.kind === 'tag') return { tag: read.tag };
  return read.kind === 'image' && read.reference.tag !== undefined ? { tag: read.reference.tag } : {};
}
