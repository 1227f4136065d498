import { ANNOTATION } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { nameKey, taggedName } from '../content/names.js';
import { LadingError } from '../errors.js';
import { isAttachmentTag, subjectOfTag } from './attached.js';
import { entryKey, entryName } from './layout/layout-index.js';
import { ManifestGraph } from './manifest-graph.js';
import { Marker, rootOf } from './mark.js';
import { selecting } from './select-images.js';
import type { SignalOption, Source } from './store.js';

/** Which names are to be removed. */
export interface RemovalChoice extends SignalOption {
  /** Texts as of `selectImages`; if there are none, every name of an image. */
  images: readonly string[];
  /** Of these, the names that stay, in any spelling. */
  keep?: readonly string[] | undefined;
}

/** An entry whose name goes. */
export interface GoingEntry {
  entry: Descriptor;
  /** The manifest that it is attached to, if it goes because that does. */
  subject: Digest | undefined;
}

/** A name that was removed, or would be. */
export interface RemovedName {
  /** As the store has it; the digest of an image that has no name. */
  name: string;
  /** Undefined if what the name stood for could not be read. */
  digest?: Digest;
  /** The manifest that it was attached to, if it went because that did. */
  subject?: Digest;
}

/** What a removal of names has done. */
export interface RemovalReport {
  removed: RemovedName[];
  /** Number of names of images that are left. */
  left: number;
  /** Names that are still there, and why. */
  failures: { name: string; problem: string }[];
}

/**
 * Returns the entries that go when names are removed: those of the names, and attachments of what nothing leads to
 * afterwards. If it is unknown what other images need, since a manifest of theirs is missing, attachments stay.
 * Rejects with `NOT_FOUND` if a text means nothing, and with `USAGE` if a short name means several images, or if nothing
 * of `keep` is here: such a list is of another place.
 */
export async function goingEntries(
  store: Source,
  entries: readonly Descriptor[],
  choice: RemovalChoice,
): Promise<GoingEntry[]> {
  const chosen = keeping(store, await chosenEntries(store, entries, choice), entries, choice);
  const attachments = await attachmentsOf(store, entries, chosen, choice);
  return entries.flatMap((entry) =>
    chosen.has(entry) || attachments.has(entry) ? [{ entry, subject: attachments.get(entry) }] : [],
  );
}

/** Returns the report on entries that went. */
export function removalReport(
  entries: readonly Descriptor[],
  going: readonly GoingEntry[],
  failures: RemovalReport['failures'] = [],
): RemovalReport {
  const gone = new Set(going.map(({ entry }) => entry));
  return {
    removed: going.map(({ entry, subject }) => ({
      name: nameOf(entry),
      digest: entry.digest,
      ...(subject !== undefined && { subject }),
    })),
    left: entries.filter((entry) => !gone.has(entry) && isNamedImage(entry)).length,
    failures,
  };
}

/** Returns the name of an entry as `names` of a store has it. */
export function nameOf(entry: Descriptor): string {
  const name = entryName(entry);
  return name === undefined ? entry.digest : taggedName(name);
}

function isNamedImage(entry: Descriptor): boolean {
  const name = entryName(entry);
  return name !== undefined && !isAttachmentTag(tagIn(name));
}

function tagIn(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1);
}

async function chosenEntries(
  store: Source,
  entries: readonly Descriptor[],
  { images, signal }: RemovalChoice,
): Promise<Set<Descriptor>> {
  if (images.length === 0) return new Set(entries.filter(isNamedImage));
  // A digest may be that of content inside of an image, which has no name of its own.
  const digests = images.filter((text) => text.includes('@') || isDigest(text));
  const others = images.filter((text) => !digests.includes(text));
  const chosen = new Set<Descriptor>();
  for (const texts of [...(others.length === 0 ? [] : [others]), ...digests.map((text) => [text])]) {
    const isMeant = await selecting(store, texts, { signal });
    const meant = entries.filter((entry) => isMeant(nameOf(entry), entry.digest));
    if (meant.length === 0)
      throw new LadingError('NOT_FOUND', `${store.location}: no name leads directly to ${texts.join(', ')}`, {
        remedy: 'list',
        remedyFor: store.location,
      });
    for (const entry of meant) chosen.add(entry);
  }
  return chosen;
}

/** Takes away what is to stay. */
function keeping(
  { location }: Source,
  chosen: ReadonlySet<Descriptor>,
  entries: readonly Descriptor[],
  { keep }: RemovalChoice,
): Set<Descriptor> {
  if (keep === undefined) return new Set(chosen);
  const kept = new Set(keep.map(nameKey));
  const isKept = (entry: Descriptor): boolean => kept.has(entryKey(entry) ?? entry.digest);
  if (chosen.size > 0 && !entries.some(isKept))
    throw new LadingError('USAGE', `${location} has none of the names that are to stay, so all would go`, {
      hint: 'Check whether the list is that of this place.',
    });
  return new Set([...chosen].filter((entry) => !isKept(entry)));
}

/** Returns the attachments that belong to nothing but chosen entries, with what they are attached to. */
async function attachmentsOf(
  store: Source,
  entries: readonly Descriptor[],
  chosen: ReadonlySet<Descriptor>,
  { signal }: RemovalChoice,
): Promise<Map<Descriptor, Digest>> {
  const all = await attachedEntries(
    store,
    entries.filter((entry) => !chosen.has(entry)),
  );
  if (all.length === 0 || chosen.size === 0) return new Map();
  const going = new Marker(store);
  await going.markAll([...chosen].map(rootOf), { signal });
  await going.markAttached(all, signal);
  const candidates = all.filter(({ subject }) => going.needed.has(subject));
  if (candidates.length === 0) return new Map();
  const isCandidate = new Set(candidates.map(({ descriptor }) => descriptor));
  const staying = new Marker(store);
  const rest = entries.filter((entry) => !chosen.has(entry) && !isCandidate.has(entry));
  await staying.markAll(rest.map(rootOf), { signal });
  await staying.markAttached(candidates, signal);
  if (staying.gaps.length > 0) return new Map();
  const gone = candidates.filter(({ subject }) => !staying.needed.has(subject));
  return new Map(gone.map(({ descriptor, subject }) => [descriptor, subject]));
}

/** Returns the entries that only attach something: by a tag, by a note of their subject, or by their manifest. */
async function attachedEntries(
  store: Source,
  entries: readonly Descriptor[],
): Promise<{ descriptor: Descriptor; subject: Digest }[]> {
  const graph = new ManifestGraph(store);
  const attached: { descriptor: Descriptor; subject: Digest }[] = [];
  for (const descriptor of entries) {
    const subject = await subjectOf(descriptor, graph);
    if (subject !== undefined) attached.push({ descriptor, subject });
  }
  return attached;
}

async function subjectOf(entry: Descriptor, graph: ManifestGraph): Promise<Digest | undefined> {
  const name = entryName(entry);
  if (name !== undefined) return subjectOfAttaching(tagIn(name));
  const noted = entry.annotations?.[ANNOTATION.containerdSubject];
  return noted !== undefined && isDigest(noted) ? noted : (await graph.linksOf(entry)).subject;
}

/** What an attaching tag refers to: one of cosign's, or that of an index of referrers, if it has the whole digest. */
function subjectOfAttaching(tag: string): Digest | undefined {
  if (!isAttachmentTag(tag)) return undefined;
  const digest = tag.replace('-', ':');
  return isDigest(digest) ? digest : subjectOfTag(tag);
}
