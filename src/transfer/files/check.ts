import { absentOf } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import { nameByTag, nameKey } from '../../content/names.js';
import { LadingError } from '../../errors.js';
import type { OnCopyEvent } from '../../events.js';
import type { ManifestTree } from '../../graph/tree.js';
import { entryKey, entryName } from '../../store/layout/layout-index.js';
import type { LayoutReader } from '../../store/layout/layout-reader.js';
import { nameTakenIn } from '../../store/name-taken.js';
import type { Destination } from '../destination.js';
import { nameApart } from '../distinct-names.js';
import { warnOfForeign } from '../fitting.js';
import { type ImageTrees, siblingName } from '../plan.js';
import { fitDockerArchive } from './fit-docker-archive.js';
import type { OutputFiles } from './write-files.js';

/**
 * Returns the `check` of files: it makes names distinct, refuses to lose images that are there, and keeps only what
 * fits in the format.
 */
export function checkFor(
  { location, format, previous }: OutputFiles,
  name: string | undefined,
  noClobber: boolean,
): Destination['check'] {
  return (images, { append = false, onEvent } = {}) => {
    const isDocker = format === 'docker-archive';
    const asked = name === undefined ? images : nameOnly(images, name);
    const named = nameApart(asked, onEvent, isDocker ? nameByTag : undefined);
    const coming = comingTo(named);
    if (!append) requireNothingLost(location, previous, coming);
    if (noClobber) requireFreeNames(location, previous?.indexEntries ?? [], coming);
    warnOfReplaced(location, previous, coming, onEvent);
    warnOfForeign(named, onEvent);
    return isDocker ? fitDockerArchive(named, onEvent) : named;
  };
}

/** Gives the only image its new name; an original that is kept beside it keeps its own. */
function nameOnly(images: readonly ImageTrees[], name: string): ImageTrees[] {
  const { length } = images.filter(({ beside }) => beside === undefined);
  if (length > 1)
    throw new LadingError('USAGE', `${length} images cannot all be called ${name}`, {
      hint: 'Name the one that is meant after the source.',
    });
  return images.map((image) => (image.beside === undefined ? { ...image, name } : image));
}

/** Returns the trees to write by name: the images, and their attachments that have a tag. */
export function comingTo(images: readonly ImageTrees[]): Map<string, ManifestTree> {
  const attached = images.flatMap(({ name, attached: all }) =>
    all.flatMap((one) =>
      one.tag === undefined ? [] : [[nameKey(siblingName(name, one.tag, one.name)), one.tree] as const],
    ),
  );
  return new Map([...images.map(({ name, tree }) => [nameKey(name), tree] as const), ...attached]);
}

/** Rejects with `ALREADY_EXISTS` if one of the entries has a name that will stand for something else. */
export function requireFreeNames(
  location: string,
  entries: readonly Descriptor[],
  coming: ReadonlyMap<string, ManifestTree>,
): void {
  for (const entry of entries) {
    const tree = coming.get(entryKey(entry) ?? '');
    if (tree === undefined || tree.content.descriptor.digest === entry.digest) continue;
    throw nameTakenIn(location, entryName(entry) ?? '', entry.digest);
  }
}

/**
 * Warns about existing images whose name will refer to another image, and about indexes that will have fewer children.
 */
function warnOfReplaced(
  location: string,
  previous: LayoutReader | undefined,
  coming: ReadonlyMap<string, ManifestTree>,
  onEvent: OnCopyEvent | undefined,
): void {
  for (const entry of previous?.indexEntries ?? []) {
    const tree = coming.get(entryKey(entry) ?? '');
    if (tree === undefined) continue;
    const { digest } = tree.content.descriptor;
    const held = new Set(absentOf(entry));
    const lost = tree.absent.filter((child) => !held.has(child));
    const name = entryName(entry);
    if (digest !== entry.digest) warn(`${name} in ${location} changes from ${entry.digest} to ${digest}`);
    else if (lost.length > 0) warn(`${name} in ${location} loses ${lost.join(', ')}`);
  }
  function warn(message: string): void {
    onEvent?.({ type: 'warning', message });
  }
}

/** Rejects with `ALREADY_EXISTS` if the output contains an image that would be lost. */
function requireNothingLost(
  location: string,
  previous: LayoutReader | undefined,
  coming: ReadonlyMap<string, ManifestTree>,
): void {
  const others = (previous?.indexEntries ?? [])
    .filter((entry) => entryKey(entry) !== undefined && !coming.has(entryKey(entry) ?? ''))
    .map(entryName);
  const [other] = others;
  if (other === undefined) return;
  throw new LadingError(
    'ALREADY_EXISTS',
    `${location} holds other images: ${other}${others.length > 1 ? ` and ${others.length - 1} more` : ''}`,
    {
      hint: 'Add to what is there, or choose another output.',
      remedy: 'append',
    },
  );
}
