import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, digestOf, isDigest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { askForNew } from '../../content/verify.js';
import { cleanPath, type FileView } from '../../disk/files.js';
import { ContentError, type LadingError } from '../../errors.js';
import { type ImageConfig, parseConfig } from '../../manifest/config.js';
import {
  type ArchiveImage as ImageItem,
  type InvalidArchiveImage,
  parseArchiveManifest,
  readArchiveManifest,
} from '../../manifest/docker-archive-documents.js';
import { MAX_CONFIG_BYTES } from '../../manifest/limits.js';
import type { DescribedItem } from './agreement.js';
import {
  type ArchiveImage,
  archiveNames,
  type BrokenImage,
  type DescribeOptions,
  isBroken,
  makeImage,
  readOrBroken,
} from './archive-image.js';
import { LayerFiles, type NamedLayer, requireFile } from './layer-files.js';
import type { NamedFiles } from './named-files.js';

/**
 * Reads the images of a Docker archive with `manifest.json`, in its order: of `docker save` since 1.10, podman, skopeo,
 * crane, kaniko, jib, bazel. Their content is added to `files`. (moby, image/spec/v1.2.md, "Combined Image JSON +
 * Filesystem Changeset Format")
 */
export async function readDockerArchive(
  view: FileView,
  files: NamedFiles,
  { document, ...options }: DescribeOptions & { document: Buffer },
): Promise<(ArchiveImage | BrokenImage)[]> {
  return describeImages(readArchiveManifest(document, whereIn(view)), view, files, options);
}

/**
 * Returns the content of `manifest.json`, without checking the files; throws `INVALID_ARCHIVE` unless all items are
 * images.
 */
export function readItems(document: Buffer, view: FileView): ImageItem[] {
  return parseArchiveManifest(document, whereIn(view));
}

interface NamedImage {
  names: readonly string[];
  /** The names as they are written. */
  repoTags: readonly string[];
  /** Name for errors if the image has none. */
  label: string;
  config: Descriptor;
  layers: readonly NamedLayer[];
}

/** Describes the images of `manifest.json` from the files that it names, which are added to `files`. */
async function describeImages(
  items: readonly (ImageItem | InvalidArchiveImage)[],
  view: FileView,
  files: NamedFiles,
  { onWarning, ...options }: DescribeOptions,
): Promise<(ArchiveImage | BrokenImage)[]> {
  const where = whereIn(view);
  const readConfig = configReader(view, files);
  const layerFiles = new LayerFiles(view, files);
  const images: (NamedImage | BrokenImage)[] = [];
  for (const item of items) {
    const { names, warnings } = archiveNames(item, where);
    for (const warning of warnings) onWarning?.(warning);
    const { repoTags } = item;
    if ('error' in item) {
      images.push(
        await readOrBroken({ names, repoTags, label: names[0] ?? where }, () => Promise.reject(item.error)),
      );
      continue;
    }
    const label = repoTags[0] ?? item.config;
    images.push(
      await readOrBroken({ names, repoTags, label }, async () => {
        const { descriptor, config } = await readConfig(item.config, label);
        const layers = layersOf(item, config, where);
        await layerFiles.find(layers);
        return { names, repoTags, label, config: descriptor, layers };
      }),
    );
  }
  await layerFiles.hash(options);
  const made: (ArchiveImage | BrokenImage)[] = [];
  for (const image of images)
    made.push(
      isBroken(image)
        ? image
        : await readOrBroken(image, () => ({
            ...makeImage(files, {
              ...image,
              layers: image.layers.map((layer) => layerFiles.describe(layer)),
            }),
            repoTags: image.repoTags,
          })),
    );
  return made;
}

/** Like `describeImages`, but returns each image with its item of `manifest.json`, and the errors of broken ones. */
export async function describeEach(
  items: readonly ImageItem[],
  view: FileView,
  files: NamedFiles,
  options: DescribeOptions,
): Promise<{ described: DescribedItem[]; problems: LadingError[] }> {
  const described: DescribedItem[] = [];
  const problems: LadingError[] = [];
  for (const [place, image] of (await describeImages(items, view, files, options)).entries()) {
    const item = items[place];
    if (item === undefined) continue;
    if (isBroken(image)) problems.push(image.error);
    described.push({ item, image: isBroken(image) ? undefined : image });
  }
  return { described, problems };
}

function whereIn(view: FileView): string {
  return `${view.location}: manifest.json`;
}

type ReadConfig = (path: string, image: string) => Promise<{ descriptor: Descriptor; config: ImageConfig }>;

/**
 * Returns a function that reads each config once, however many images name it. Its digest is the one in its file name,
 * as Docker and others name it, which is verified when the config is read; otherwise that of its bytes.
 */
function configReader(view: FileView, files: NamedFiles): ReadConfig {
  const configs = new Map<string, ReturnType<ReadConfig>>();
  const readConfig: ReadConfig = async (path, image) => {
    await requireFile(view, path, 'a config');
    const bytes = await view.read(path, MAX_CONFIG_BYTES);
    const actual = digestOf(bytes);
    const digest = statedDigest(path) ?? actual;
    let config: ImageConfig;
    try {
      config = parseConfig(bytes, `${view.location}: ${path}`);
    } catch (error) {
      if (digest === actual) throw error;
      throw new ContentError(
        'DIGEST_MISMATCH',
        `${digest} is damaged in ${view.location}; ${image} needs it`,
        {
          cause: error,
          ...askForNew(image),
        },
      );
    }
    files.addFile(digest, cleanPath(path) ?? path);
    return { descriptor: { mediaType: MEDIA_TYPE.dockerConfig, digest, size: bytes.byteLength }, config };
  };
  return (path, image) => {
    const config = configs.get(path) ?? readConfig(path, image);
    configs.set(path, config);
    return config;
  };
}

function statedDigest(path: string): Digest | undefined {
  const [, encoded] = /(?:^|[/:])([0-9a-f]{64})(?:\.json)?$/.exec(path) ?? [];
  const digest = `sha256:${encoded}`;
  return isDigest(digest) ? digest : undefined;
}

function layersOf(item: ImageItem, { rootfs }: ImageConfig, where: string): NamedLayer[] {
  if (item.layers.length !== rootfs.diff_ids.length) {
    throw new ContentError(
      'INVALID_ARCHIVE',
      `${where}: the image ${item.repoTags[0] ?? item.config} has ${item.layers.length} layers, but its config ${rootfs.diff_ids.length}`,
      { hint: 'The archive contradicts itself: make it again where it came from.' },
    );
  }
  return rootfs.diff_ids.flatMap((diffID, place) => {
    const path = item.layers[place];
    return path === undefined ? [] : [{ path, diffID, source: item.layerSources.get(diffID) }];
  });
}
