import { hasVersion } from '../composed.js';
import type { Finder } from '../finder.js';
import { withVersion } from '../image-text.js';
import { KNOWN_KINDS, type KnownKind } from '../known-fields.js';
import {
  entriesOf,
  itemsOf,
  type Mapping,
  memberOf,
  type Node,
  pathTo,
  type Scalar,
  scalarOf,
  textOf,
} from '../node.js';
import { type Located, valuesAt } from '../paths.js';
import { withoutTrailing } from '../plain-text.js';
import { parametersOf } from '../variables.js';
import { Walker } from '../walker.js';
import { isImageKey } from '../words.js';
import { findInInlineDockerfile } from './dockerfile.js';
import { findTagSelection } from './tag-selection.js';

export type Nested = (value: Scalar, path: string) => boolean;

/** Finds the images of an object of Kubernetes, or of a list of them. */
export function findInKubernetes(
  finder: Finder,
  root: Mapping,
  nested: Nested,
  containers: 'certain' | 'likely' = 'certain',
): void {
  const visit = (node: Node): boolean => {
    finder.visit(node);
    return !finder.isDone(node);
  };
  const walker: Walker = new Walker(finder, {
    containers,
    nested,
    object: (node, path) => findKnown(finder, { node, path }, { walker, nested, visit }),
  });
  const parameters = /\$[({]|\{\{/.test(finder.original(finder.text)) ? parametersOf(root, visit) : undefined;
  finder.withVariables(parameters, () => {
    if (findKnown(finder, { node: root, path: '' }, { walker, nested, visit }) === 'walk')
      walker.walk(root, { key: '', path: '', depth: 0 });
  });
}

/** An object of Kubernetes with its path. */
interface LocatedObject extends Located {
  node: Mapping;
}

interface Means {
  walker: Walker;
  nested: Nested;
  visit: (node: Node) => boolean;
}

/** Finds what is known of a kind, by the table; the rest is for the walk. */
function findKnown(finder: Finder, root: LocatedObject, means: Means): 'walk' | 'skip' {
  const { node, path } = root;
  const { visit } = means;
  const [group, kind] = [groupOf(textOf(node, 'apiVersion') ?? ''), textOf(node, 'kind') ?? ''];
  if (kind === 'CustomResourceDefinition') {
    findDefaults(finder, node, path);
    return 'skip';
  }
  findTyped(finder, root, group, kind, means);
  const known = KNOWN_KINDS.find((each) => isOf(each, group, kind));
  if (known === undefined) return 'walk';
  if (known.isWithout) return 'skip';
  for (const other of known.not ?? [])
    for (const { node: value } of valuesAt(root, other, visit)) finder.done(value);
  for (const composed of known.composed ?? []) {
    for (const place of valuesAt(root, composed.of, visit))
      findComposed(finder, root, place, composed, visit);
  }
  for (const images of known.images ?? []) {
    for (const { node: value, path: place } of valuesAt(root, images, visit))
      if (value.type === 'scalar' && !finder.isDone(value)) findKnownImage(finder, value, place);
  }
  if (known.only === undefined) return 'walk';
  for (const only of known.only)
    for (const { node: value, path: place } of valuesAt(root, only, visit))
      means.walker.walk(value, { key: '', path: place, depth: 1 });
  return 'skip';
}

/** An image with what its tool puts before it: `oci://`, or the name of what it replaces (`app=`). */
function findKnownImage(finder: Finder, value: Scalar, path: string): void {
  finder.done(value);
  const name = value.text.replace(/^oci:\/\//, '');
  const [, renamed] = /^[\w./-]+=(.+)$/.exec(name) ?? [];
  finder.named(renamed ?? name, value, path, 'certain');
}

type Composed = NonNullable<KnownKind['composed']>[number];

function findComposed(
  finder: Finder,
  root: Located,
  place: Located,
  composed: Composed,
  visit: (node: Node) => boolean,
): void {
  const at = (path: string): Scalar | undefined => {
    // A version may be one of the whole object: `^version` is `spec.version`.
    const from = path.startsWith('^')
      ? { node: memberOf(root.node, 'spec') ?? root.node, path: 'spec' }
      : place;
    const [found] = valuesAt(from, path.replace('^', ''), visit);
    return found?.node.type === 'scalar' && found.node.text !== '' ? found.node : undefined;
  };
  const [registry, repository, name] = [composed.registry, composed.repository, composed.name].map((path) =>
    path === undefined ? undefined : at(path),
  );
  if (repository === undefined || finder.isDone(repository)) return;
  if (composed.name !== undefined && name === undefined) return;
  const version = (composed.version ?? []).map(at).find((each) => each !== undefined);
  if (composed.last !== undefined && version === undefined) return;
  const parts = [registry, repository, name].filter((part) => part !== undefined);
  const base = [
    ...parts.map(({ text }) => withoutTrailing(text.replace(/^oci:\/\//, ''), '/')),
    composed.last ?? '',
  ]
    .filter((text) => text !== '')
    .join('/');
  if (hasVersion(base)) return; // it has a version, and is found by its key
  for (const each of [...parts, version]) if (each !== undefined) finder.done(each);
  const path = pathTo(place.path, composed.repository);
  if (version !== undefined && isRange(version.text)) {
    finder.unresolved(base, repository.at, path, 'only its registry knows which versions are in a range');
    return;
  }
  finder.named(withVersion(base, versionText(version?.text)), parts[0] ?? repository, path, 'certain');
}

/** A range of versions, which no tag can be. */
function isRange(text: string): boolean {
  return /[<>=^~*|\s]|(?:^|\.)[xX](?:\.|$)/.test(text);
}

/** A hash alone is one of SHA-256. */
function versionText(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? `sha256:${text}` : text;
}

/** Fields of Kubernetes and OpenShift whose meaning depends on a value beside them. */
function findTyped(
  finder: Finder,
  root: Located,
  group: string,
  kind: string,
  { visit, nested }: Means,
): void {
  const { node, path } = root;
  if (group === 'image.openshift.io' || group === 'build.openshift.io') {
    for (const { node: from, path: place } of valuesAt(root, '**.from', visit)) {
      const name = scalarOf(from, 'name');
      if (name !== undefined && textOf(from, 'kind') === 'DockerImage')
        finder.certain(name, pathTo(place, 'name'));
    }
    const build = memberOf(memberOf(node, 'spec'), 'source');
    const dockerfile = scalarOf(build, 'dockerfile');
    if (dockerfile !== undefined)
      findInInlineDockerfile(finder, dockerfile, pathTo(path, 'spec.source.dockerfile'));
  }
  if (/(?:^|\.)(?:k14s\.io|carvel\.dev)$/.test(group)) {
    for (const { node: value, path: place } of valuesAt(root, '**', visit))
      findTagSelection(finder, value, place);
  }
  if (group === '' && kind === 'Node') {
    for (const image of itemsOf(memberOf(memberOf(node, 'status'), 'images')))
      for (const name of itemsOf(memberOf(image, 'names')))
        if (name.type === 'scalar') finder.possible(name.text, name.at, pathTo(path, 'status.images'));
  }
  if (group === '' && kind === 'Secret') {
    for (const { key, value } of entriesOf(memberOf(node, 'data'))) {
      if (value.type !== 'scalar') continue;
      finder.done(value);
      const text = Buffer.from(value.text, 'base64').toString('utf8');
      // Only documents are looked at: what else is in a secret is nobody's business.
      if (/image/i.test(text)) nested({ ...value, text, isBlock: false }, pathTo(pathTo(path, 'data'), key));
    }
  }
}

/** The defaults of a definition's properties that are called an image: what is used if a resource says nothing. */
function findDefaults(finder: Finder, definition: Mapping, path: string): void {
  const look = (node: Node, key: string, at: string, depth: number): void => {
    finder.visit(node);
    if (depth > finder.limits.maxDepth) return;
    const value = memberOf(node, 'default');
    if (value !== undefined && memberOf(node, 'type') !== undefined) {
      const place = pathTo(at, 'default');
      if (value.type === 'scalar' && isImageKey(key)) finder.likely(value, place);
      if (value.type === 'mapping')
        new Walker(finder, { containers: 'likely', nested: () => false }).walk(value, {
          key,
          path: place,
          depth: 1,
        });
    }
    for (const [place, item] of itemsOf(node).entries()) look(item, key, pathTo(at, place), depth + 1);
    for (const entry of entriesOf(node))
      look(entry.value, entry.key === 'items' ? key : entry.key, pathTo(at, entry.key), depth + 1);
  };
  const spec = memberOf(definition, 'spec');
  if (spec !== undefined) look(spec, '', pathTo(path, 'spec'), 0);
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

function isOf({ group, kinds }: KnownKind, of: string, kind: string): boolean {
  const isGroup = group.startsWith('*.') ? of.endsWith(group.slice(1)) : of === group;
  return isGroup && (kinds === undefined || kinds.includes(kind));
}
