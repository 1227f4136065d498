import { ANNOTATION, absentOf } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { entryName, withEntry } from '../layout/layout-index.js';
import { placeOf } from '../repository-view.js';

/** Where clients of a registry find an image. */
export interface Place {
  repository: string;
  tag: string;
}

const places = new WeakMap<Descriptor, Place | undefined>();

/** Where an entry of `index.json` is served; undefined when it has no tag. */
export function placeOfEntry(entry: Descriptor): Place | undefined {
  if (places.has(entry)) return places.get(entry);
  const name = entryName(entry);
  const { repository, tag } = name === undefined ? { repository: '', tag: undefined } : placeOf(name);
  const place = tag === undefined ? undefined : { repository, tag };
  places.set(entry, place); // names are parsed once, of ten thousand entries too
  return place;
}

/** The entries that are served at this place: several, where names differ by their host alone. */
export function entriesAt(entries: readonly Descriptor[], { repository, tag }: Place): Descriptor[] {
  return entries.filter((entry) => {
    const place = placeOfEntry(entry);
    return place?.repository === repository && place.tag === tag;
  });
}

/**
 * The entries after `entry` was pushed to a place, and who lost that place. It takes over the name of the entry
 * that is served there, whatever its host. A new name is `localhost/…`, as podman names what has no registry: the
 * path stays as it is when the name is completed.
 */
export function withPlaced(
  entries: readonly Descriptor[],
  entry: Descriptor,
  place: Place,
): { entries: Descriptor[]; loser: Descriptor | undefined } {
  const [holder] = entriesAt(entries, place);
  const held = holder && entryName(holder);
  const name = held?.replace(/@.*$/, '') ?? `localhost/${place.repository}:${place.tag}`;
  const rest = held === name ? entries : entries.filter((each) => each !== holder);
  return { entries: withEntry(rest, entry, name), loser: holder };
}

/** With the size that this content has now: that of a signed schema1 manifest depends on who signed it. */
export function withSize(
  entries: readonly Descriptor[],
  { digest, size }: Descriptor,
): readonly Descriptor[] {
  if (!entries.some((entry) => entry.digest === digest && entry.size !== size)) return entries;
  return entries.map((entry) => (entry.digest === digest ? { ...entry, size } : entry));
}

/** Without notes that this content is absent: it has come. */
export function withArrived(entries: readonly Descriptor[], digest: Digest): readonly Descriptor[] {
  if (!entries.some((entry) => absentOf(entry).includes(digest))) return entries;
  return entries.map((entry) => {
    if (!absentOf(entry).includes(digest)) return entry;
    const { [ANNOTATION.absent]: _, ...annotations } = entry.annotations ?? {};
    const left = absentOf(entry).filter((absent) => absent !== digest);
    return {
      ...entry,
      annotations: left.length === 0 ? annotations : { ...annotations, [ANNOTATION.absent]: left.join(',') },
    };
  });
}

/** Without the entries that only kept these manifests from being taken for garbage. */
export function withoutKeepers(
  entries: readonly Descriptor[],
  manifests: readonly Descriptor[],
): Descriptor[] {
  const digests = new Set(manifests.map(({ digest }) => digest));
  return entries.filter((entry) => !(digests.has(entry.digest) && isKeeper(entry)));
}

/** Whether an entry says nothing but that a manifest is there. */
function isKeeper({ annotations = {} }: Descriptor): boolean {
  return Object.keys(annotations).length === 0;
}
