import { nameByTag, nameKey, nameOfDigest, readName } from '../content/names.js';
import { formatReference } from '../content/reference.js';
import type { OnCopyEvent } from '../events.js';
import { warn } from './fitting.js';
import type { ImageTrees } from './plan.js';

/**
 * Gives images of an archive or layout correct and distinct names. A name by digest gets the digest of its image, and
 * of two images with the same name the second is named by its digest. `nameIn` returns the form of a name in the
 * archive.
 */
export function nameApart(
  images: readonly ImageTrees[],
  onEvent: OnCopyEvent | undefined,
  nameIn: (name: string) => string = (name) => name,
): ImageTrees[] {
  const taken = new Map<string, string>();
  const names = new Set<string>();
  const named: ImageTrees[] = [];
  for (const image of images) {
    const { digest } = image.tree.content.descriptor;
    const asked = nameIn(image.name);
    let name = nameOfDigest(asked, digest);
    if (name !== asked) warn(onEvent, `${image.name} has another digest now: it is called ${name}`);
    const other = taken.get(nameKey(name));
    if (other !== undefined && other !== digest) {
      name = byDigest(name, digest);
      const taker = asked === image.name ? '' : `${image.name}: `;
      warn(onEvent, `${taker}${asked} is ${other} and ${digest}: the second one is called ${name}`);
    }
    if (names.has(name)) continue; // the image was requested twice
    names.add(name);
    taken.set(nameKey(name), digest);
    named.push(name === image.name ? image : { ...image, name });
  }
  return named;
}

/** Returns the name of an image after `nameApart`, which drops a name that only repeats another one. */
export function nameAfter({ name, tree }: ImageTrees, named: readonly ImageTrees[]): string {
  const { digest } = tree.content.descriptor;
  const kept =
    named.find((image) => image.tree === tree) ??
    named.find(
      (image) =>
        image.tree.content.descriptor.digest === digest &&
        nameKey(nameByTag(image.name)) === nameKey(nameByTag(name)),
    );
  return kept?.name ?? name;
}

/** True if `check` left out an image because the format cannot hold it. */
export function isLeftOut({ tree }: ImageTrees, checked: readonly ImageTrees[]): boolean {
  const { digest } = tree.content.descriptor;
  return !checked.some((image) => image.tree.content.descriptor.digest === digest);
}

function byDigest(name: string, digest: ImageTrees['original']['digest']): string {
  const read = readName(name);
  if (read.kind !== 'image') return digest;
  const { registry, repository } = read.reference;
  return formatReference({ registry, repository, digest });
}
