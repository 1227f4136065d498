import { ambiguous } from '../../content/ambiguous.js';
import type { FileView } from '../../disk/files.js';
import { ContentError } from '../../errors.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import { parseArchiveRepositories } from '../../manifest/docker-archive-documents.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES, MAX_CONFIG_BYTES } from '../../manifest/limits.js';
import { parseV1Image } from '../../manifest/v1/image.js';
import {
  type ArchiveImage,
  archiveNames,
  type BrokenImage,
  type DescribeOptions,
  isBroken,
  readOrBroken,
} from './archive-image.js';
import { findLayer, hashFiles, keyOf, type LayerFile } from './layer-files.js';
import type { NamedFiles } from './named-files.js';
import { makeV1Image, plainDiffID, type V1Layer } from './v1-image.js';

/** Limit for a chain of images; Docker never stacked more than 127 layers. */
const MAX_CHAIN = 256;

/** True if a folder contains a v1 image. */
export async function isV1Folder(view: FileView, folder: string): Promise<boolean> {
  return (await view.size(`${folder}/json`)) !== undefined;
}

/**
 * Reads the images of an archive of Docker before 1.10: each is a folder with `json` and `layer.tar`, named in
 * `repositories`. Images without a name count if no other is based on them. Every layer is hashed to make the config
 * that this form lacks; the content of the images is added to `files`. (moby, image/spec/v1.md, "Combined Image JSON +
 * Filesystem Changeset Format")
 */
export async function readV1Archive(
  view: FileView,
  files: NamedFiles,
  { onWarning, ...options }: DescribeOptions = {},
): Promise<(ArchiveImage | BrokenImage)[]> {
  const folders = await readFolders(view);
  const names = await readNames(view, onWarning);
  const layerFiles = new Map<string, LayerFile>();
  const chains: (NamedChain | BrokenImage)[] = [];
  for (const head of headsOf(folders, names)) {
    const ofHead = names.get(head) ?? [];
    const label = ofHead[0] ?? head;
    chains.push(
      await readOrBroken({ names: ofHead, label }, async () => {
        const chain = chainOf(folders, { head, label }, view.location);
        for (const { id } of chain)
          if (!layerFiles.has(id)) layerFiles.set(id, await findLayer(view, `${id}/layer.tar`));
        return { names: ofHead, label, chain };
      }),
    );
  }
  const used = new Set(chains.flatMap((each) => (isBroken(each) ? [] : each.chain.map(({ id }) => id))));
  const layers = await readLayers(view, layerFiles, used, options);
  const images: (ArchiveImage | BrokenImage)[] = [];
  for (const each of chains)
    images.push(
      isBroken(each)
        ? each
        : await readOrBroken(each, () => {
            const image = makeV1Image(files, {
              documents: each.chain.map(({ json }) => json),
              layers: each.chain.flatMap(({ id }) => layers.get(id) ?? []),
              names: each.names,
            });
            const misplaced = each.chain.find(({ id, ownID }) => id !== ownID);
            if (misplaced === undefined) return image;
            throw ambiguous(view.location, misplacedText(misplaced));
          }),
    );
  return images;
}

interface NamedChain {
  names: readonly string[];
  /** Name of the image for errors. */
  label: string;
  chain: readonly V1FolderImage[];
}

/** A folder with an image of Docker before 1.10. */
export interface V1FolderImage {
  /** The folder's name, by which other images refer to it. */
  id: string;
  parent: string | undefined;
  /** The ID in its JSON, which Docker before 1.10 uses; later versions use the folder's name. */
  ownID: string;
  json: Buffer;
}

/** Images by the names of their folders. */
export type V1Folders = ReadonlyMap<string, V1FolderImage | BrokenImage>;

/** Reads the images by their folders, with an error for one that cannot be read. */
export async function readFolders(view: FileView): Promise<V1Folders> {
  const images = new Map<string, V1FolderImage | BrokenImage>();
  for (const id of await view.folders()) {
    if (!(await isV1Folder(view, id))) continue;
    images.set(
      id,
      await readOrBroken({ names: [], label: id }, async () => {
        const path = `${id}/json`;
        const json = await view.read(path, MAX_CONFIG_BYTES);
        const { id: ownID, parent } = parseV1Image(json, `${view.location}: ${path}`);
        return { id, parent, ownID, json };
      }),
    );
  }
  return images;
}

/** Describes the problem of an image that is in the folder of another. */
export function misplacedText({ id, ownID }: V1FolderImage): string {
  return `${id}/json is of the image ${ownID}`;
}

/** Returns names by the folder that they refer to. */
async function readNames(
  view: FileView,
  onWarning: DescribeOptions['onWarning'],
): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>();
  if ((await view.size('repositories')) === undefined) return names;
  const where = `${view.location}: repositories`;
  const tags = parseArchiveRepositories(await view.read('repositories', MAX_ARCHIVE_DOCUMENT_BYTES), where);
  for (const { repository, tag, v1ID } of tags) {
    const read = archiveNames({ repoTags: [`${repository}:${tag}`] }, where);
    for (const warning of read.warnings) onWarning?.(warning);
    names.set(v1ID, [...(names.get(v1ID) ?? []), ...read.names]);
  }
  return names;
}

/** Returns the images that have a name, and those that no other is based on. */
export function headsOf(images: V1Folders, names: ReadonlyMap<string, unknown>): Set<string> {
  const parents = new Set([...images.values()].map((image) => (isBroken(image) ? undefined : image.parent)));
  return new Set([...names.keys(), ...[...images.keys()].filter((id) => !parents.has(id))]);
}

/**
 * Returns the chain of images that `head` is based on, base first, with `head` at the end; rejects if one is missing or
 * invalid.
 */
export function chainOf(
  images: V1Folders,
  { head, label }: { head: string; label: string },
  location: string,
): V1FolderImage[] {
  const chain: V1FolderImage[] = [];
  for (let id: string | undefined = head; id !== undefined; ) {
    const image = images.get(id);
    if (image === undefined)
      throw new ContentError(
        'MISSING_CONTENT',
        id === head
          ? `${location}: repositories: ${label} is ${id}, which is not there`
          : `${location}: ${label} is based on ${id}, which is not there`,
      );
    if (isBroken(image)) throw image.error;
    chain.push(image);
    // This also ends a loop, in which Docker's loader recurses until its stack overflows.
    if (chain.length > MAX_CHAIN)
      throw new ContentError('INVALID_ARCHIVE', `${location}: ${label} has more than ${MAX_CHAIN} layers`);
    id = image.parent;
  }
  return chain.reverse();
}

async function readLayers(
  view: FileView,
  files: ReadonlyMap<string, LayerFile>,
  used: ReadonlySet<string>,
  options: HashingOptions,
): Promise<Map<string, V1Layer>> {
  const found = new Map([...files].filter(([id]) => used.has(id)));
  // Docker wrote uncompressed layers, but reads compressed ones too.
  const compressed = [...found.values()].filter(({ compression }) => compression !== 'none');
  const digests = await hashFiles(view, found.values(), { ...options, of: 'file' });
  const diffIDs = await hashFiles(view, compressed, { ...options, of: 'layer' });
  const layers = new Map<string, V1Layer>();
  for (const [id, file] of found) {
    const digest = digests.get(keyOf(file.region));
    if (digest === undefined) throw new Error(`${file.path} was not hashed`);
    const diffID = diffIDs.get(keyOf(file.region)) ?? plainDiffID(file, digest);
    layers.set(id, { file, digest, diffID });
  }
  return layers;
}
