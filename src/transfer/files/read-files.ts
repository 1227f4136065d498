import { ANNOTATION } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import { isDigest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { askForNew } from '../../content/verify.js';
import { type Advice, ContentError } from '../../errors.js';
import { type ManifestTree, manifestsOf, type PlannedContent } from '../../graph/tree.js';
import { parseManifest } from '../../manifest/manifest.js';
import type { ImageFiles } from '../../store/image-files.js';
import { readContent } from '../../store/read-content.js';
import type { CopyRequest, ImageTrees, Plan, PlanOptions } from '../plan.js';
import { readImages } from '../read-images.js';
import type { KnownSource } from '../sources.js';

export interface ArchiveImagesOptions
  extends Pick<
    PlanOptions,
    'platforms' | 'index' | 'referrers' | 'strict' | 'keepGoing' | 'signal' | 'onEvent'
  > {
  /** The images to read; default all. */
  images?: readonly string[] | undefined;
  /** Advice about the other images, if one of several is damaged. */
  wayOut?: Advice | undefined;
}

/** Reads the images of an archive or layout, and makes sure that it contains everything they need. */
export async function readArchiveImages(
  store: ImageFiles,
  requests: readonly CopyRequest[],
  { images: wanted = [], wayOut, ...options }: ArchiveImagesOptions,
): Promise<{ images: ImageTrees[]; failures: Plan['failures'] }> {
  const others = requests.length > 1 && !options.keepGoing ? wayOut : undefined;
  const explain = (name: string, error: unknown): unknown => damageOf(name, error, others);
  // A user who asks for a part of another image by its digest wants it as an image of its own.
  const read = wanted.length > 0 ? readImages : readWholeImages;
  const { images, failures } = await read(requests, { ...options, explain });
  const complete: ImageTrees[] = [];
  const declared = options.referrers === false ? NOTHING : referrersIn(store);
  for (const image of images) {
    const error = await holeIn(image, store, declared);
    if (error === undefined) complete.push(image);
    else if (!options.keepGoing || images.length === 1) throw damageOf(image.name, error, others);
    else failures.push({ name: image.name, error });
  }
  return { images: complete, failures };
}

/** Reads the images of any source; an archive or layout must contain everything that its images need. */
export async function readSourceImages(
  source: KnownSource,
  requests: readonly CopyRequest[],
  options: PlanOptions,
): Promise<{ images: ImageTrees[]; failures: Plan['failures'] }> {
  if (source.kind !== 'path') return readImages(requests, options);
  const { images, failures } = await readWholeImages(requests, { ...options, explain: damageOf });
  const declared = options.referrers === false ? NOTHING : referrersIn(source.store);
  for (const image of images) {
    const error = await holeIn(image, source.store, declared);
    if (error !== undefined) throw error;
  }
  return { images, failures };
}

/**
 * Reads named images first. An unnamed one may be a part of those, because layouts of oras and others have entries for
 * children and attachments too; then it is carried with them, and is not an image of its own.
 */
async function readWholeImages(
  requests: readonly CopyRequest[],
  options: PlanOptions,
): Promise<{ images: ImageTrees[]; failures: Plan['failures'] }> {
  const named = requests.filter(({ name }) => !isDigest(name));
  if (named.length === 0 || named.length === requests.length) return readImages(requests, options);
  const chosen = await readImages(named, options);
  const whole = options.platforms === undefined ? chosen : await readImages(named, everythingOf(options));
  const parts = new Set<string>(
    whole.images.flatMap(({ tree, attached }) =>
      [tree, ...attached.map((referrer) => referrer.tree)].flatMap(manifestsOf).map(({ digest }) => digest),
    ),
  );
  const others = requests.filter(({ name }) => isDigest(name) && !parts.has(name));
  if (others.length === 0) return chosen;
  const rest = await readImages(others, options);
  return { images: [...chosen.images, ...rest.images], failures: [...chosen.failures, ...rest.failures] };
}

/** The parts of an image are its parts although their platforms were not chosen. What is odd has been said already. */
function everythingOf(options: PlanOptions): PlanOptions {
  return { ...options, platforms: undefined, index: undefined, keepGoing: true, onEvent: undefined };
}

/**
 * Turns an error in an archive or layout, where a retry is useless, into one that names the image and says what to ask
 * the sender for.
 */
export function damageOf(name: string, error: ContentError, wayOut?: Advice): ContentError;
export function damageOf(name: string, error: unknown, wayOut?: Advice): unknown;
export function damageOf(name: string, error: unknown, wayOut?: Advice): unknown {
  if (!(error instanceof ContentError)) return error;
  const message = error.message.includes(name) ? error.message : `${error.message}; ${name} needs it`;
  const { hint, remedy } = askForNew(name);
  const advice = wayOut === undefined ? { hint, remedy } : { ...wayOut, hint: `${hint} ${wayOut.hint}` };
  return new ContentError(error.code, message, { cause: error, ...advice });
}

/**
 * Returns an error about content that an image needs and the archive or layout lacks, or about a damaged attachment of
 * the image.
 */
async function holeIn(
  image: ImageTrees,
  store: ImageFiles,
  declared: DeclaredReferrers,
): Promise<ContentError | undefined> {
  const { name, tree, attached } = image;
  const trees = [tree, ...attached.map((referrer) => referrer.tree)];
  const missing: Descriptor[] = [];
  for (const { descriptor, bytes } of trees.flatMap(blobsOf))
    if (bytes === undefined && !(await holds(store, descriptor))) missing.push(descriptor);
  for (const entry of unreadReferrers(trees, declared)) {
    if (!(await holds(store, entry))) missing.push(entry);
    else {
      const damage = await damageIn(entry, store);
      if (damage !== undefined) return damageOf(name, damage);
    }
  }
  const [first] = missing;
  if (first === undefined) return undefined;
  const others = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  return new ContentError(
    'MISSING_CONTENT',
    `${store.location} does not hold ${first.digest} (${first.size} bytes)${others}; ${name} needs it`,
    askForNew(name),
  );
}

/** Attachments by their subject's digest, as the index declares them. */
type DeclaredReferrers = ReadonlyMap<string, readonly Descriptor[]>;

const NOTHING: DeclaredReferrers = new Map();

function referrersIn({ indexEntries }: ImageFiles): DeclaredReferrers {
  const declared = new Map<string, Descriptor[]>();
  for (const entry of indexEntries) {
    const subject = entry.annotations?.[ANNOTATION.containerdSubject];
    if (subject === undefined || !isManifest(entry.mediaType)) continue;
    const others = declared.get(subject);
    if (others === undefined) declared.set(subject, [entry]);
    else others.push(entry);
  }
  return declared;
}

/** Returns the attachments that the index declares for these manifests, and that were not read with them. */
function unreadReferrers(trees: readonly ManifestTree[], declared: DeclaredReferrers): Descriptor[] {
  const read = new Set<string>(trees.flatMap(manifestsOf).map(({ digest }) => digest));
  return [...read].flatMap((digest) => declared.get(digest) ?? []).filter(({ digest }) => !read.has(digest));
}

async function damageIn(entry: Descriptor, store: ImageFiles): Promise<ContentError | undefined> {
  try {
    parseManifest(await readContent(store, entry), entry);
    return undefined;
  } catch (error) {
    if (error instanceof ContentError) return error;
    throw error;
  }
}

function blobsOf({ blobs, children }: ManifestTree): PlannedContent[] {
  return [...blobs, ...children.flatMap(blobsOf)];
}

async function holds(store: ImageFiles, { digest }: Descriptor): Promise<boolean> {
  return (await store.sizeOf({ digest })) !== undefined;
}
