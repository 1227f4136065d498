import fs from 'fs-extra';
import { absentOf } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { parsePlatform } from '../content/platform.js';
import { formatReference, isReference } from '../content/reference.js';
import { ContentError, LadingError } from '../errors.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { isAttachmentTag } from '../store/attached.js';
import { ImageFiles, type NamedProblem } from '../store/image-files.js';
import type { ArchiveLimits } from '../store/limits.js';
import { looksLikePath } from '../store/locator.js';
import { isBlob } from '../store/read-content.js';
import { selecting } from '../store/select-images.js';
import type { Source } from '../store/store.js';
import { openKnownSource, type SourceLike } from '../transfer/sources.js';
import { type Attachment, attachmentsOf } from './inspect/attachments.js';
import { Contents, type TotalBytes } from './inspect/contents.js';
import { missingImage, noImageFor } from './inspect/missing.js';
import { type Summary, type SummaryOptions, summarize } from './inspect/summary.js';

export interface ListedImage {
  name: string;
  /** Absent for a broken image of a docker-archive, which has no manifest. */
  digest?: string;
  mediaType?: string;
  /** `OS/ARCH[/VARIANT][:VERSION]` of each image, as an index, a manifest or a config states it. */
  platforms: string[];
  /** The type of a chart, an SBOM or another artifact, which has no platform. */
  artifactType?: string;
  /**
   * Bytes of everything that belongs to the image and is present, each content counted once: manifests, configs, layers,
   * and attestations in its index. Layers are not read.
   */
  size?: number;
  /** What is attached to the image, or to the image of one of its platforms. */
  attachments: Attachment[];
  /** True if it is not an image: an index may name any content. */
  isBlob?: true;
  /** Why an image cannot be read; if set, the content of its documents is unknown. */
  problem?: string;
}

/** The images of an archive or layout. */
export interface ListedImages {
  kind: 'images';
  location: string;
  images: ListedImage[];
  bytes: TotalBytes;
}

export type ListResult =
  | ListedImages
  | { kind: 'tags'; repository: string; tags: string[] }
  | { kind: 'repositories'; registry: string; repositories: string[] };

export interface ListOptions extends ConnectionOptions, ArchiveLimits {
  /** Also list what is attached to images (signatures, SBOMs, attestations); default false. */
  attachments?: boolean | undefined;
  /**
   * List only these: of a repository the tags that a text means (`{>=1.2, newest 2}`, `3.*`), of an archive or layout
   * the images (`ghcr.io/product/*`, `api:4.2.0`); default all.
   */
  select?: readonly string[] | undefined;
  /**
   * List only images for these platforms, `OS/ARCH[/VARIANT][:VERSION]`, with the size of these platforms alone; content
   * without a platform (a chart) is for each. Default all; not for registries, whose lists are only names.
   */
  platforms?: readonly string[] | undefined;
}

/**
 * Lists the images of an archive or layout, the tags of a repository, or the repositories of a registry. Rejects with
 * `NOT_FOUND` if `select` means nothing, or if no image is for the chosen platforms.
 */
export async function list(target: SourceLike, options: ListOptions = {}): Promise<ListResult> {
  if (
    typeof target === 'string' &&
    !target.includes('/') &&
    /[.:]|^localhost$/.test(target) &&
    isReference(`${target}/a`) &&
    !looksLikePath(target) &&
    !(await fs.pathExists(target))
  ) {
    refusePlatforms(target, options);
    return listRepositories(target, options);
  }
  const source = await openKnownSource(target, options);
  const isShown = (tag: string): boolean => options.attachments === true || !isAttachmentTag(tag);
  try {
    if (source.kind !== 'registry') {
      const isSelected = await selecting(source.store, options.select, options);
      const isListed = (name: string, digest: string): boolean =>
        isShown(name.slice(name.lastIndexOf(':') + 1)) && isSelected(name, digest);
      const listed = await listImages(source.store, isListed, options);
      const problems = source.kind === 'path' ? source.store.broken : [];
      const broken = problems.filter(({ name }) => isSelected(name, undefined)).map(brokenImage);
      const location = source.kind === 'path' ? source.path : source.store.location;
      const images = [...listed.images, ...broken];
      if (options.platforms !== undefined && images.length === 0)
        throw noImageFor(options.platforms, location);
      return { kind: 'images', location, ...listed, images };
    }
    const { registry, repository } = source.reference;
    refusePlatforms(formatReference({ registry, repository }), options);
    const tags: string[] = [];
    for await (const tag of source.store.tags({ signal: options.signal })) {
      if (isShown(tag)) tags.push(tag);
    }
    const listed = { kind: 'tags' as const, repository: formatReference({ registry, repository }), tags };
    if (options.select === undefined) return listed;
    const { tagsMeantBy } = await import('../store/match-names.js');
    return { ...listed, tags: tagsMeantBy(options.select, tags, source.reference) };
  } finally {
    await source.close();
  }
}

