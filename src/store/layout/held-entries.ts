import {
  ANNOTATION,
  absentOf,
  type DeletedManifest,
  deletedOf,
  repositoriesOf,
  withDeleted,
  withRepositories,
} from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { placeOfEntry, repositoriesWith } from '../repository-contents.js';
import { entryName, withEntry, withNoted } from './layout-index.js';

/** The repository and tag under which clients of a registry find an image. */
export interface Place {
  repository: string;
  tag: string;
}

/** Returns the entries that are served at this place; there are several if their names differ only by the host. */
export function entriesAt(entries: readonly Descriptor[], { repository, tag }: Place): Descriptor[] {
  return entries.filter((entry) => {
    const place = placeOfEntry(entry);
    return place?.repository === repository && place.tag === tag;
  });
}

/**
 * Returns the entries after `entry` was pushed to a place, and the entries that lost that place. The new entry takes
 * the name of the one that is served there, with its host, and all others are removed; otherwise their order in the
 * file would decide which is served. A new name starts with `localhost/`, as podman names images without a registry, so
 * that completing the name does not change the path.
 */
export function withPlaced(
  entries: readonly Descriptor[],
  entry: Descriptor,
  place: Place,
): { entries: Descriptor[]; losers: Descriptor[] } {
  const losers = entriesAt(entries, place);
  const [served] = losers;
  const held = served && entryName(served);
  const name = held?.split('@', 1)[0] ?? `localhost/${place.repository}:${place.tag}`;
  const replaced = losers.find((each) => entryName(each) === name);
  const rest = entries.filter((each) => each === replaced || !losers.includes(each));
  return { entries: withEntry(rest, entry, name).map((each) => withoutOwnNote(each, entry.digest)), losers };
}

/** Removes the note that a repository has this manifest from an entry whose name already says so. */
function withoutOwnNote(entry: Descriptor, digest: Digest): Descriptor {
  const place = entry.digest === digest ? placeOfEntry(entry) : undefined;
  const noted = repositoriesOf(entry);
  if (place === undefined || !noted.includes(place.repository)) return entry;
  return withRepositories(
    entry,
    noted.filter((name) => name !== place.repository),
  );
}

/** Adds a note that a repository has this manifest, unless a tag already says so. */
export function withHolder(
  entries: readonly Descriptor[],
  manifest: Descriptor,
  repository: string,
): readonly Descriptor[] {
  const own = entries.filter(({ digest }) => digest === manifest.digest);
  if (own.some((entry) => repositoriesWith(entry).includes(repository))) return entries;
  return withNoted(entries, manifest, [repository]);
}

/** Returns the entries that belong to a repository. */
export function entriesIn(entries: readonly Descriptor[], repository: string): Descriptor[] {
  return entries.filter((entry) => repositoriesWith(entry).includes(repository));
}

/** Removes the names of a manifest in a repository, and the note that it is there; other repositories keep it. */
export function withoutHolder(
  entries: readonly Descriptor[],
  manifest: Descriptor,
  repository: string,
): readonly Descriptor[] {
  const others = new Set<string>();
  const deleted: DeletedManifest[] = [];
  const rest = entries.flatMap((entry) => {
    if (entry.digest !== manifest.digest) return [entry];
    const left = repositoriesOf(entry).filter((name) => name !== repository);
    const isGone =
      entryName(entry) === undefined ? left.length === 0 : placeOfEntry(entry)?.repository === repository;
    if (!isGone) return [withRepositories(entry, left)];
    for (const other of left) others.add(other);
    deleted.push(...deletedOf(entry).filter((each) => each.repository !== repository));
    return [];
  });
  const held = [...others].reduce<readonly Descriptor[]>(
    (next, other) => withHolder(next, manifest, other),
    rest,
  );
  return withDeletedUnder(held, manifest.digest, deleted);
}

/** Sets the current size of this content: the size of a signed schema1 manifest depends on who signed it. */
export function withSize(
  entries: readonly Descriptor[],
  { digest, size }: Descriptor,
): readonly Descriptor[] {
  if (!entries.some((entry) => entry.digest === digest && entry.size !== size)) return entries;
  return entries.map((entry) => (entry.digest === digest ? { ...entry, size } : entry));
}

/** Removes notes that this manifest is absent from the repository, or was deleted there, because it was pushed. */
export function withArrived(
  entries: readonly Descriptor[],
  digest: Digest,
  repository: string,
): readonly Descriptor[] {
  const isOf = (deleted: DeletedManifest) => deleted.repository === repository && deleted.digest === digest;
  const next = entries.map((entry) => {
    const deleted = deletedOf(entry);
    return deleted.some(isOf)
      ? withDeleted(
          entry,
          deleted.filter((each) => !isOf(each)),
        )
      : entry;
  });
  const isNoted = (entry: Descriptor) =>
    absentOf(entry).includes(digest) && repositoriesWith(entry).includes(repository);
  return next.map((entry) => {
    if (!isNoted(entry)) return entry;
    const { [ANNOTATION.absent]: _, ...annotations } = entry.annotations ?? {};
    const left = absentOf(entry).filter((absent) => absent !== digest);
    return {
      ...entry,
      annotations: left.length === 0 ? annotations : { ...annotations, [ANNOTATION.absent]: left.join(',') },
    };
  });
}

/** Adds a note to the entries of a manifest that repositories have deleted other manifests which it needs. */
export function withDeletedUnder(
  entries: readonly Descriptor[],
  holder: Digest,
  deleted: readonly DeletedManifest[],
): readonly Descriptor[] {
  if (deleted.length === 0) return entries;
  return entries.map((entry) =>
    entry.digest === holder ? withDeleted(entry, [...deletedOf(entry), ...deleted]) : entry,
  );
}

/** Removes the entries of this repository whose only purpose was to protect these manifests from garbage collection. */
export function withoutKeepers(
  entries: readonly Descriptor[],
  manifests: readonly Descriptor[],
  repository: string,
): Descriptor[] {
  const digests = new Set(manifests.map(({ digest }) => digest));
  return entries.flatMap((entry) => {
    if (!digests.has(entry.digest) || !isKeeper(entry)) return [entry];
    const others = repositoriesOf(entry).filter((name) => name !== repository);
    return others.length === 0 ? [] : [withRepositories(entry, others)];
  });
}

/** True if an entry only says that a manifest is there, and in which repositories. */
function isKeeper({ annotations = {} }: Descriptor): boolean {
  return Object.keys(annotations).every(
    (name) => name === ANNOTATION.repositories || name === ANNOTATION.deleted,
  );
}
