import fs from 'fs-extra';
import type { Descriptor } from '../content/descriptor.js';
import { isIndex } from '../content/media-types.js';
import { formatPlatform } from '../content/platform.js';
import { formatReference, isRegistry } from '../content/reference.js';
import { ContentError, isLadingError } from '../errors.js';
import { parseManifest } from '../manifest/manifest.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { isAttachmentTag } from '../store/attached.js';
import type { NamedProblem } from '../store/image-files.js';
import type { ArchiveLimits } from '../store/limits.js';
import { looksLikePath } from '../store/locator.js';
import { isBlob, readContent } from '../store/read-content.js';
import type { Source } from '../store/store.js';
import { openKnownSource, type SourceLike } from '../transfer/sources.js';

export interface ListedImage {
  name: string;
  /** Absent for a broken image of a docker-archive, which has no manifest. */
  digest?: string;
  mediaType?: string;
  /** Platforms that an index states. */
  platforms: string[];
  /** True if it is not an image: an index may name any content. */
  isBlob?: true;
  /** Why an image cannot be read; if set, the content of its documents is unknown. */
  problem?: string;
}

export type ListResult =
  | { kind: 'images'; location: string; images: ListedImage[] }
  | { kind: 'tags'; repository: string; tags: string[] }
  | { kind: 'repositories'; registry: string; repositories: string[] };

export interface ListOptions extends ConnectionOptions, ArchiveLimits {
  /** Also list what is attached to images (signatures, SBOMs, attestations); default false. */
  attachments?: boolean | undefined;
}

/** Lists the images of an archive or layout, the tags of a repository, or the repositories of a registry. */
export async function list(target: SourceLike, options: ListOptions = {}): Promise<ListResult> {
  if (
    typeof target === 'string' &&
    !target.includes('/') &&
    /[.:]|^localhost$/.test(target) &&
    isRegistry(target) &&
    !looksLikePath(target) &&
    !(await fs.pathExists(target))
  ) {
    return listRepositories(target, options);
  }
  const source = await openKnownSource(target, options);
  const isShown = (tag: string): boolean => options.attachments === true || !isAttachmentTag(tag);
  try {
    if (source.kind !== 'registry') {
      const images = await listImages(source.store, isShown);
      const broken = source.kind === 'path' ? source.store.broken.map(brokenImage) : [];
      const location = source.kind === 'path' ? source.path : source.store.location;
      return { kind: 'images', location, images: [...images, ...broken] };
    }
    const { registry, repository } = source.reference;
    const tags: string[] = [];
    for await (const tag of source.store.tags({ signal: options.signal })) {
      if (isShown(tag)) tags.push(tag);
    }
    return { kind: 'tags', repository: formatReference({ registry, repository }), tags };
  } finally {
    await source.close();
  }
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

async function listImages(store: Source, isShown: (tag: string) => boolean): Promise<ListedImage[]> {
  const images: ListedImage[] = [];
  for await (const { name, descriptor } of store.names()) {
    if (!isShown(name.slice(name.lastIndexOf(':') + 1))) continue;
    const { digest, mediaType } = descriptor;
    images.push({ name, digest, mediaType, ...(await listContent(store, descriptor)) });
  }
  return images;
}

function brokenImage({ name, error }: NamedProblem): ListedImage {
  return { name, platforms: [], problem: error.message };
}

/** Describes an entry. If its index is damaged, returns a `problem`, so that the other images are still listed. */
async function listContent(
  store: Source,
  descriptor: Descriptor,
): Promise<Pick<ListedImage, 'platforms' | 'isBlob' | 'problem'>> {
  try {
    if (await isBlob(store, descriptor)) return { platforms: [], isBlob: true };
    const manifest = isIndex(descriptor.mediaType)
      ? parseManifest(await readContent(store, descriptor), descriptor)
      : undefined;
    const children = manifest !== undefined && 'manifests' in manifest ? manifest.manifests : [descriptor];
    const platforms = children.flatMap(({ platform }) =>
      platform === undefined || platform.os === 'unknown' ? [] : [formatPlatform(platform)],
    );
    return { platforms };
  } catch (error) {
    if (!(error instanceof ContentError) && !isLadingError(error, 'NOT_FOUND')) throw error;
    return { platforms: [], problem: error.message };
  }
}
