import type { Finder } from '../finder.js';
import { withVersion } from '../image-text.js';
import { itemsOf, type Mapping, memberOf, pathTo, scalarOf } from '../node.js';
import { chartOf, each } from './tools.js';

/** Lists of a kustomization whose elements are files, folders or URLs. */
const RESOURCES = ['resources', 'bases', 'components', 'crds'];

/**
 * Finds the images of a kustomization: those that its resources get instead of their own, which are none then. (kustomize,
 * "images")
 */
export function findInKustomization(finder: Finder, root: Mapping): void {
  const resources = RESOURCES.flatMap((list) => itemsOf(memberOf(root, list))).filter(
    (item) => item.type === 'scalar',
  );
  for (const { text, at } of resources)
    if (/:\/\/|^git@|\?ref=|^github\.com\//.test(text))
      finder.unresolved(text, at, 'resources', 'it is on another machine');
  each(memberOf(root, 'helmCharts'), 'helmCharts', (chart, path) => chartOf(finder, chart, path));
  const replaced: string[] = [];
  each(memberOf(root, 'images'), 'images', (item, path) => {
    const members = ['name', 'newName', 'newTag', 'digest', 'tagSuffix'].map((key) => scalarOf(item, key));
    const [old, renamed, tag, digest, suffix] = members;
    for (const member of members) if (member !== undefined) finder.done(member);
    const name = renamed ?? old;
    if (name === undefined || old === undefined) return;
    if (tag === undefined && digest === undefined) {
      const changed = renamed ?? suffix;
      if (changed === undefined) return;
      finder.unresolved(
        renamed === undefined ? `${old.text}:*${changed.text}` : renamed.text,
        changed.at,
        pathTo(path, renamed === undefined ? 'tagSuffix' : 'newName'),
        'its tag is the one of the resources',
      );
    } else {
      const tagged = withVersion(name.text, tag?.text);
      const whole = digest === undefined ? tagged : `${tagged}@${digest.text.replace(/^@/, '')}`;
      finder.named(whole, name, path, 'certain');
    }
    replaced.push(old.text);
  });
  finder.kustomization(
    resources.map(({ text }) => text),
    replaced,
  );
}
