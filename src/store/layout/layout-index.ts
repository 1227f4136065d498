import {
  ANNOTATION,
  absentOf,
  deletedOf,
  repositoriesOf,
  withAbsent,
  withDeleted,
  withRepositories,
} from '../../content/annotations.js';
import { type Descriptor, type NamedDescriptor, plainDescriptor } from '../../content/descriptor.js';
import { isDigest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { fullName, nameKey } from '../../content/names.js';
import { readReference } from '../../content/reference.js';
import { ContentError, LadingError } from '../../errors.js';
import { subjectOfTag } from '../attached.js';

/** Returns the name of an entry as other tools show it, or undefined if it has none. */
export function entryName(entry: Descriptor): string | undefined {
  const { full, ref } = namesOf(entry);
  return full ?? ref;
}

/** Returns the entries that have a name. */
export function* namedEntries(entries: readonly Descriptor[]): Iterable<NamedDescriptor> {
  for (const descriptor of entries) {
    const name = entryName(descriptor);
    if (name !== undefined) yield { name, descriptor };
  }
}

const keys = new WeakMap<Descriptor, string>();

/**
 * Returns the key for comparing the name of an entry, or undefined if it has no name. Keys are cached, because an index
 * may have ten thousand entries.
 */
export function entryKey(entry: Descriptor): string | undefined {
  const known = keys.get(entry);
  if (known !== undefined) return known;
  const name = entryName(entry);
  const key = name === undefined ? undefined : nameKey(name);
  if (key !== undefined) keys.set(entry, key);
  return key;
}

/**
 * Returns the names that an entry contains. An empty one is ignored, as in containerd. (images/archive, `imageName`)
 */
export function namesOf({ annotations = {} }: Descriptor): {
  /** `io.containerd.image.name`. */
  full: string | undefined;
  /** `org.opencontainers.image.ref.name`: a full name, or just its tag. */
  ref: string | undefined;
} {
  return {
    full: annotations[ANNOTATION.containerdName] || undefined,
    ref: annotations[ANNOTATION.refName] || undefined,
  };
}

/**
 * Returns the entry for a user's reference, which is compared with: digest, exact `ref.name`, exact full name, a
 * normalized name equal to either, the name without its host, and the tag alone. Rejects with `NOT_FOUND`, and with
 * `USAGE` if several images match.
 */
export function findEntry(entries: readonly Descriptor[], reference: string, location: string): Descriptor {
  const ways: ((entry: Descriptor) => boolean)[] = [
    ({ digest }) => digest === reference,
    (entry) => namesOf(entry).ref === reference,
    (entry) => namesOf(entry).full === reference,
    (entry) => sameName(entry, reference),
    (entry) => pathOf(entryName(entry)) === reference,
    (entry) => tagOf(entryName(entry)) === reference,
  ];
  for (const isMeant of ways) {
    const candidates = entries.filter(isMeant);
    const [first] = candidates;
    if (first === undefined) continue;
    if (candidates.some(({ digest }) => digest !== first.digest)) {
      throw new LadingError(
        'USAGE',
        `"${reference}" matches several images of ${location}: ${candidates.map(entryName).join(', ')}`,
        {
          hint: 'Give the full name.',
        },
      );
    }
    return first;
  }
  throw new LadingError('NOT_FOUND', `${location} holds no image "${reference}"`, {
    hint: 'Check the name.',
    remedy: 'list',
    remedyFor: location,
  });
}

/**
 * Returns the entries after `descriptor` got `name`. An older entry with the name, in whatever spelling, is replaced in
 * its place, and an unnamed entry of the same manifest is merged into the named one. Notes about repositories are kept.
 * If the name is a digest, the entry stays unnamed.
 */
export function withEntry(
  entries: readonly Descriptor[],
  descriptor: Descriptor,
  name: string,
): Descriptor[] {
  const entry = { ...descriptor, annotations: { ...descriptor.annotations, ...nameAnnotations(name) } };
  if (isDigest(name)) return entries.some((old) => old.digest === name) ? [...entries] : [...entries, entry];
  const givesWay = (old: Descriptor) => old.digest === entry.digest && entryName(old) === undefined;
  const key = nameKey(name);
  const [replaced, ...alsoHolders] = entries.filter((old) => entryKey(old) === key);
  const kept = entries.filter((old) => !givesWay(old) && !alsoHolders.includes(old));
  const place = replaced === undefined ? -1 : kept.indexOf(replaced);
  const same = replaced?.digest === entry.digest ? [replaced] : [];
  const before = [...entries.filter(givesWay), ...same];
  const noted = before.flatMap(repositoriesOf);
  const deleted = before.flatMap(deletedOf);
  const held = noted.length === 0 ? entry : withRepositories(entry, [...repositoriesOf(entry), ...noted]);
  const named = deleted.length === 0 ? held : withDeleted(held, deleted);
  if (replaced === undefined) return [...kept, named];
  const next = kept.with(place, named);
  return same.length > 0 ? next : withNoted(next, replaced, repositoriesOf(replaced));
}

/** Adds a note to an entry of this manifest, or to a new entry, that these repositories have it. */
export function withNoted(
  entries: readonly Descriptor[],
  manifest: Descriptor,
  repositories: readonly string[],
): Descriptor[] {
  if (repositories.length === 0) return [...entries];
  const place = entries.findIndex(({ digest }) => digest === manifest.digest);
  const entry = entries[place];
  if (entry !== undefined)
    return entries.with(place, withRepositories(entry, [...repositoriesOf(entry), ...repositories]));
  const own = withAbsent(plainDescriptor(manifest), absentOf(manifest));
  return [...entries, withRepositories(own, repositories)];
}

/** Returns the entries with an attached manifest added that has no name. */
export function withAttachedEntry(
  entries: readonly Descriptor[],
  descriptor: Descriptor,
  subject: string,
): Descriptor[] {
  if (entries.some(({ digest }) => digest === descriptor.digest)) return [...entries];
  return [
    ...entries,
    { ...descriptor, annotations: { ...descriptor.annotations, [ANNOTATION.containerdSubject]: subject } },
  ];
}

/** Maximum size of `index.json` that lading reads, and therefore writes; 100,000 images need less. */
export const MAX_INDEX_BYTES = 64 * 1024 * 1024;

/**
 * Formats `index.json` with its entries in a fixed order, so that the same images give the same bytes. Throws
 * `TOO_LARGE` if it could not be read again.
 */
export function formatLayoutIndex(entries: readonly Descriptor[]): Buffer {
  const sorted = entries.map((entry) => ({
    ...entry,
    ...(entry.annotations && { annotations: sortedMembers(entry.annotations) }),
  }));
  sorted.sort((a, b) => compare(sortKey(a), sortKey(b)));
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: sorted }),
  );
  if (bytes.length <= MAX_INDEX_BYTES) return bytes;
  throw new ContentError(
    'TOO_LARGE',
    `index.json would have ${bytes.length} bytes, but at most ${MAX_INDEX_BYTES} are read`,
    { hint: 'Put the images into several layouts or archives.' },
  );
}