/** The names that a registry lists do not say what they stand for. */
function refusePlatforms(registry: string, { platforms }: ListOptions): void {
  if (platforms === undefined) return;
  throw new LadingError('USAGE', `${registry} lists only names, and platforms cannot be chosen of them`, {
    hint: 'Platforms can be chosen of the images of archives, layouts and buckets.',
  });
}

async function listRepositories(registry: string, options: ListOptions): Promise<ListResult> {
  const { connect } = await import('../registry/connect.js');
  const client = await connect(options, [registry]);
  try {
    const repositories: string[] = [];
    for await (const repository of client.listRepositories(registry, { signal: options.signal }))
      repositories.push(repository);
    return { kind: 'repositories', registry, repositories };
  } finally {
    await client.close();
  }
}

async function listImages(
  store: Source,
  isListed: (name: string, digest: string) => boolean,
  { signal, platforms: names }: ListOptions,
): Promise<Pick<ListedImages, 'images' | 'bytes'>> {
  const images: ListedImage[] = [];
  const contents = new Contents();
  // Otherwise the manifest would be read again for what it is attached to.
  const onRoot = store instanceof ImageFiles ? store.noteAttached.bind(store) : undefined;
  const platforms = names?.map(parsePlatform);
  const summaries = new Map<string, ReturnType<typeof summaryOf>>();
  for await (const { name, descriptor } of store.names({ signal })) {
    if (!isListed(name, descriptor.digest)) continue;
    const { digest, mediaType } = descriptor;
    // Many names may have the same image.
    const claim = [digest, mediaType, descriptor.size, ...absentOf(descriptor)].join(' ');
    const reading = summaries.get(claim) ?? summaryOf(store, descriptor, { signal, onRoot, platforms });
    summaries.set(claim, reading);
    const image = { name, digest, mediaType };
    try {
      const found = await reading;
      if (found === undefined) continue; // it is for other platforms
      const { contents: own, attestations, manifests, artifactType, ...summary } = found;
      const size = contents.add(own);
      const attachments = await attachmentsOf(store, { manifests, attestations }, name, { signal });
      images.push({
        ...image,
        ...summary,
        size,
        ...(artifactType !== undefined && { artifactType }),
        attachments,
      });
    } catch (reason) {
      const error = missingImage(name, descriptor, reason);
      if (!(error instanceof ContentError)) throw error;
      images.push({ ...image, platforms: [], attachments: [], problem: error.message });
    }
  }
  return { images, bytes: contents.bytes };
}

async function summaryOf(
  store: Source,
  descriptor: Descriptor,
  options: SummaryOptions,
): Promise<(Summary & Pick<ListedImage, 'isBlob'>) | undefined> {
  if (!(await isBlob(store, descriptor))) return summarize(store, descriptor, options);
  const contents = new Map([[descriptor.digest, descriptor.size]]);
  return { platforms: [], contents, manifests: [], attestations: [], isBlob: true };
}

function brokenImage({ name, error }: NamedProblem): ListedImage {
  return { name, platforms: [], attachments: [], problem: error.message };
}
