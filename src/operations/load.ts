import { type Readable, Stream } from 'node:stream';
import { Compressor } from '../compression/compression.js';
import { absentOf } from '../content/annotations.js';
import { formatReference } from '../content/reference.js';
import { ContentError, isLadingError } from '../errors.js';
import { type OnCopyEvent, unpackedTo } from '../events.js';
import type { PlannedContent } from '../graph/tree.js';
import { createSigningKey } from '../manifest/convert/sign-schema1.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { ImageFiles } from '../store/image-files.js';
import { type ArchiveLimits, archiveLimitsOf } from '../store/limits.js';
import { isBucket } from '../store/locator.js';
import { openPath } from '../store/open.js';
import { openStream } from '../store/open-stream.js';
import { createScratch, type Scratch } from '../store/scratch.js';
import type { Source } from '../store/store.js';
import { convertImage } from '../transfer/convert/convert.js';
import { createRecompressor } from '../transfer/convert/recompress.js';
import type { Destination, Standing } from '../transfer/destination.js';
import { damageOf, readArchiveImages } from '../transfer/files/read-files.js';
import type { CopyRequest, ImageTrees, PlanOptions } from '../transfer/plan.js';
import { type ReadImages, readImages } from '../transfer/read-images.js';
import { parseDestination, type RegistryNaming } from '../transfer/registry/registry-names.js';
import { type Remake, toRegistry } from '../transfer/registry/to-registry.js';
import { requestsOfStore } from '../transfer/requests.js';
import { locationOf, openKnownSource, type SourceLike } from '../transfer/sources.js';
import { transfer } from '../transfer/transfer.js';
import type { PlatformOptions } from './choose-index.js';
import { nameAll } from './name-images.js';
import { readRenameRules } from './rename.js';
import { type LoadedImage, writeMap } from './write-map.js';

export interface LoadOptions extends ConnectionOptions, ArchiveLimits, PlatformOptions {
  /**
   * An archive or layout of any form, a stream of an archive, which is written to a temporary file first, or an opened
   * source.
   */
  input: Readable | SourceLike;
  /** The registry to push to, `HOST[:PORT][/PREFIX]`. */
  destination: string;
  /** Load only these images, by their names, the ends of their names, or patterns (`ghcr.io/product/*`); default all. */
  images?: readonly string[] | undefined;
  /** Name for an image that has none. */
  name?: string | undefined;
  /** Include the source's host in the path; default false. */
  keepHost?: boolean | undefined;
  /** Also give a tag to an image that is named by its digest alone (`sha256-` and 12 digits of it); default false. */
  tagDigests?: boolean | undefined;
  /** A file of rename rules (YAML). */
  mapFile?: string | undefined;
  /** A file to write with one line per image: source, destination and digest, separated by tabs; default none. */
  writeMap?: string | undefined;
  /**
   * Ask the registry, and report what would be pushed where, but push nothing; default false. If the registry cannot be
   * reached, a warning says so, and the result has the names alone.
   */
  dryRun?: boolean | undefined;
  /** Refuse to move an existing tag that names something else; default false. */
  noClobber?: boolean | undefined;
  /** Also push signatures, SBOMs and attestations; default true. */
  referrers?: boolean | undefined;
  /** Refuse images whose documents violate their specification; default: they cause a warning. */
  strict?: boolean | undefined;
  /** Push the other images if one fails; default false. */
  keepGoing?: boolean | undefined;
  /** Send blobs in chunks of this many bytes; default: each blob in one request. */
  chunkBytes?: number | undefined;
}

export interface LoadResult {
  /** The input as the user named it; `-` for a stream. */
  input: string;
  /** True if nothing was pushed because of the option `dryRun`. */
  dryRun: boolean;
  images: LoadedImage[];
  /**
   * After a dry run, what the tag of each image stands for at the registry, by `pushed`; undefined if the registry was
   * not asked. The digest of an image whose layers would be compressed first is the one before that.
   */
  standings?: Record<string, Standing>;
  /** After a dry run, what would be pushed. Layers that would be compressed first count with their plain size. */
  blobs: { total: number; pushed: number; mounted: number; present: number };
  bytes: { pushed: number };
  failures: { name: string; error: unknown }[];
}

