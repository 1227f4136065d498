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
 * Makes archives with several lists of their images: index.json, manifest.json, and repositories with a folder for each
 * layer. Each list is made separately, so that they can agree or contradict each other.
 */

export const VERSION: Files = { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' };

/** Returns the content of images as blobs. */
export function blobs(...made: readonly { all: readonly Content[] }[]): Files {
  return Object.fromEntries(
    made.flatMap(({ all }) => all).map(({ descriptor, bytes }) => [blobOf(descriptor), bytes]),
  );
}

export function blobOf({ digest }: Pick<Descriptor, 'digest'>): string {
  return `blobs/sha256/${encodedOf(digest)}`;
}

/** Returns an `index.json` with these entries. */
export function index(...entries: readonly Descriptor[]): Files {
  return { 'index.json': JSON.stringify({ schemaVersion: 2, manifests: entries }) };
}

/** Returns an entry with the names that containerd and Docker write: the full name and the tag. */
export function entry(made: MadeImage | MadeIndex, name: string): Descriptor {
  return entryCalled(made, { full: name, ref: name.slice(name.lastIndexOf(':') + 1) });
}

/** Returns an entry with only these names. */
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

/** Returns a `manifest.json` with these images. */
export function manifest(...items: readonly unknown[]): Files {
  return { 'manifest.json': JSON.stringify(items) };
}

/** Returns an image of `manifest.json` that uses the blobs of a layout. */
export function item({ config, layers }: Pick<MadeImage, 'config' | 'layers'>, ...tags: string[]): Item {
  return {
    Config: blobOf(config.descriptor),
    RepoTags: tags.length === 0 ? null : tags,
    Layers: layers.map(({ descriptor }) => blobOf(descriptor)),
  };
}

/** Returns an image of `manifest.json` with uncompressed layers in files of its own (see `plainFiles`). */
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
  /** Members of the top layer's JSON that replace those of the config. */
  json?: Record<string, unknown>;
  /** The layers are links to the files of `plainItem`. */
  isLinked?: boolean;
}

/** Returns a folder for each layer of an image, as Docker before 1.10 wrote them; `id` is that of the top layer. */
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

/** Returns the file `repositories`. */
export function repositories(tags: Record<string, Record<string, string>>): Files {
  return { repositories: JSON.stringify(tags) };
}

export function hexOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Writes files as a tar, or as a directory if they contain no links. */
export async function writeForm(path: string, form: 'tar' | 'directory', files: Files): Promise<string> {
  if (form === 'tar') return writeTar(path, files);
  for (const [name, body] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), body);
  }
  return path;
}
