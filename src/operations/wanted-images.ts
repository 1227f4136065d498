import { formatReference, parseReference, type Reference } from '../content/reference.js';
import type { LockedImage, LockedPattern } from '../lock/lock.js';
import type { RepositoryName } from '../registry/client.js';
import { connect } from '../registry/connect.js';
import { createV1Spool, openRepository, type RemoteSource } from '../store/remote/remote-source.js';
import type { Source } from '../store/store.js';
import { preferringHeld } from '../transfer/held.js';
import type { CopyRequest, ImageTrees, PlanOptions } from '../transfer/plan.js';
import { type ReadImages, readImages } from '../transfer/read-images.js';
import { chooseIndex, type IndexChoice, indexOf } from './choose-index.js';
import {
  type ExpandedImages,
  excluding,
  expandImages,
  type ImageText,
  type ResolvedPattern,
} from './expand-images.js';
import { foreignLayers } from './foreign-layers.js';
import type { SaveOptions } from './save-options.js';

/** Options of what is wanted, without those of an output. */
export type WantedOptions = Omit<SaveOptions, 'output'>;

/** Images, or what should have become some, that failed. */
export type Failures = { name: string; error: unknown }[];

/** An image to read, and how it was asked for. */
export interface WantedImage extends CopyRequest {
  source: RemoteSource;
  /** The whole reference, with tag and digest. */
  named: Reference;
  /** How the list of a lock gave it; undefined if it is in no lock yet. */
  by: LockedImage['by'] | undefined;
}

/** The images that are wanted, at registries that are connected. */
export interface Wanted {
  requests: WantedImage[];
  listed: ListedImages;
  /** What patterns stood for, with names in full. */
  resolved: ResolvedPattern[];
  /** Names and patterns that could not be resolved; only with `keepGoing`. */
  failures: Failures;
  choice: IndexChoice;
  /** Adds to an error where the image was listed. */
  explain: PlanOptions['explain'];
  /** Reads images as `readImages` does, and compares them with what the list says of them. */
  read: typeof readImages;
}

/** An image of a lock, which is asked for by its digest. */
export interface DigestedImage {
  reference: Reference;
  by: LockedImage['by'];
  /** Which of its platforms are taken; default: what the options say. */
  platforms?: CopyRequest['platforms'];
}

/** The images of a list, before their registries are asked. */
export interface ListedImages {
  /** Names and patterns. */
  texts: readonly ImageText[];
  /** Take every tag of repositories that are named without a tag. */
  allTags?: boolean | undefined;
  /** Images whose digests are known; they are instead of `texts`. */
  digested?: readonly DigestedImage[] | undefined;
  /** Images of which it is known already that they have none of the wanted platforms. */
  unavailable?: Failures | undefined;
  /** Returns a source with changes for the repository, such as what a lock says of it. */
  sourceOf?: ((source: RemoteSource) => RemoteSource) | undefined;
  /** What the patterns of a lock stood for. */
  patterns?: readonly LockedPattern[] | undefined;
  /** Adds to an error where the image was listed. */
  explain?: PlanOptions['explain'];
  /** Throws if an image is not what the list says. */
  requireSame?: ((image: ImageTrees) => void) | undefined;
}

/**
 * Connects to the registries of a list, finds out which images are wanted, and calls `use` with them. Content that
 * `previous` has is not fetched. Layers of v1 registries are kept in `directory` meanwhile.
 */
