import { join } from 'node:path';
import { formatPlatform } from '../../content/platform.js';
import { formatReference } from '../../content/reference.js';
import { cacheDirectory } from '../../disk/cache-directory.js';
import { unlessRefused } from '../../disk/disk.js';
import { makeFolder } from '../../disk/own-folder.js';
import { type Advice, LadingError, RegistryError } from '../../errors.js';
import { type OnCopyEvent, warningsTo } from '../../events.js';
import type { PlannedContent } from '../../graph/tree.js';
import { type ConnectionOptions, connect } from '../../registry/connect.js';
import { createUploadSessions, type UploadSessions } from '../../store/remote/upload-sessions.js';
import type { Destination } from '../destination.js';
import { aBlob, fitting, warn, warnOfForeign } from '../fitting.js';
import { type ImageTrees, sizeOf } from '../plan.js';
import { ImagePusher, nameAt } from './image-pusher.js';
import type { ImageToPush } from './registry-names.js';

export interface RegistryDestinationOptions {
  /** Names images in the registry; rejects with `USAGE` if one cannot get a name. */
  name: (images: readonly ImageTrees[]) => ImageToPush[];
  /** Also give a tag to an image that is named by its digest; default false. */
  tagDigests?: boolean | undefined;
  /** Advice for the case that two images would get the same name. */
  wayOut: Advice;
  /** Refuse to move an existing tag that names something else; default false. */
  noClobber?: boolean | undefined;
  /** The repository of the same registry that the images come from. */
  origin?: string | undefined;
  /** Send blobs in chunks of this many bytes; default: each blob in one request. */
  chunkBytes?: number | undefined;
  /** Replaces each image before it is pushed; default: images are pushed unchanged. */
  remake?: Remake | undefined;
}

/** Makes the image that is pushed in place of another; `begin` starts to send one of its blobs early. */
export type Remake = (image: ImageTrees, begin: (blob: PlannedContent) => void) => Promise<ImageTrees>;

/**
 * Opens a registry (`host[:port]`) as a destination; each image gets a tag, or at least can be pulled by its digest.
 */
export function toRegistry(
  registry: string,
  connection: ConnectionOptions,
  options: RegistryDestinationOptions,
): Destination<ImageToPush> {
  return {
    location: registry,
    previous: undefined,
    check(images, { onEvent } = {}) {
      const placed = placeAll(imagesForRegistry(images, onEvent), options);
      requireDistinct(placed, options.wayOut);
      warnOfForeign(
        placed.map(({ image }) => image),
        onEvent,
      );
      for (const { image, destination } of placed)
        if (destination.tag === undefined)
          warn(
            onEvent,
            `${image.name} has no tag: ${formatReference(destination)} is not listed, and a registry may collect it`,
            { remedy: 'tagDigests' },
          );
      return placed;
    },
    nameOf(image, placed) {
      const at = placed.find((one) => one.image === image)?.destination;
      return at && nameAt(at, image.tree.content.descriptor);
    },
    async survey(images, { failures: _, append: __, ...copy } = {}) {
      const { noClobber, origin } = options;
      // Without retries: the user can ask again, and should not wait for a registry that is not there.
      const client = await connect({ ...connection, retries: 0 }, [registry]);
      const pusher = new ImagePusher(client, { ...copy, noClobber, origin });
      try {
        return await pusher.survey(images);
      } finally {
        await pusher.close();
        await client.close();
      }
    },
    async write(images, { failures = [], append: _, ...copy } = {}) {
      const { noClobber, origin, chunkBytes, remake } = options;
      const uploadSessions = await openUploadSessions(copy.onEvent);
      const client = await connect(connection, [registry]);
      const pusher = new ImagePusher(client, { ...copy, noClobber, origin, chunkBytes, uploadSessions });
      try {
        const pushed = await pusher.push(await remakeAll(images, pusher, remake, copy.onEvent));
        return { ...pushed, failures: [...failures, ...pushed.failures] };
      } catch (error) {
        throw holesRefused(images, error) ?? error;
      } finally {
        await pusher.close();
        await client.close();
      }
    },
    close: async () => undefined,
  };
}

function placeAll(
  images: readonly ImageTrees[],
  { name, tagDigests }: RegistryDestinationOptions,
): ImageToPush[] {
  const placed = name(images.filter(({ beside }) => beside === undefined));
  const repositories = new Map(placed.map(({ image, destination }) => [image.name, destination]));
  const besides = images.flatMap((image) => {
    const at = image.beside === undefined ? undefined : repositories.get(image.beside);
    if (at === undefined) return [];
    return [{ image, destination: { registry: at.registry, repository: at.repository } }];
  });
  return [...placed, ...besides].map((one) => withTrueDigest(tagDigests ? withDigestTag(one) : one));
}

