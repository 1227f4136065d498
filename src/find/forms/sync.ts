import { isDigest } from '../../content/digest.js';
import { isRegistry } from '../../content/reference.js';
import type { Finder } from '../finder.js';
import { bareName, isUnresolved, withVersion } from '../image-text.js';
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
import { rangeOf } from './tag-selection.js';
import { each } from './tools.js';

const SKOPEO_KEYS = ['images', 'images-by-tag-regex', 'images-by-semver'];

/** True for a source file of `skopeo sync`: hosts, with images or selections of tags. */
export function isSkopeoSync(root: Mapping): boolean {
  return (
    root.entries.length > 0 &&
    root.entries.every(({ key, value }) => isRegistry(key) && value.type === 'mapping') &&
    root.entries.some(
      ({ key, value }) =>
        SKOPEO_KEYS.some((name) => memberOf(value, name)?.type === 'mapping') &&
        (/[.:]/.test(key) || key === 'localhost'),
    )
  );
}

/** Finds the images of such a file; credentials in it are not looked at. (skopeo-sync(1), "YAML file content") */
export function findInSkopeoSync(finder: Finder, root: Mapping): void {
  for (const { key: host, value: registry } of root.entries) {
    const path = pathTo('', host);
    for (const { key: repository, at, value } of entriesOf(memberOf(registry, 'images'))) {
      const place = pathTo(pathTo(path, 'images'), repository);
      const name = `${host}/${repository}`;
      const tags = value.type === 'scalar' && value.text !== '' ? [value] : itemsOf(value);
      if (tags.length === 0) finder.pattern(`${name}:{${EVERY_TAG}}`, at, place);
      for (const tag of tags)
        if (tag.type === 'scalar') finder.named(withTag(name, tag.text), tag, place, 'certain');
    }
    for (const { key: repository, value } of entriesOf(memberOf(registry, 'images-by-tag-regex')))
      if (value.type === 'scalar')
        finder.pattern(
          `${host}/${repository}:{match ${regularExpression(value.text)}}`,
          value.at,
          pathTo(pathTo(path, 'images-by-tag-regex'), repository),
        );
    for (const { key: repository, value } of entriesOf(memberOf(registry, 'images-by-semver')))
      if (value.type === 'scalar')
        finder.pattern(
          `${host}/${repository}:{${rangeOf(value.text)}}`,
          value.at,
          pathTo(pathTo(path, 'images-by-semver'), repository),
        );
  }
}

function withTag(name: string, tag: string): string {
  return isDigest(tag) ? `${name}@${tag}` : withVersion(name, tag);
}

/** True for a configuration of regsync. */
export function isRegsync(root: Mapping): boolean {
  const sync = memberOf(root, 'sync');
  return (
    sync?.type === 'sequence' &&
    textOf(root, 'apiVersion') === undefined &&
    sync.items.some((item) => scalarOf(item, 'source') !== undefined)
  );
}

/** Finds the images of such a configuration; credentials in it are not looked at. (regsync, "Configuration File") */
export function findInRegsync(finder: Finder, root: Mapping): void {
  each(memberOf(root, 'sync'), 'sync', (entry, path) => {
    const source = scalarOf(entry, 'source');
    if (source === undefined) return;
    const place = pathTo(path, 'source');
    const name = bareName(source.text);
    if (isUnresolved(name))
      return finder.unresolved(source.text, source.at, place, 'it is filled in by something else');
    if (/^ocidir:|^ocifile:/.test(name))
      return finder.unresolved(source.text, source.at, place, 'it is a folder, not a registry');
    switch (textOf(entry, 'type')) {
      case 'image':
        return finder.named(name, source, place, 'certain', platformsOf(entry));
      case 'repository':
        return repositoryOf(finder, name, source, entry, path);
      case 'registry':
        return finder.unresolved(
          source.text,
          source.at,
          place,
          'the repositories of a registry are known to it only',
        );
      default:
        return finder.named(name, source, place, 'certain');
    }
  });
}

function platformsOf(entry: Node): { platform?: string | undefined } {
  const platform = textOf(entry, 'platform');
  return platform === undefined ? {} : { platform };
}

/** The tags of a repository: each of `allow` and `deny` is a regular expression for a whole tag. */
function repositoryOf(finder: Finder, name: string, source: Scalar, entry: Node, path: string): void {
  const sets = [memberOf(entry, 'tags'), ...itemsOf(memberOf(entry, 'tagSets'))].filter(
    (set) => set !== undefined,
  );
  const place = pathTo(path, 'source');
  for (const set of sets.length === 0 ? [undefined] : sets) {
    const allowed = textsOf(memberOf(set, 'allow'));
    const denied = textsOf(memberOf(set, 'deny'));
    const ranges = textsOf(memberOf(set, 'semverRange'));
    const not = denied.length === 0 ? '' : `, not ${wholeTag(denied)}`;
    if (allowed.length > 0) finder.pattern(`${name}:{match ${wholeTag(allowed)}${not}}`, source.at, place);
    for (const range of ranges) finder.pattern(`${name}:{${rangeOf(range)}${not}}`, source.at, place);
    if (allowed.length === 0 && ranges.length === 0)
      finder.pattern(`${name}:{${EVERY_TAG}${not}}`, source.at, place);
  }
}

function textsOf(node: Node | undefined): string[] {
  const scalars = node?.type === 'scalar' ? [node] : itemsOf(node).filter((item) => item.type === 'scalar');
  return scalars.map(({ text }) => text).filter((text) => text !== '');
}

function wholeTag(expressions: readonly string[]): string {
  return regularExpression(`^(?:${expressions.join('|')})$`);
}

function regularExpression(text: string): string {
  return `/${text.replaceAll('/', '\\/')}/`;
}

/** Every tag, also those that are no versions. */
const EVERY_TAG = 'match /./';