export async function withWanted<T>(
  listed: ListedImages,
  options: WantedOptions,
  { previous, directory }: { previous?: Source | undefined; directory?: string | undefined },
  use: (wanted: Wanted) => Promise<T>,
): Promise<T> {
  const { sourceOf = (source) => source, explain } = listed;
  const choice = chooseIndex(options);
  const references = (listed.digested ?? listed.texts).map(({ reference }) => reference);
  const client = await connect(options, [...new Set(references.map(({ registry }) => registry))]);
  const spool = createV1Spool(options, directory);
  try {
    const asked = await requestsFor(listed, options, (name) => {
      const source = openRepository(client, name, spool, options);
      return sourceOf(previous === undefined ? source : preferringHeld(source, previous));
    });
    const wanted = { ...asked, listed, choice, explain, read: readerFor(listed) };
    if (!options.includeForeign) return await use(wanted);
    const registries = new Map<Source, string>(
      asked.requests.map(({ source, name }) => [source, parseReference(name).registry]),
    );
    const layers = await foreignLayers(options, (source) => registries.get(source) ?? '');
    try {
      return await use({ ...wanted, choice: { ...choice, foreign: layers.foreign } });
    } finally {
      await layers.close();
    }
  } finally {
    await spool.close();
    await client.close();
  }
}

function readerFor({ requireSame }: ListedImages): typeof readImages {
  if (requireSame === undefined) return readImages;
  return async (requests, options = {}): Promise<ReadImages> => {
    const read = await readImages(requests, options);
    const failures = [...read.failures];
    const images = read.images.filter((image) => {
      try {
        requireSame(image);
        return true;
      } catch (error) {
        failures.push({ name: image.name, error });
        options.onEvent?.({ type: 'failed', name: image.name, error });
        if (!options.keepGoing) throw error;
        return false;
      }
    });
    if (images.length === 0 && failures[0] !== undefined) throw failures[0].error;
    return { images, failures };
  };
}

type Requests = Pick<Wanted, 'requests' | 'resolved' | 'failures'>;

/** Returns one request per named image; duplicates are asked for once. */
async function requestsFor(
  { texts, allTags, digested, unavailable = [] }: ListedImages,
  options: WantedOptions,
  open: (name: RepositoryName) => RemoteSource,
): Promise<Requests> {
  const stores = new Map<string, RemoteSource>();
  const sourceOf = ({ registry, repository }: Reference): RemoteSource => {
    const key = `${registry}/${repository}`;
    const source = stores.get(key) ?? open({ registry, repository });
    stores.set(key, source);
    return source;
  };
  const requests = new Map<string, WantedImage>();
  const add = (named: Reference, by?: WantedImage['by'], platforms?: WantedImage['platforms']): void => {
    const { registry, repository, tag, digest } = named;
    // If a name has both, the digest selects what is pulled, and the tag is its name.
    const name = formatReference(tag === undefined ? named : { registry, repository, tag });
    const reference = digest ?? tag ?? 'latest';
    const index = indexOf(by === undefined ? digest !== undefined : by === 'digest', options);
    requests.set(`${name} ${reference}`, {
      source: sourceOf(named),
      reference,
      name,
      index,
      ...(platforms !== undefined && { platforms }),
      by,
      named,
    });
  };
  if (digested !== undefined) {
    const nameOf = ({ reference }: DigestedImage): string => formatReference(reference);
    const names = [...digested.map(nameOf), ...unavailable.map(({ name }) => name)];
    const { isLeft, excluded } = await excluding(options.exclude ?? [], names);
    warnOfUselessExcludes(excluded, options);
    for (const image of digested) if (isLeft(nameOf(image))) add(image.reference, image.by, image.platforms);
    const failures = unavailable.filter(({ name }) => isLeft(name));
    const [failure] = failures;
    if (failure !== undefined && (!options.keepGoing || requests.size === 0)) throw failure.error;
    return { requests: [...requests.values()], resolved: [], failures };
  }
  const { references, patterns, excluded, failures } = await expandImages(texts, {
    ...options,
    allTags,
    tagsOf: (repository) => sourceOf(repository).tags({ signal: options.signal }),
  });
  warnOfUselessExcludes(excluded, options);
  for (const reference of references) add(reference);
  return { requests: [...requests.values()], resolved: patterns, failures };
}

function warnOfUselessExcludes(excluded: ExpandedImages['excluded'], { onEvent }: WantedOptions): void {
  for (const { text, names } of excluded)
    if (names.length === 0) onEvent?.({ type: 'warning', message: `"${text}" excludes none of the images` });
}
