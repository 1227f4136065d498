import type { Finder } from './finder.js';
import { bareName, isImageName, isPlausible, isUnresolved, withVersion } from './image-text.js';
import {
  entriesOf,
  type Mapping,
  memberOf,
  type Node,
  pathTo,
  type Scalar,
  type Sequence,
  scalarOf,
  textOf,
} from './node.js';
import { scanArgument, scanText } from './scan-text.js';
import { environmentOf } from './variables.js';
import { isImageKey, isImagesKey } from './words.js';

/** Where a walk is. */
export interface Context {
  /** The key that the value has, or the list that it is in. */
  key: string;
  path: string;
  depth: number;
  /** The value is one of those below a key such as `images`. */
  isOfImages?: boolean;
  /** The value is an element of a list. */
  isItem?: boolean;
}

export interface WalkOptions {
  /** What a container's image is: `likely` in values of charts, which may be overridden. */
  containers: 'certain' | 'likely';
  /** Called for a text that may be a document by itself; returns true if it was one. */
  nested: (value: Scalar, path: string) => boolean;
  /** Called for an object of Kubernetes within another value, before its members are looked at. */
  object?: (node: Mapping, path: string) => 'walk' | 'skip';
}

const CONTAINER_LISTS: ReadonlySet<string> = new Set([
  ...['containers', 'initContainers', 'ephemeralContainers'],
  ...['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'],
]);
const ARGUMENT_LISTS: ReadonlySet<string> = new Set([
  'args',
  'command',
  'extraArgs',
  'cmd',
  'entrypoint',
  'additionalArgs',
  'arguments',
  'commands',
  'script',
]);
/** Values of these are prose, or names that others define. */
const PROSE: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'description',
  'message',
  'labels',
  'matchLabels',
  'managedFields',
  'summary',
  'title',
  'icon',
  'base64data',
]);

/** Looks for images in any tree of values, by where they stand and by what their keys are called. */
export class Walker {
  readonly #finder: Finder;
  readonly #options: WalkOptions;

  constructor(finder: Finder, options: WalkOptions) {
    this.#finder = finder;
    this.#options = options;
  }

  walk(node: Node, context: Context): void {
    const finder = this.#finder;
    finder.visit(node);
    if (finder.isDone(node)) return;
    if (node.type === 'scalar') this.#scalar(node, context);
    else if (node.type === 'sequence') this.#sequence(node, context);
    else this.#mapping(node, context);
  }

