import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ANNOTATION } from '../../src/content/annotations.js';
import type { Descriptor } from '../../src/content/descriptor.js';
import { encodedOf } from '../../src/content/digest.js';
import { type Files, writeTar } from './docker-archives.js';
import type { Content, MadeImage, MadeIndex } from './images.js';

/*
 * Archives with several lists of their images: index.json, manifest.json, repositories with a folder for each layer. What
 * each list says is said alone, so that they can agree or contradict each other.
 */

export const VERSION: Files = { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' };

/** The content of images, as blobs. */
export function blobs(...made: readonly { all: readonly Content[] }[]): Files {
  return Object.fromEntries(
    made.flatMap(({ all }) => all).map(({ descriptor, bytes }) => [blobOf(descriptor), bytes]),
  );
}

export function blobOf({ digest }: Pick<Descriptor, 'digest'>): string {
  return `blobs/sha256/${encodedOf(digest)}`;
}

/** `index.json` with these entries. */
export function index(...entries: readonly Descriptor[]): Files {
  return { 'index.json': JSON.stringify({ schemaVersion: 2, manifests: entries }) };
}

/** An entry with the names that containerd and Docker give it: the full one, and what follows the repository. */
export function entry(made: MadeImage | MadeIndex, name: string): Descriptor {
  return entryCalled(made, { full: name, ref: name.slice(name.lastIndexOf(':') + 1) });
}

/** An entry with these names and no others. */
export function entryCalled(
  { manifest }: Pick<MadeIndex, 'manifest'>,
  { full, ref }: { full?: string; ref?: string },
): Descriptor {
  const annotations = {
    ...(full !== undefined && { [ANNOTATION.containerdName]: full }),
    ...(ref !== undefined && { [ANNOTATION.refName]: ref }),
  };
  return { ...manifest.descriptor, annotations };
}

export interface Item {
  Config: string;
  RepoTags: readonly string[] | null;
  Layers: readonly string[];
}

/** `manifest.json` with these images. */
export function manifest(...items: readonly unknown[]): Files {
  return { 'manifest.json': JSON.stringify(items) };
}

/** An image of `manifest.json` that consists of a layout's blobs. */
export function item({ config, layers }: Pick<MadeImage, 'config' | 'layers'>, ...tags: string[]): Item {
  return {
    Config: blobOf(config.descriptor),
    RepoTags: tags.length === 0 ? null : tags,
    Layers: layers.map(({ descriptor }) => blobOf(descriptor)),
  };
}

/** An image of `manifest.json` with plain layers in files of its own, which `plainFiles` gives. */
export function plainItem(image: MadeImage, ...tags: string[]): Item {
  return {
    Config: configFile(image),
    RepoTags: tags.length === 0 ? null : tags,
    Layers: image.layers.map(layerFile),
  };
}

export function plainFiles(...images: readonly MadeImage[]): Files {
  return Object.fromEntries(
    images.flatMap((image) => [
      [configFile(image), image.config.bytes] as const,
      ...image.layers.map((layer) => [layerFile(layer), gunzipSync(layer.bytes)] as const),
    ]),
  );
}

function configFile({ config }: MadeImage): string {
  return `${encodedOf(config.descriptor.digest)}.json`;
}

function layerFile({ bytes }: Content): string {
  return `${hexOf(gunzipSync(bytes))}.tar`;
}

export interface FolderOptions {
  /** Members of the JSON of the topmost layer instead of the config's. */
  json?: Record<string, unknown>;
  /** Links to the files of `plainItem` instead of layers of their own. */
  isLinked?: boolean;
}

/** A folder for each layer of an image, as Docker before 1.10 has it; `id` is that of the topmost. */
export function folders(
  image: MadeImage,
  { json = {}, isLinked = false }: FolderOptions = {},
): { files: Files; id: string } {
  const { config } = JSON.parse(image.config.bytes.toString());
  const files: Files = {};
  let parent: string | undefined;
  for (const [place, layer] of image.layers.entries()) {
    const id = hexOf(Buffer.from(`${image.config.descriptor.digest} ${place}`));
    const isTop = place === image.layers.length - 1;
    const document = { id, parent, created: '2014-01-02T03:04:05Z', os: 'linux' };
    files[`${id}/VERSION`] = '1.0';
    files[`${id}/json`] = JSON.stringify(isTop ? { ...document, config, ...json } : document);
    files[`${id}/layer.tar`] = isLinked ? `-> ../${layerFile(layer)}` : gunzipSync(layer.bytes);
    parent = id;
  }
  return { files, id: parent ?? '' };
}

/** The file `repositories`. */
export function repositories(tags: Record<string, Record<string, string>>): Files {
  return { repositories: JSON.stringify(tags) };
}

export function hexOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Writes files as a tar, or as a directory where there are no links among them. */
export async function writeForm(path: string, form: 'tar' | 'directory', files: Files): Promise<string> {
  if (form === 'tar') return writeTar(path, files);
  for (const [name, body] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), body);
  }
  return path;
}
