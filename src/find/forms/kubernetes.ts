import type { Finder } from '../finder.js';
import { bareName, isPlausible, withVersion } from '../image-text.js';
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
import { Walker } from '../walker.js';
import { isImageKey } from '../words.js';

export type Nested = (value: Scalar, path: string) => boolean;

/** Finds the images of an object of Kubernetes, or of a list of them. */
export function findInKubernetes(
  finder: Finder,
  root: Mapping,
  nested: Nested,
  containers: 'certain' | 'likely' = 'certain',
): void {
  const walker = new Walker(finder, {
    containers,
    nested,
    object: (node, path) => findKnown(finder, node, path),
  });
  if (findKnown(finder, root, '') === 'walk') walker.walk(root, { key: '', path: '', depth: 0 });
}

/** Finds what is known of a kind, by the table; the rest is for the walk. */
function findKnown(finder: Finder, node: Mapping, path: string): 'walk' | 'skip' {
  const [group, kind] = [groupOf(textOf(node, 'apiVersion') ?? ''), textOf(node, 'kind') ?? ''];
  if (kind === 'CustomResourceDefinition') {
    findDefaults(finder, node, path);
    return 'skip';
  }
  if (kind === 'Secret') return 'walk';
  const root: Located = { node, path };
  findTyped(finder, node, path, group, kind);
  const known = KNOWN_KINDS.find((each) => isOf(each, group, kind));
  if (known === undefined) return 'walk';
  if (known.isWithout) return 'skip';
  const visit = (each: Node): void => finder.visit(each);
  for (const other of known.not ?? [])
    for (const { node: value } of valuesAt(root, other, visit)) finder.done(value);
  for (const composed of known.composed ?? []) {
    for (const place of valuesAt(root, composed.of, visit))
      findComposed(finder, root, place, composed, visit);
  }
  for (const images of known.images ?? []) {
    for (const { node: value, path: place } of valuesAt(root, images, visit)) {
      if (value.type !== 'scalar' || finder.isDone(value) || value.text === '') continue;
      const name = bareName(value.text.replace(/^oci:\/\//, ''));
      if (isPlausible(name) && name !== value.text) {
        finder.done(value);
        finder.named(name, value, place, 'certain');
      } else finder.certain(value, place);
    }
  }
  return 'walk';
}

type Composed = NonNullable<KnownKind['composed']>[number];

function findComposed(
  finder: Finder,
  root: Located,
  place: Located,
  composed: Composed,
  visit: (node: Node) => void,
): void {
  const at = (path: string): Scalar | undefined => {
    // A version may be one of the whole object: `^version` is `spec.version`.
    const from = path.startsWith('^')
      ? { node: memberOf(root.node, 'spec') ?? root.node, path: 'spec' }
      : place;
    const [found] = valuesAt(from, path.replace('^', ''), visit);
    return found?.node.type === 'scalar' && found.node.text !== '' ? found.node : undefined;
  };
  const repository = at(composed.repository);
  const name = composed.name === undefined ? undefined : at(composed.name);
  if (
    repository === undefined ||
    finder.isDone(repository) ||
    (composed.name !== undefined && name === undefined)
  )
    return;
  const version = (composed.version ?? []).map(at).find((each) => each !== undefined);
  const base = name === undefined ? repository.text : `${repository.text}/${name.text}`;
  if (name === undefined && /[@:][^/]*$/.test(base)) return; // it has a version, and is found by its key
  const first = name !== undefined && name.at < repository.at ? name : repository;
  for (const each of [repository, name, version]) if (each !== undefined) finder.done(each);
  finder.named(
    withVersion(base, versionText(version?.text)),
    first,
    pathTo(place.path, composed.repository),
    'certain',
  );
}

/** A hash alone is one of SHA-256. */
function versionText(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? `sha256:${text}` : text;
}

/** Fields of Kubernetes and OpenShift whose meaning depends on a value beside them. */
function findTyped(finder: Finder, node: Mapping, path: string, group: string, kind: string): void {
  if (group === 'image.openshift.io' || group === 'build.openshift.io') {
    const visit = (each: Node): void => finder.visit(each);
    for (const { node: from, path: place } of valuesAt({ node, path }, '**.from', visit)) {
      const name = scalarOf(from, 'name');
      if (name !== undefined && textOf(from, 'kind') === 'DockerImage')
        finder.certain(name, pathTo(place, 'name'));
    }
  }
  if (group === '' && kind === 'Node') {
    for (const image of itemsOf(memberOf(memberOf(node, 'status'), 'images')))
      for (const name of itemsOf(memberOf(image, 'names')))
        if (name.type === 'scalar') finder.possible(name.text, name.at, pathTo(path, 'status.images'));
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