  #mapping(node: Mapping, context: Context): void {
    this.#finder.withVariables(environmentOf(node), () => this.#members(node, context));
  }

  #members(node: Mapping, context: Context): void {
    if (context.depth > 0 && this.#options.object !== undefined && isObject(node)) {
      if (this.#options.object(node, context.path) === 'skip') return;
    }
    if (context.key === 'image') this.#volume(node, context);
    if (isImageKey(context.key)) this.#declared(node, context);
    this.#patch(node, context);
    this.#renamed(node, context);
    this.#composed(node, context);
    this.#named(node, context);
    for (const { key, value } of node.entries) {
      if (PROSE.has(key) && value.type !== 'sequence') continue;
      if (key === 'status' && isObject(node)) {
        this.#status(value, pathTo(context.path, key));
        continue;
      }
      const isOfImages =
        isImagesKey(key) ||
        (context.isOfImages === true && context.isItem !== true && value.type === 'scalar');
      this.walk(value, { key, path: pathTo(context.path, key), depth: context.depth + 1, isOfImages });
    }
  }

  /** What runs: the images of the containers of a pod. The rest of a status repeats what was asked for. */
  #status(node: Node, path: string): void {
    for (const { key, value } of entriesOf(node))
      if (CONTAINER_LISTS.has(key)) this.walk(value, { key, path: pathTo(path, key), depth: 1 });
  }

  #sequence(node: Sequence, context: Context): void {
    if (CONTAINER_LISTS.has(context.key)) this.#containers(node, context);
    if (ARGUMENT_LISTS.has(context.key) || isFlags(node)) return this.#arguments(node, context);
    for (const [place, item] of node.items.entries())
      this.walk(item, {
        ...context,
        path: pathTo(context.path, place),
        depth: context.depth + 1,
        isItem: true,
      });
  }

  #containers(node: Sequence, { path }: Context): void {
    for (const [place, item] of node.items.entries()) {
      const image = scalarOf(item, 'image');
      if (image === undefined || this.#finder.isDone(image)) continue;
      const at = pathTo(pathTo(path, place), 'image');
      if (this.#options.containers === 'certain') this.#finder.certain(image, at);
      else this.#finder.likely(image, at);
    }
  }

  /** `volumes[].image.reference` of Kubernetes 1.31. */
  #volume(node: Mapping, { path }: Context): void {
    const reference = scalarOf(node, 'reference');
    if (reference === undefined || this.#finder.isDone(reference)) return;
    this.#finder.certain(reference, pathTo(path, 'reference'), this.#options.containers);
  }

  /** A parameter that is called an image: its default or value is one. */
  #declared(node: Mapping, { path }: Context): void {
    for (const member of ['default', 'value', 'defaultValue']) {
      const value = scalarOf(node, member);
      if (value !== undefined && !this.#finder.isDone(value)) this.#imageValue(value, pathTo(path, member));
    }
  }

  /** An operation of a JSON patch has its key in its path. (RFC 6902) */
  #patch(node: Mapping, { path }: Context): void {
    const target = textOf(node, 'path');
    const value = memberOf(node, 'value');
    if (value === undefined || target === undefined || textOf(node, 'op') === undefined) return;
    const key = target.split('/').findLast((part) => !/^(?:\d+|-|)$/.test(part)) ?? '';
    this.walk(value, { key, path: pathTo(path, 'value'), depth: 1 });
    this.#finder.done(value);
  }

  /** An image of kustomize's form, which Flux and others have too: `{name, newName, newTag, digest}`. */
  #renamed(node: Mapping, { path }: Context): void {
    const members = ['name', 'newName', 'newTag', 'digest'].map((key) => scalarOf(node, key));
    const [old, renamed, tag, digest] = members;
    const name = renamed ?? old;
    if (name === undefined || (renamed === undefined && tag === undefined) || this.#finder.isDone(name))
      return;
    for (const member of members) if (member !== undefined) this.#finder.done(member);
    if (tag === undefined && digest === undefined)
      return this.#finder.unresolved(name.text, name.at, path, 'its tag is the one of the resources');
    const hash = digest === undefined ? '' : `@${digest.text.replace(/^@/, '')}`;
    this.#finder.named(`${withVersion(name.text, tag?.text)}${hash}`, name, path, 'certain');
  }

  /** A name whose parts are members of one mapping: `registry`, `repository`, and `tag` or `digest`. */
  #composed(node: Mapping, context: Context): void {
    const parts = partsOf(node, context);
    if (parts === undefined) return;
    if (parts.isWithoutTag) {
      for (const each of parts.used) this.#finder.done(each);
      this.#finder.unresolved(
        parts.repository,
        parts.first.at,
        context.path,
        'its tag is empty, for a chart to fill in',
      );
      return;
    }
    const { first, repository, version, registry, used } = parts;
    if (used.some((each) => this.#finder.isDone(each))) return;
    const name = [registry, withVersion(repository, version)].filter(Boolean).join('/');
    if (isUnresolved(this.#finder.original(name))) {
      for (const each of used) this.#finder.done(each);
      this.#finder.unresolved(name, first.at, context.path, 'it is filled in by something else');
      return;
    }
    if (!isPlausible(bareName(name))) return;
    for (const each of used) this.#finder.done(each);
    this.#finder.named(name, first, context.path, 'likely');
  }

  /** `{name: X_IMAGE, value: …}`: variables of containers, and parameters of workflows and templates. */
  #named(node: Mapping, { path }: Context): void {
    const name = textOf(node, 'name') ?? textOf(node, 'key');
    if (name === undefined) return;
    for (const member of ['value', 'default']) {
      const value = memberOf(node, member);
      if (value === undefined || this.#finder.isDone(value)) continue;
      const place = pathTo(path, member);
      if (value.type === 'scalar') {
        if (isImageKey(name)) this.#imageValue(value, place);
        else this.walk(value, { key: member, path: place, depth: 1 });
      }
    }
  }

  #arguments(node: Sequence, context: Context): void {
    let flag: string | undefined;
    for (const [place, item] of node.items.entries()) {
      const path = pathTo(context.path, place);
      if (item.type !== 'scalar') {
        flag = undefined;
        this.walk(item, { ...context, path, depth: context.depth + 1 });
        continue;
      }
      this.#finder.visit(item);
      if (this.#finder.isDone(item)) continue;
      if (flag !== undefined && isImageKey(flag) && !item.text.startsWith('-'))
        this.#finder.likely(item, path);
      else if (item.isBlock || (/\s/.test(item.text) && !FILLED_FLAG.test(item.text)))
        this.#longText(item, path);
      else scanArgument(this.#finder, item, path);
      flag = /^--?[A-Za-z][\w.-]*$/.test(item.text) ? item.text : undefined;
    }
  }

  #scalar(node: Scalar, { key, path, isOfImages }: Context): void {
    if (node.text === '') return;
    if (key === 'container' && /[:/]/.test(node.text)) return this.#finder.likely(node, path);
    if (isImageKey(key) || (isOfImages && (/[/:]/.test(node.text) || isUnresolved(node.text))))
      return this.#imageValue(node, path);
    if (node.isBlock || node.text.includes('\n') || /\s/.test(node.text)) return this.#longText(node, path);
    if (ARGUMENT_LISTS.has(key) || /^[A-Za-z][\w.-]*=/.test(node.text))
      return scanArgument(this.#finder, node, path);
    if (this.#nestedJSON(node, path)) return;
    if (node.text.length > 6) this.#finder.possible(node.text, node.at, path);
  }

  /** The value of what is called an image: a name, several, or a document that has them. */
  #imageValue(node: Scalar, path: string): void {
    if (isImageName(bareName(node.text)) || !/[\s,{[=]/.test(node.text))
      return this.#finder.likely(node, path);
    if (isUnresolved(this.#finder.original(node.text)) && !node.text.includes('\n'))
      return this.#finder.likely(node, path);
    if (this.#nestedJSON(node, path)) return;
    this.#finder.done(node);
    scanText(this.#finder, node, path, { isOfImages: true });
  }

  #longText(node: Scalar, path: string): void {
    if (this.#options.nested(node, path)) return;
    scanText(this.#finder, node, path);
  }

  #nestedJSON(node: Scalar, path: string): boolean {
    return /^\s*[{[]/.test(node.text) && this.#options.nested(node, path);
  }
}

/** A flag whose value is filled in. */
const FILLED_FLAG = /^--?[\w.-]+=\S*\{\{[^{}]*\}\}\S*$/;

/** True for an object of Kubernetes. */
export function isObject(node: Node): node is Mapping {
  return (
    node.type === 'mapping' && textOf(node, 'apiVersion') !== undefined && textOf(node, 'kind') !== undefined
  );
}

function isFlags({ items }: Sequence): boolean {
  return items.some((item) => item.type === 'scalar' && /^--[a-z]/.test(item.text));
}

interface Parts {
  /** What is written first of the name. */
  first: Scalar;
  registry: string | undefined;
  repository: string;
  version: string | undefined;
  used: Scalar[];
  /** The member for the tag is there, and empty. */
  isWithoutTag?: boolean;
}

const REGISTRIES = ['registry', 'imageRegistry', 'hub', 'image_registry', 'registryHost'];
const REPOSITORIES = ['repository', 'repo', 'imageRepository', 'image_repository', 'imageRepo'];
const DIGESTS = ['digest', 'sha', 'sha256', 'imageDigest', 'imageSHA', 'imageSha', 'image_digest'];
const TAGS = ['tag', 'imageTag', 'image_tag', 'version', 'imageVersion', 'image_version', 'versionTag'];
/** Members with which a `repository` is one of charts, of code or of packages. */
const OTHER_REPOSITORIES = [
  'chart',
  'url',
  'repoURL',
  'branch',
  'revision',
  'ref',
  'git',
  'type',
  'condition',
  'alias',
];

function partsOf(node: Mapping, { key, isItem = false }: Context): Parts | undefined {
  const member = (names: readonly string[]): Scalar | undefined => {
    for (const name of names) {
      const found = scalarOf(node, name);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const isImage = isImageKey(key);
  const registry = member(REGISTRIES);
  const digest = member(DIGESTS);
  const tag = member(TAGS);
  let repository = member(REPOSITORIES);
  let path: string | undefined;
  const image = scalarOf(node, 'image');
  const used: Scalar[] = [];
  if (repository === undefined) {
    // `image` beside `tag`, and `name` below `image`.
    const isVersioned = tag !== undefined || digest !== undefined;
    const name = isImage && (isVersioned || !isItem) ? scalarOf(node, 'name') : undefined;
    repository =
      (tag !== undefined || digest !== undefined || registry !== undefined) && image !== undefined
        ? image
        : name;
    if (repository === undefined) return flatParts(node);
    if (
      repository === image &&
      !isImage &&
      registry === undefined &&
      (hasVersion(image.text) ||
        !(
          scalarOf(node, 'tag') ||
          scalarOf(node, 'imageTag') ||
          scalarOf(node, 'image_tag') ||
          scalarOf(node, 'imageVersion') ||
          scalarOf(node, 'image_version') ||
          digest
        ))
    )
      return undefined;
  } else if (image !== undefined && !image.text.includes('/') && !hasVersion(image.text)) {
    path = `${repository.text.replace(/\/+$/, '')}/${image.text}`;
    used.push(image);
  }
  if (!isImage && tag === undefined && digest === undefined && path === undefined) {
    if (registry === undefined) return undefined;
  }
  if (
    !isImage &&
    path === undefined &&
    repository !== image &&
    OTHER_REPOSITORIES.some((name) => memberOf(node, name) !== undefined)
  )
    return undefined;
  const version = versionOf(repository.text, tag, digest);
  for (const each of [registry, repository, digest, tag]) if (each !== undefined) used.push(each);
  const first = used.reduce((least, each) => (each.at < least.at ? each : least));
  return {
    first:
      registry !== undefined && registry.at < repository.at
        ? registry
        : path === undefined
          ? repository
          : first,
    registry: registry === undefined ? undefined : registry.text.replace(/\/+$/, ''),
    repository: path ?? repository.text,
    version,
    used,
    isWithoutTag:
      version === undefined &&
      !hasVersion(repository.text) &&
      TAGS.slice(0, 3).some((name) => memberOf(node, name) !== undefined),
  };
}

const SUFFIXES = ['_version', '_tag', 'Version', 'Tag', '-version', '-tag', '_digest', 'Digest'];

/**
 * Two members side by side: `image` and `imageTag`, `api_image` and `api_image_version`, `proxy-image` and
 * `proxy-version`, `apiRepository` and `apiTag`.
 */
function flatParts(node: Mapping): Parts | undefined {
  for (const { key, value } of node.entries) {
    if (value.type !== 'scalar' || value.text === '' || hasVersion(value.text)) continue;
    for (const other of versionKeys(key)) {
      const version = scalarOf(node, other);
      if (version === undefined) continue;
      return {
        first: value,
        registry: undefined,
        repository: value.text,
        version: version.text,
        used: [value, version],
      };
    }
  }
  return undefined;
}

function versionKeys(key: string): string[] {
  if (/^image_?name$/i.test(key)) return ['imageTag', 'image_tag', 'imageVersion', 'image_version'];
  const [, prefix] = /^(.+)(?:Repository|_repository|-repository)$/.exec(key) ?? [];
  if (prefix !== undefined) return SUFFIXES.map((suffix) => `${prefix}${suffix}`);
  if (!/image$/i.test(key)) return [];
  const [, start] = /^(.+[-_./])image$/.exec(key) ?? [];
  return [
    ...SUFFIXES.map((suffix) => `${key}${suffix}`),
    ...(start === undefined ? [] : [`${start}version`, `${start}tag`]),
  ];
}

function hasVersion(name: string): boolean {
  return name.includes('@') || name.lastIndexOf(':') > name.lastIndexOf('/');
}

function versionOf(
  repository: string,
  tag: Scalar | undefined,
  digest: Scalar | undefined,
): string | undefined {
  if (hasVersion(repository)) return undefined;
  if (digest === undefined) return tag?.text;
  const hash = digest.text.includes(':') ? digest.text.replace(/^@/, '') : `sha256:${digest.text}`;
  return tag === undefined || tag.text.includes(':') ? hash : `${tag.text}@${hash}`;
}
