import type { Finder } from '../finder.js';
import { bareName } from '../image-text.js';
import { memberOf, type Node, pathTo, scalarOf, textOf } from '../node.js';

/**
 * Finds a repository beside a selection of one of its tags, the highest in a range of versions, as kbld, vendir and
 * kapp-controller have it. Returns whether there is one. (carvel.dev, vendir, "Versions: VersionSelection")
 */
export function findTagSelection(finder: Finder, node: Node, path: string): boolean {
  const selection = memberOf(node, 'tagSelection');
  const key = REPOSITORIES.find((name) => scalarOf(node, name) !== undefined);
  const repository = key === undefined ? undefined : scalarOf(node, key);
  if (selection?.type !== 'mapping' || key === undefined || repository === undefined) return false;
  finder.done(repository);
  const place = pathTo(path, key);
  const semver = memberOf(selection, 'semver');
  // Pre-releases have to be named in a pattern.
  if (semver === undefined || memberOf(semver, 'prereleases') !== undefined)
    finder.unresolved(
      repository.text,
      repository.at,
      place,
      'only its registry knows which of its tags is meant',
    );
  else {
    const range = rangeOf(textOf(semver, 'constraints') ?? '*');
    finder.pattern(`${bareName(repository.text)}:{${range}, newest 1}`, repository.at, place);
  }
  return true;
}

const REPOSITORIES = ['newImage', 'image', 'url'];

/** A range of semver of Go's libraries, where a comma means "and", and an operator may have a space behind it. */
export function rangeOf(text: string): string {
  return text
    .replace(/[\s,]+/g, ' ')
    .replace(/(?<=[<>=^~])\s+/g, '')
    .trim();
}
