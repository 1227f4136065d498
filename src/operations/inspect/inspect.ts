import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { parsePlatform } from '../../content/platform.js';
import { formatReference } from '../../content/reference.js';
import { ContentError, type LadingError } from '../../errors.js';
import { isWanted } from '../../graph/choose-platforms.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import type { ArchiveLimits } from '../../store/limits.js';
import type { Source } from '../../store/store.js';
import { isSelection } from '../../transfer/requests.js';
import { locationOf, openKnownSource, type SourceLike } from '../../transfer/sources.js';
import { type Attachment, attachmentsOf } from './attachments.js';
import { Contents, type TotalBytes } from './contents.js';
import { type InspectedBlob, type InspectedPlatform, inspectManifest } from './manifest.js';
import { leftOutOf, missingImage, noImageFor } from './missing.js';
import { brokenOf, rootsOf } from './roots.js';

export interface InspectedImage {
  name: string;
  /** Absent for a broken image of a docker-archive, which has no manifest. */
  digest?: Digest;
  mediaType?: string;
  /** Bytes of the root manifest and of everything under it that is present and known, each content counted once. */
  size: number;
  platforms: InspectedPlatform[];
  /** Entries of an index that are not manifests; BuildKit's cache lists layers. */
  blobs?: InspectedBlob[];
  /** Children of an index that were left out on purpose. */
  absent: Digest[];
  /** What refers to the image's own manifest, a part of `attachments`. */
  referrers: { digest: Digest; artifactType?: string; tag?: string }[];
  /**
   * What is attached to the image, and, in an archive or layout or with the option `attachments`, to the images of its
   * platforms.
   */
  attachments: Attachment[];
  /** Why the image cannot be shown; if set, only the facts from its entry are known. */
  problem?: string;
}

export interface InspectResult {
  images: InspectedImage[];
  bytes: TotalBytes;
}

export interface InspectOptions extends ConnectionOptions, ArchiveLimits {
  /** Show only this image of an archive or layout, or those that a pattern means; of a registry, another tag or digest. */
  reference?: string | undefined;
  /** Also show what is attached to the images; default true. */
  referrers?: boolean | undefined;
  /**
   * Ask a registry also for what is attached to the images of the platforms, and for the sizes of attachments; default
   * false. Archives and layouts always have both.
   */
  attachments?: boolean | undefined;
  /** Show only these platforms, `OS/ARCH[/VARIANT][:VERSION]`; default all. */
  platforms?: readonly string[] | undefined;
}

/**
 * Describes the images of an archive or a layout, or an image of a registry. If one of several images is damaged, it
 * gets a `problem` and the others are shown; rejects if all are damaged, or if only that one was requested.
 */
export async function inspect(target: SourceLike, options: InspectOptions = {}): Promise<InspectResult> {
  const source = await openKnownSource(target, options);
  try {
    const wanted =
      options.reference ??
      (source.kind === 'registry' ? formatReference(source.reference) : source.reference);
    const isOne = wanted !== undefined && !isSelection(wanted);
    const images: InspectedImage[] = [];
    const problems: LadingError[] = [];
    const contents = new Contents();
    for await (const { name, root } of rootsOf(source, options)) {
      try {
        images.push(await inspectImage(source.store, name, root, contents, options));
      } catch (reason) {
        const error = source.kind === 'path' ? missingImage(name, root, reason) : reason;
        if (isOne || !(error instanceof ContentError)) throw error;
        images.push(damagedImage(name, root, error));
        problems.push(error);
      }
    }
    for (const { name, error } of await brokenOf(source, options.reference)) {
      images.push({ name, size: 0, platforms: [], absent: [], ...UNATTACHED, problem: error.message });
      problems.push(error);
    }
    if (options.platforms !== undefined && images.every(({ platforms }) => platforms.length === 0))
      throw noImageFor(options.platforms, locationOf(target), problems[0]);
    const [problem] = problems;
    if (problem !== undefined && problems.length === images.length) throw problem;
    return { images, bytes: contents.bytes };
  } finally {
    await source.close();
  }
}

function damagedImage(name: string, { digest, mediaType, size }: Descriptor, error: Error): InspectedImage {
  return { name, digest, mediaType, size, platforms: [], absent: [], ...UNATTACHED, problem: error.message };
}

const UNATTACHED = { referrers: [], attachments: [] };

async function inspectImage(
  store: Source,
  name: string,
  root: Descriptor,
  contents: Contents,
  { referrers: withReferrers = true, attachments: isDeep, signal, platforms: names }: InspectOptions,
): Promise<InspectedImage> {
  const wanted = names?.map(parsePlatform);
  const absent = await leftOutOf(store, root);
  const found = await inspectManifest(store, root, absent, signal);
  const { platforms, blobs, attestations } = found;
  const sizes = store.isLocal || isDeep === true;
  const manifests = sizes ? found.manifests : [root];
  const attachments = withReferrers
    ? await attachmentsOf(store, { manifests, attestations }, name, { signal, sizes })
    : [];
  const isReferrer = new Set(found.attestations.map(({ digest }) => digest));
  return {
    name,
    digest: root.digest,
    mediaType: root.mediaType,
    size: contents.add(found.contents),
    platforms: platforms.filter((offered) => isWanted([offered], wanted)),
    ...(blobs.length > 0 && { blobs }),
    absent,
    referrers: attachments
      .filter(({ digest, subject }) => subject === root.digest && !isReferrer.has(digest))
      .map(({ digest, artifactType, tag }) => ({
        digest,
        ...(artifactType !== undefined && { artifactType }),
        ...(tag !== undefined && { tag }),
      })),
    attachments,
  };
}
