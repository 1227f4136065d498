import type { NamedDescriptor } from '../content/descriptor.js';
import { isDigest } from '../content/digest.js';
import { nameKey, taggedName } from '../content/names.js';
import { nearNames } from '../content/near-names.js';
import { isLadingError, LadingError } from '../errors.js';
import { isAttachmentTag } from './attached.js';
import { ImageFiles, isPart } from './image-files.js';
import { entryName } from './layout/layout-index.js';
import type { SignalOption, Source } from './store.js';

/** An image of an archive, a layout or another store. */
export interface SelectedImage {
  /** The name that the store has for it, or its digest. */
  name: string;
  /** What `resolve` of the store takes for it. */
  reference: string;
}

interface SelectOptions extends SignalOption {
  /** Name of the place for messages; default: that of the store. */
  location?: string | undefined;
}

/**
 * Returns the images that the texts of a user mean, in the order of the texts, each once. What is attached to images is left out, unless it is named in full. A text is
 * - a name, a digest, or a short name: the end of a name from a slash on, with or without its tag (`api:4.2.0`, `api`),
 *   or the tag alone. It means one image;
 * - a pattern with `*` and `**` (`ghcr.io/product/*`), which may mean several;
 * - a name or pattern with a selection of its tags (`api:{>=4 <5, newest 2}`).
 *
 * Rejects with `NOT_FOUND` if a text means nothing, and with `USAGE` if a short name means several images.
 */
export async function selectImages(
  store: Source,
  texts: readonly string[],
  { location = store.location, signal }: SelectOptions = {},
): Promise<SelectedImage[]> {
  // Entries that are not selected need not be right.
  const all = await imagesIn(store, store instanceof ImageFiles ? namedIn(store) : store.names({ signal }));
  const selected = new Map<string, SelectedImage>();
  for (const text of texts)
    for (const image of await meantBy(text, all, { store, location })) selected.set(image.name, image);
  if (store instanceof ImageFiles) await requireTrueTypes(store, selected.values());
  return [...selected.values()];
}

/**
 * Returns whether an image is selected, by its name or its digest; without texts each is. Rejects as `selectImages` does.
 */
export async function selecting(
  store: Source,
  texts: readonly string[] | undefined,
  options?: SelectOptions,
): Promise<(name: string, digest: string | undefined) => boolean> {
  if (texts === undefined) return () => true;
  const meant = new Set<string>();
  for (const { name, reference } of await selectImages(store, texts, options))
    meant.add(isPlace(name) ? (await store.resolve(reference)).digest : name);
  return (name, digest = '') => meant.has(name) || meant.has(digest);
}

async function requireTrueTypes(store: ImageFiles, images: Iterable<SelectedImage>): Promise<void> {
  const broken = new Set(store.broken.map(({ reference }) => reference));
  for (const { reference } of images)
    if (!broken.has(reference)) await store.requireTrueType(await store.resolve(reference));
}

interface NamedImages {
  images: SelectedImage[];
  attachments: SelectedImage[];
}

async function imagesIn(
  store: Source,
  named: AsyncIterable<NamedDescriptor> | Iterable<NamedDescriptor>,
): Promise<NamedImages> {
  const found: NamedImages = { images: [], attachments: [] };
  for await (const { name } of named) {
    const isAttached = isAttachmentTag(name.slice(name.lastIndexOf(':') + 1));
    (isAttached ? found.attachments : found.images).push({ name, reference: name });
  }
  // Their errors are reported when they are read.
  const broken = store instanceof ImageFiles ? store.broken : [];
  for (const { name, reference } of broken) found.images.push({ name, reference });
  return found;
}

function* namedIn({ indexEntries }: ImageFiles): Iterable<NamedDescriptor> {
  for (const descriptor of indexEntries) {
    const name = entryName(descriptor);
    if (name !== undefined) yield { name: taggedName(name), descriptor };
    else if (!isPart(descriptor)) yield { name: descriptor.digest, descriptor };
  }
}

interface Place {
  store: Source;
  location: string;
}

async function meantBy(text: string, all: NamedImages, place: Place): Promise<SelectedImage[]> {
  const isOne = !/[*{]/.test(text);
  const meant = isOne ? await oneImage(text, all, place) : await matching(text, all.images);
  if (meant.length > 0) return meant;
  throw nothingFound(text, all, place.location);
}

function nothingFound(text: string, { images }: NamedImages, location: string, cause?: unknown): LadingError {
  const near = nearNames(
    text,
    images.map(({ name }) => name),
  );
  const hint = near.length === 0 ? 'Check the name.' : `Check the name; near it: ${near.join(', ')}.`;
  const details = { hint, remedy: 'list' as const, remedyFor: location, cause };
  return new LadingError('NOT_FOUND', `${location} holds no image "${text}"`, details);
}

async function matching(text: string, images: readonly SelectedImage[]): Promise<SelectedImage[]> {
  const { namesMeantBy } = await import('./match-names.js'); // most commands take all images
  const names = namesMeantBy(
    text,
    images.map(({ name }) => name),
  );
  const meant = new Set(names);
  return images.filter(({ name }) => meant.has(name));
}

/** Returns the one image that a text without `*` means; none if there is none. */
async function oneImage(
  text: string,
  all: NamedImages,
  { store, location }: Place,
): Promise<SelectedImage[]> {
  const named = all.images.filter(({ name }) => name === text);
  const [exact] = named.length > 0 ? named : all.images.filter(({ name }) => nameKey(name) === nameKey(text));
  const short = exact !== undefined || isPlace(text) ? [] : await withShortName(text, all.images);
  const found = exact === undefined ? await resolved(text, all, store) : { ...exact, reference: text };
  const meant = [...(found === undefined ? [] : [found]), ...short];
  const names = new Set(meant.map(({ name }) => nameKey(name)));
  if (names.size < 2) return meant.slice(0, 1);
  if (found !== undefined && text.includes(':') && (await areSame(store, meant))) return [found];
  throw new LadingError('USAGE', `"${text}" means several images of ${location}: ${listed([...names])}`, {
    hint: `Give the full name, or ${text.includes(':') ? `**/${text}` : `${text}:*`} for all of them.`,
  });
}

/** True for what does not stand for an end of a name: a digest, or a position (`@0`). */
function isPlace(text: string): boolean {
  return isDigest(text) || text.startsWith('@');
}

/** A text with characters that no name has is the end of none. */
async function withShortName(text: string, images: readonly SelectedImage[]): Promise<SelectedImage[]> {
  return /^[\w.\-/:@+]{1,1000}$/.test(text) ? matching(text, images) : [];
}

/** Returns the image that the store itself finds: by a digest, a position, another of its names, or its tag alone. */
async function resolved(
  text: string,
  { images, attachments }: NamedImages,
  store: Source,
): Promise<SelectedImage | undefined> {
  try {
    const { digest } = await store.resolve(text);
    for (const { name } of [...images, ...attachments]) {
      if (name !== text && !name.endsWith(`/${text}`) && !name.endsWith(`:${text}`)) continue;
      if ((await store.resolve(name)).digest === digest) return { name, reference: text };
    }
    return { name: text, reference: text };
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

async function areSame(store: Source, images: readonly SelectedImage[]): Promise<boolean> {
  const digests = new Set<string>();
  for (const { reference } of images) digests.add((await store.resolve(reference)).digest);
  return digests.size === 1;
}

const MOST_LISTED = 5;

function listed(names: readonly string[]): string {
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : '';
  return names.slice(0, MOST_LISTED).join(', ') + more;
}