/** Content of the file `oci-layout`. (image-spec, image-layout.md, "oci-layout file") */
export const LAYOUT_FILE = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/** Returns the annotations by which other tools find a name; empty for a digest. */
export function nameAnnotations(name: string): Record<string, string> {
  if (isDigest(name)) return {};
  const full = fullName(name);
  const subject = subjectOfTag(tagOf(name) ?? '');
  return {
    [ANNOTATION.refName]: name,
    ...(full === name && { [ANNOTATION.containerdName]: name }),
    ...(subject !== undefined && { [ANNOTATION.containerdSubject]: subject }),
  };
}

function sameName(entry: Descriptor, reference: string): boolean {
  const wanted = fullName(reference);
  if (wanted === undefined) return false;
  const { full, ref } = namesOf(entry);
  return [ref, full].some((name) => name !== undefined && fullName(name) === wanted);
}

function tagOf(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  return readReference(name)?.tag;
}

/** Returns a name without its host. */
function pathOf(name: string | undefined): string | undefined {
  const reference = name === undefined ? undefined : readReference(name);
  return reference === undefined ? undefined : `${reference.repository}:${reference.tag}`;
}

/** Sorts named images first, by name, and then attachments, by digest. */
function sortKey(entry: Descriptor): string {
  const name = entryName(entry);
  return name === undefined ? `1 ${entry.digest}` : `0 ${name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorts the members of an object by their names, so that the same members are the same bytes. */
export function sortedMembers(members: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => compare(a, b)));
}