/** Makes the images one after the other; their blobs are pushed while the next one is made. */
async function remakeAll(
  images: readonly ImageToPush[],
  pusher: ImagePusher,
  remake: Remake | undefined,
  onEvent: OnCopyEvent | undefined,
): Promise<readonly ImageToPush[]> {
  if (remake === undefined) return images;
  const made: ImageToPush[] = [];
  onEvent?.({ type: 'converting', ...sizeOf(images.map(({ image }) => image)) });
  for (const { image, destination } of images) {
    made.push({ image: await remake(image, (blob) => pusher.begin(blob, destination)), destination });
    onEvent?.({ type: 'converted', name: image.name });
  }
  return made;
}

/**
 * Returns the images that a registry can name, which are those with a manifest. Rejects with `UNSUPPORTED` if there is
 * none.
 */
function imagesForRegistry(images: readonly ImageTrees[], onEvent: OnCopyEvent | undefined): ImageTrees[] {
  const lacks = ({ tree }: ImageTrees): string | undefined =>
    tree.isBlob ? `is ${aBlob(tree)}: a registry can tag only manifests` : undefined;
  return fitting(images, lacks, onEvent);
}

/** Rejects with `USAGE` if two different images, or their attachments, would get the same name. */
function requireDistinct(images: readonly ImageToPush[], wayOut: Advice): void {
  const taken = new Map<string, ImageTrees>();
  const attachments = new Map<string, { digest: string; of: string }>();
  for (const { image, destination } of images) {
    const { registry, repository, tag } = destination;
    for (const { tag: attachedBy, tree } of image.attached) {
      if (attachedBy === undefined) continue;
      const key = formatReference({ registry, repository, tag: attachedBy });
      const { digest } = tree.content.descriptor;
      const other = attachments.get(key);
      if (other !== undefined && other.digest !== digest) throw oneAttachment(key, [other.of, image.name]);
      attachments.set(key, { digest, of: image.name });
    }
    if (tag === undefined) continue;
    const key = formatReference({ registry, repository, tag });
    const other = taken.get(key);
    if (other !== undefined && digestOf(other) !== digestOf(image))
      throw oneName(key, [other, image], wayOut);
    taken.set(key, image);
  }
}

function oneName(key: string, [one, other]: readonly [ImageTrees, ImageTrees], wayOut: Advice): LadingError {
  return new LadingError('USAGE', `${one.name} and ${other.name} would both become ${key}`, wayOut);
}

function oneAttachment(key: string, [one, other]: readonly [string, string]): LadingError {
  const images = one === other ? one : `${one} and ${other}`;
  return new LadingError(
    'USAGE',
    `different signatures or attachments of ${images} would all become ${key}`,
    {
      hint: 'Put the images into repositories of their own, or leave out what is attached.',
      remedy: 'referrers',
    },
  );
}

function digestOf({ tree }: ImageTrees): string {
  return tree.content.descriptor.digest;
}

/** A name by digest gets the digest of the pushed manifest, whatever its digest was before. */
function withTrueDigest({ image, destination }: ImageToPush): ImageToPush {
  if (destination.digest === undefined && destination.tag !== undefined) return { image, destination };
  return { image, destination: { ...destination, digest: image.tree.content.descriptor.digest } };
}

/**
 * Hex digits of a tag made from a digest: enough to distinguish the images of a repository, and too few for the tag of
 * an attachment.
 */
const TAG_DIGITS = 12;

function withDigestTag({ image, destination }: ImageToPush): ImageToPush {
  if (destination.tag !== undefined) return { image, destination };
  const [algorithm, encoded = ''] = image.tree.content.descriptor.digest.split(':');
  return { image, destination: { ...destination, tag: `${algorithm}-${encoded.slice(0, TAG_DIGITS)}` } };
}

/** Explains the error of a registry that requires all children of an index. */
function holesRefused(images: readonly ImageToPush[], error: unknown): RegistryError | undefined {
  const isHole = error instanceof RegistryError && error.registryCodes.includes('MANIFEST_BLOB_UNKNOWN');
  const sparse = images.find(({ image }) => image.tree.absent.length > 0);
  if (!isHole || sparse === undefined) return undefined;
  return new RegistryError(
    error.code,
    `${error.message}; ${sparse.image.name} comes without some of its children, but this registry requires all of them`,
    {
      cause: error,
      status: error.status,
      registryCodes: error.registryCodes,
      hint: 'Bring all platforms, or an index that names only those that are there; that index has a different digest.',
      remedy: 'index',
      remedyFor: sparse.image.tree.platforms.map(formatPlatform).join(','),
    },
  );
}

/** Interrupted uploads are remembered in the cache folder, because the archive may be on a read-only medium. */
async function openUploadSessions(onEvent: OnCopyEvent | undefined): Promise<UploadSessions | undefined> {
  const directory = cacheDirectory();
  if (directory === undefined) return undefined;
  await unlessRefused(() => makeFolder(directory, 0o700)); // a failure is reported when the file is written
  return createUploadSessions(join(directory, 'uploads.json'), {
    onWarning: warningsTo(onEvent),
  });
}
