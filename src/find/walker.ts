import { composedName } from './composed.js';
import type { Finder } from './finder.js';
import {
  bareName,
  isImageName,
  isPlausible,
  isUnmistakable,
  isUnresolved,
  withVersion,
} from './image-text.js';
import { tooDeep } from './limits.js';
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
  /** The value is one of the labels of an object. */
  isLabel?: boolean;
  /** The value is one of the annotations of an object: many are help for people. */
  isAnnotation?: boolean;
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
  /** How many values the current one stands in. */
  #level = 0;

  constructor(finder: Finder, options: WalkOptions) {
    this.#finder = finder;
    this.#options = options;
  }

  walk(node: Node, context: Context): void {
    const finder = this.#finder;
    finder.visit(node);
    if (finder.isDone(node)) return;
    const { maxDepth } = finder.limits;
    // Anchors can make circles.
    if (this.#level >= maxDepth) throw tooDeep(maxDepth, node.at);
    this.#level++;
    if (node.type === 'scalar') this.#scalar(node, context);
    else if (node.type === 'sequence') this.#sequence(node, context);
    else this.#mapping(node, context);
    this.#level--;
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
        (context.isOfImages === true &&
          context.isItem !== true &&
          isImagesKey(context.key) &&
          value.type !== 'sequence');
      const isAnnotation =
        context.isAnnotation === true || (key === 'annotations' && value.type === 'mapping');
      this.walk(value, {
        key,
        path: pathTo(context.path, key),
        depth: context.depth + 1,
        isOfImages,
        isAnnotation,
        isLabel: key === 'labels' || context.isLabel === true,
      });
    }
  }

  /** What runs: the images of the containers of a pod. The rest of a status repeats what was asked for. */
  #status(node: Node, path: string): void {
    for (const { key, value } of entriesOf(node))
      if (CONTAINER_LISTS.has(key)) this.walk(value, { key, path: pathTo(path, key), depth: 1 });
  }

  #sequence(node: Sequence, context: Context): void {
    if (CONTAINER_LISTS.has(context.key)) this.#containers(node, context);
    if (ARGUMENT_LISTS.has(context.key) || isFlags(node)) {
      this.#arguments(node, context);
      return;
    }
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
    if (tag === undefined && digest === undefined) {
      this.#finder.unresolved(name.text, name.at, path, 'its tag is the one of the resources');
      return;
    }
    const hash = digest === undefined ? '' : `@${digest.text.replace(/^@/, '')}`;
    this.#finder.named(`${withVersion(name.text, tag?.text)}${hash}`, name, path, 'certain');
  }

  /** A name whose parts are members of one mapping: `registry`, `repository`, and `tag` or `digest`. */
  #composed(node: Mapping, { key, path, isItem = false, isOfImages = false }: Context): void {
    const isImage = isImageKey(key) || (isOfImages && !isItem);
    const parts = composedName(node, { isImage, isItem });
    if (parts === undefined || parts.used.some((each) => this.#finder.isDone(each))) return;
    const { at, repository, version, used, isWithoutTag } = parts;
    const name = withVersion(repository, version);
    const isOpen = isUnresolved(this.#finder.filled(name));
    if (!isOpen && !isPlausible(bareName(name))) return;
    for (const each of used) this.#finder.done(each);
    if (isWithoutTag)
      this.#finder.unresolved(repository, at, path, 'its tag is empty, for a chart to fill in');
    else this.#finder.named(name, { at }, path, 'likely');
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
        if (isImageKey(name, value.text)) this.#imageValue(value, place);
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
      if (flag !== undefined && isImageKey(flag, item.text) && !item.text.startsWith('-'))
        this.#finder.likely(item, path);
      else if (item.isBlock || (/\s/.test(item.text) && !isFilledFlag(item.text))) this.#longText(item, path);
      else scanArgument(this.#finder, item, path);
      flag = /^--?[A-Za-z][\w.-]*$/.test(item.text) ? item.text : undefined;
    }
  }

  #scalar(node: Scalar, { key, path, isOfImages, isAnnotation = false, isLabel = false }: Context): void {
    if (node.text === '' || (isLabel && !isUnmistakable(node.text))) return;
    if (isAnnotation && /\s/.test(node.text.trim()) && !/^\s*[[{]|^apiVersion:/.test(node.text)) return;
    if (key === 'container' && /[:/]/.test(node.text)) {
      this.#finder.likely(node, path);
      return;
    }
    if (isImageKey(key, node.text) || (isOfImages && (/[/:]/.test(node.text) || isUnresolved(node.text)))) {
      this.#imageValue(node, path);
      return;
    }
    if (node.isBlock || node.text.includes('\n') || /\s/.test(node.text)) {
      this.#longText(node, path);
      return;
    }
    if (ARGUMENT_LISTS.has(key) || /^[A-Za-z][\w.-]*=/.test(node.text)) {
      scanArgument(this.#finder, node, path);
      return;
    }
    if (this.#nestedJSON(node, path)) return;
    if (node.text.length > 6) this.#finder.possible(node.text, node.at, path);
  }

  /** The value of what is called an image: a name, several, or a document that has them. */
  #imageValue(node: Scalar, path: string): void {
    if (isImageName(bareName(node.text)) || !/[\s,{[=]/.test(node.text)) {
      this.#finder.likely(node, path);
      return;
    }
    if (isUnresolved(this.#finder.original(node.text)) && !node.text.includes('\n')) {
      this.#finder.likely(node, path);
      return;
    }
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

/** True for a flag whose value is filled in by a template, with spaces in it. */
function isFilledFlag(text: string): boolean {
  const [flag] = /^--?[\w.-]+=/.exec(text) ?? [];
  const [start, end] = [text.indexOf('{{'), text.indexOf('}}')];
  return (
    flag !== undefined &&
    start >= flag.length &&
    end > start &&
    !/\s/.test(text.slice(0, start) + text.slice(end))
  );
}

/** True for an object of Kubernetes. */
export function isObject(node: Node): node is Mapping {
  return (
    node.type === 'mapping' && textOf(node, 'apiVersion') !== undefined && textOf(node, 'kind') !== undefined
  );
}

function isFlags({ items }: Sequence): boolean {
  return items.some((item) => item.type === 'scalar' && /^--[a-z]/.test(item.text));
}