/**
 * Pushes the images of an archive or layout into a registry without unpacking it: only what is missing, and tags last.
 * Uncompressed layers are compressed if the archive has no manifest whose digest would change.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const result = await loadImages(options);
  if (options.writeMap !== undefined) await writeMap(options.writeMap, result.images);
  return result;
}

async function loadImages(options: LoadOptions): Promise<LoadResult> {
  // Most loads take all platforms.
  const choosing = options.platforms && (await import('./choose-index.js'));
  const { platforms, index } = choosing?.chooseIndex(options) ?? {};
  const naming = await destinationOf(options);
  const input = await openInput(options.input, options);
  const scratch = createScratch();
  const compressor = createLayerCompressor(scratch, options);
  try {
    for (const message of warningsOf(input.store)) options.onEvent?.({ type: 'warning', message });
    const destination = toRegistry(naming.registry, options, {
      name: (images) => nameAll(images, naming, options),
      tagDigests: options.tagDigests,
      wayOut: {
        hint: 'Keep the hosts in the names, or tell the images apart with rules.',
        remedy: 'keepHost',
      },
      noClobber: options.noClobber,
      chunkBytes: options.chunkBytes,
      remake: compressor.compress,
    });
    const requests = await requestsOfStore(input.store, input.store.location, options.images ?? []);
    const chosen = choosing?.withIndexChoice(requests, options) ?? requests;
    const result = await transfer(chosen, options.dryRun ? unlessAway(destination, options) : destination, {
      ...{ ...options, platforms, index },
      read: async (wanted, how) => {
        const read = await readAll(input.store, wanted, { ...options, ...how, platforms, index });
        choosing?.warnOfLeftOut(read.images, options);
        return read;
      },
    });
    const { placed, images, blobs, bytes, failures, standings } = result;
    const loaded = options.dryRun
      ? placed.map(({ image, destination: at }) => ({
          name: image.name,
          pushed: formatReference(at),
          digest: image.tree.content.descriptor.digest,
        }))
      : images.map(({ name, written, digest }) => ({ name, pushed: written, digest }));
    const { total, sent, mounted, present } = blobs;
    const named =
      standings && [...standings].map(([one, standing]) => [formatReference(one.destination), standing]);
    return {
      input: isStream(options.input) ? '-' : locationOf(options.input),
      dryRun: options.dryRun === true,
      images: loaded,
      ...(named && { standings: Object.fromEntries(named) }),
      blobs: { total, pushed: sent, mounted, present },
      bytes: { pushed: bytes.sent },
      failures,
    };
  } finally {
    await compressor.close();
    await input.close();
    await scratch.close();
  }
}

/** Where the registry cannot be reached, a dry run still shows the names. */
function unlessAway<P>(destination: Destination<P>, { onEvent }: LoadOptions): Destination<P> {
  const { survey } = destination;
  if (survey === undefined) return destination;
  const asked: Destination<P>['survey'] = async (...about) => {
    try {
      return await survey(...about);
    } catch (error) {
      if (!isLadingError(error, 'UNREACHABLE')) throw error;
      onEvent?.({ type: 'warning', message: `it is unknown what would be pushed: ${error.message}` });
      return undefined;
    }
  };
  return { ...destination, survey: asked };
}

/** Reads the images of the input completely, and warns about those that leave something out on purpose. */
async function readAll(
  store: Source,
  requests: readonly CopyRequest[],
  options: Omit<LoadOptions, keyof PlatformOptions> & PlanOptions,
): Promise<ReadImages> {
  if (!(store instanceof ImageFiles)) return readImages(requests, options);
  const read = await readArchiveImages(store, requests, {
    ...options,
    wayOut: { hint: 'The other images can be loaded without it.', remedy: 'keepGoing' },
  });
  for (const image of read.images) if (image.tree.isBlob !== true) warnOfAbsent(image, options.onEvent);
  return read;
}

async function destinationOf({ destination, keepHost, mapFile }: LoadOptions): Promise<RegistryNaming> {
  const rules = mapFile === undefined ? undefined : await readRenameRules(mapFile);
  return { ...parseDestination(destination), keepHost, rules };
}

interface Input {
  store: Source;
  close(): Promise<void>;
}

/** Opens the input. A stream is written to a file first, because the index of an archive is at its end. */
async function openInput(input: LoadOptions['input'], options: LoadOptions): Promise<Input> {
  if (typeof input !== 'string' && !isStream(input)) return openKnownSource(input);
  const { signal, onEvent } = options;
  const limits = archiveLimitsOf(options);
  const onUnpacked = unpackedTo(onEvent);
  const onSpool = (): void =>
    onEvent?.({
      type: 'warning',
      message: 'the archive is compressed, so it is unpacked to a temporary file first',
    });
  if (typeof input === 'string' && isBucket(input)) return openKnownSource(input, options);
  if (typeof input === 'string') {
    const store = await withHint(openPath(input, { signal, onSpool, onUnpacked, limits }));
    return { store, close: () => store.close() };
  }
  onEvent?.({ type: 'warning', message: 'standard input is written to a temporary file first' });
  return withHint(openStream(input, { signal, onSpool, onUnpacked, limits, streamName: 'standard input' }));
}

function isStream(input: LoadOptions['input']): input is Readable {
  return input instanceof Stream;
}

/** Returns what is odd about an archive, but does not prevent reading it. */
function warningsOf(store: Source): readonly string[] {
  return store instanceof ImageFiles ? store.warnings : [];
}

/** Adds a hint to an error about damaged content that has none: the archive can be copied or made again. */
async function withHint<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof ContentError) || error.hint !== undefined) throw error;
    throw new ContentError(error.code, error.message, {
      cause: error,
      hint: 'Copy it again and compare its checksum with the original; else ask whoever made it for a new save.',
    });
  }
}

/** Warns about children that a sparse archive leaves out on purpose, unless a smaller index does not name them. */
function warnOfAbsent({ name, original, tree }: ImageTrees, onEvent: OnCopyEvent | undefined): void {
  const absent = absentOf(original).filter((digest) => tree.absent.includes(digest));
  if (absent.length === 0) return;
  const message = `${name} was saved without some of its children, on purpose: ${absent.join(', ')}`;
  onEvent?.({ type: 'warning', message });
}

/**
 * Compresses uncompressed layers, but only if lading made the manifest itself; every other manifest must keep its
 * digest. Each layer is pushed while the next one is compressed.
 */
function createLayerCompressor(
  scratch: Scratch,
  { signal, onEvent }: LoadOptions,
): { compress: Remake; close(): Promise<void> } {
  const compressor = new Compressor();
  const recompress = createRecompressor('gzip', { scratch, compressor }, { signal, onEvent });
  const key = createSigningKey();
  return {
    async compress(image, begin) {
      if (image.original.origin !== 'made') return image;
      const recompressAndSend = async (layer: PlannedContent): Promise<PlannedContent | undefined> => {
        const made = await recompress(layer);
        if (made !== undefined) begin(made);
        return made;
      };
      try {
        const { images } = await convertImage(image, {
          ...{ to: 'docker' as const, recompress: recompressAndSend, key, signal },
        });
        return images[0] ?? image;
      } catch (error) {
        throw damageOf(image.name, error);
      }
    },
    close: () => compressor.close(),
  };
}
