import type { Descriptor } from '../content/descriptor.js';
import { askForNew } from '../content/verify.js';
import {
  type ImageTrees,
  type Plan,
  type PlannedContent,
  type PlanOptions,
  readImages,
} from '../copy/plan.js';
import type { ManifestTree } from '../copy/plan-tree.js';
import { ContentError, isLadingError } from '../errors.js';
import type { ImageFiles } from '../store/image-files.js';
import { requestsOfFiles } from './requests.js';

export interface ArchiveImagesOptions
  extends Pick<PlanOptions, 'referrers' | 'keepGoing' | 'signal' | 'onEvent'> {
  /** Only these images; default all. */
  images?: readonly string[] | undefined;
}

/** Reads the images of an archive or layout, and makes sure that it holds all that they need. */
export async function readArchiveImages(
  store: ImageFiles,
  { images: wanted = [], ...options }: ArchiveImagesOptions,
): Promise<{ images: ImageTrees[]; failures: Plan['failures'] }> {
  const requests = await requestsOfFiles(store, store.location, wanted);
  const { images, failures } = await readImages(requests, { ...options, explain: damageOf });
  const complete: ImageTrees[] = [];
  for (const image of images) {
    const error = await holeIn(image, store);
    if (error === undefined) complete.push(image);
    else if (!options.keepGoing || images.length === 1) throw error;
    else failures.push({ name: image.name, error });
  }
  return { images: complete, failures };
}

/** Damage in a file is there at every try: says which image it is of, and what to ask the sender for. */
export function damageOf(name: string, error: unknown): unknown {
  if (!(error instanceof ContentError)) return error;
  const message = error.message.includes(name) ? error.message : `${error.message}; ${name} needs it`;
  return new ContentError(error.code, message, { cause: error, hint: askForNew(name) });
}

async function holeIn(
  { name, tree, attached }: ImageTrees,
  store: ImageFiles,
): Promise<ContentError | undefined> {
  const trees = [tree, ...attached.map((referrer) => referrer.tree)];
  const missing: Descriptor[] = [];
  for (const { descriptor, bytes } of trees.flatMap(blobsOf))
    if (bytes === undefined && !(await holds(store, descriptor))) missing.push(descriptor);
  const [first] = missing;
  if (first === undefined) return undefined;
  const others = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  return new ContentError(
    'MISSING_CONTENT',
    `${store.location} does not hold ${first.digest} (${first.size} bytes)${others}; ${name} needs it`,
    { hint: askForNew(name) },
  );
}

function blobsOf({ blobs, children }: ManifestTree): PlannedContent[] {
  return [...blobs, ...children.flatMap(blobsOf)];
}

async function holds(store: ImageFiles, { digest }: Descriptor): Promise<boolean> {
  try {
    await store.resolveBlob(digest);
    return true;
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}
