import type { Finder } from '../finder.js';
import { hasRegistry } from '../image-text.js';
import { itemsOf, type Mapping, memberOf, type Node, pathTo, scalarOf, textOf } from '../node.js';
import { findTagSelection } from './tag-selection.js';

/** Finds the images of a hauler manifest. (hauler, `content.hauler.cattle.io`) */
export function findInHauler(finder: Finder, root: Mapping): void {
  const spec = memberOf(root, 'spec');
  const annotations = memberOf(memberOf(root, 'metadata'), 'annotations');
  // The registry of names that have none.
  const registry = textOf(annotations, 'hauler.dev/registry');
  each(memberOf(spec, 'images'), 'spec.images', (item, path) => {
    const name = item.type === 'scalar' ? item : scalarOf(item, 'name');
    if (name === undefined) return;
    const platform = textOf(item, 'platform') ?? textOf(annotations, 'hauler.dev/platform');
    const whole = registry === undefined || hasRegistry(name.text) ? name.text : `${registry}/${name.text}`;
    finder.named(whole, name, pathTo(path, 'name'), 'certain', { platform });
  });
  each(memberOf(spec, 'imageTxts'), 'spec.imageTxts', (item, path) => {
    const list = scalarOf(item, 'ref');
    if (list !== undefined)
      finder.unresolved(list.text, list.at, pathTo(path, 'ref'), 'the list is on another machine');
  });
  each(memberOf(spec, 'charts'), 'spec.charts', (item, path) => {
    if (/^true$/i.test(textOf(item, 'add-images') ?? '')) chartOf(finder, item, path);
  });
}

/** Finds the images of a Zarf package: of both versions. (zarf.dev/v1alpha1 and v1beta1) */
export function findInZarf(finder: Finder, root: Mapping): void {
  const values = new Map<string, string>();
  for (const item of [...itemsOf(memberOf(root, 'constants')), ...itemsOf(memberOf(root, 'variables'))]) {
    const [name, value] = [textOf(item, 'name'), textOf(item, 'value') ?? textOf(item, 'default')];
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  each(memberOf(root, 'components'), 'components', (component, path) => {
    each(memberOf(component, 'images'), pathTo(path, 'images'), (item, place) => {
      const name = item.type === 'scalar' ? item : scalarOf(item, 'name');
      if (name === undefined) return;
      const filled = name.text.replace(
        /###ZARF_(?:CONST|VAR)_([A-Z0-9_]+)###/g,
        (whole, key) => values.get(key) ?? whole,
      );
      if (filled.includes('###'))
        finder.unresolved(name.text, name.at, place, 'it is filled in by something else');
      else finder.named(filled, name, place, 'certain');
    });
    each(memberOf(component, 'imageArchives'), pathTo(path, 'imageArchives'), (archive, place) =>
      each(memberOf(archive, 'images'), pathTo(place, 'images'), (item, at) => {
        if (item.type === 'scalar') finder.certain(item, at);
      }),
    );
  });
}

/** Finds the images of oc-mirror's ImageSetConfiguration; releases and catalogs are known to their services only. */
export function findInImageSet(finder: Finder, root: Mapping): void {
  const mirror = memberOf(root, 'mirror');
  each(memberOf(mirror, 'additionalImages'), 'mirror.additionalImages', (item, path) => {
    const name = scalarOf(item, 'name');
    if (name !== undefined) finder.certain(name, pathTo(path, 'name'));
  });
  each(memberOf(mirror, 'operators'), 'mirror.operators', (item, path) => {
    const catalog = scalarOf(item, 'catalog');
    if (catalog === undefined) return;
    finder.unresolved(
      catalog.text,
      catalog.at,
      pathTo(path, 'catalog'),
      'the images of operators are in their catalog',
    );
  });
  const platform = memberOf(mirror, 'platform');
  each(memberOf(platform, 'channels'), 'mirror.platform.channels', (item, path) => {
    const name = scalarOf(item, 'name');
    if (name !== undefined)
      finder.unresolved(
        name.text,
        name.at,
        pathTo(path, 'name'),
        'the images of a release are known to its update service',
      );
  });
  const release = scalarOf(platform, 'release');
  if (release !== undefined) finder.certain(release, 'mirror.platform.release');
  const helm = memberOf(mirror, 'helm');
  each(memberOf(helm, 'repositories'), 'mirror.helm.repositories', (repository, path) =>
    each(memberOf(repository, 'charts'), pathTo(path, 'charts'), (chart, place) =>
      chartOf(finder, chart, place),
    ),
  );
  each(memberOf(helm, 'local'), 'mirror.helm.local', (chart, place) => chartOf(finder, chart, place, 'path'));
}

/** Reports a chart that a document names by one of its members: its images are not in the document. */
export function chartOf(finder: Finder, chart: Node, path: string, member = 'name'): void {
  const named = scalarOf(chart, member);
  if (named !== undefined)
    finder.unresolved(named.text, named.at, pathTo(path, member), 'the images of a chart are in the chart');
}

/** Finds the images of an ImagesLock: of imgpkg and kbld, which once had them in `spec`, and of dt. */
export function findInImagesLock(finder: Finder, root: Mapping): void {
  const take = (item: Node, path: string): void => {
    const image = scalarOf(item, 'image');
    if (image !== undefined) finder.certain(image, pathTo(path, 'image'));
  };
  each(memberOf(root, 'images'), 'images', take);
  each(memberOf(memberOf(root, 'spec'), 'images'), 'spec.images', take);
}

/** Finds what kbld replaces images with. (kbld.k14s.io, "Config") */
export function findInKbld(finder: Finder, root: Mapping): void {
  each(memberOf(root, 'overrides'), 'overrides', (item, path) => {
    if (findTagSelection(finder, item, path)) return;
    const image = scalarOf(item, 'newImage');
    if (image !== undefined) finder.certain(image, pathTo(path, 'newImage'));
  });
}

/** Finds the images of a lock that lading wrote. */
export function findInLock(finder: Finder, root: Mapping): void {
  each(memberOf(root, 'images'), 'images', (item, path) => {
    const name = scalarOf(item, 'name');
    const digest = textOf(item, 'digest');
    if (name === undefined) return;
    const whole = digest === undefined || name.text.includes('@') ? name.text : `${name.text}@${digest}`;
    finder.done(name);
    finder.named(whole, name, pathTo(path, 'name'), 'certain');
  });
}

/** Calls `take` with each element of a list and its path. */
export function each(node: Node | undefined, path: string, take: (item: Node, path: string) => void): void {
  for (const [place, item] of itemsOf(node).entries()) take(item, pathTo(path, place));
}
