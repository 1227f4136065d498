import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { digestOf, encodedOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { type Content, contentOf, jsonContent } from '../images.js';
import { makeTar, type RawEntry } from '../tar-maker.js';

/** The name of the image in every attack. */
export const NAME = 'reg.test/team/app:1';

/** A valid image, whose parts are used in attacks. */
export interface GoodImage {
  layer: Content;
  /** The uncompressed layer. */
  plain: Buffer;
  config: Content;
  manifest: Content;
}

export type JSONMembers = Record<string, unknown>;

export interface ImageChanges {
  layer?: Content;
  /** Members to replace in the config, or to add. */
  config?: JSONMembers;
  manifest?: JSONMembers;
}

export function goodImage(changes: ImageChanges = {}): GoodImage {
  const plain = makeTar({ name: 'file.txt', body: 'what is in the layer' });
  const layer = changes.layer ?? contentOf(MEDIA_TYPE.ociLayerGzip, gzipSync(plain));
  const config = jsonContent(MEDIA_TYPE.ociConfig, {
    os: 'linux',
    architecture: 'amd64',
    config: { Cmd: ['/bin/true'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(plain)] },
    history: [{ created_by: 'ADD file.txt' }],
    ...changes.config,
  });
  const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: config.descriptor,
    layers: [layer.descriptor],
    ...changes.manifest,
  });
  return { layer, plain, config, manifest };
}

/** The parts of a layout's tar by name, in order; each can be replaced before the tar is written. */
export type Parts = Map<string, RawEntry>;

export const LAYOUT_VERSION = '{"imageLayoutVersion":"1.0.0"}';

/** Makes a layout with one image. */
export function layoutParts(image: GoodImage = goodImage(), entry: JSONMembers = {}): Parts {
  return layoutOf(
    [{ ...named(image.manifest.descriptor), ...entry }],
    [image.layer, image.config, image.manifest],
  );
}

/** Makes a layout with these entries in its index, and these blobs. */
export function layoutOf(entries: readonly unknown[], contents: readonly Content[]): Parts {
  const parts: Parts = new Map();
  set(parts, 'oci-layout', LAYOUT_VERSION);
  for (const content of contents) set(parts, blobName(content), content.bytes);
  set(parts, 'index.json', JSON.stringify({ schemaVersion: 2, manifests: entries }));
  return parts;
}

/** Makes a docker-archive with one image, whose layer is not compressed. */
export function dockerParts(changes: { Config?: string; Layers?: string[] } = {}): Parts {
  const { plain, config } = goodImage();
  const parts: Parts = new Map();
  set(parts, 'config.json', config.bytes);
  set(parts, 'layer.tar', plain);
  const item = { Config: 'config.json', RepoTags: [NAME], Layers: ['layer.tar'], ...changes };
  set(parts, 'manifest.json', JSON.stringify([item]));
  return parts;
}

/** Returns a descriptor for `index.json`, with the name of the image. */
export function named(descriptor: Descriptor, name = NAME): Descriptor {
  return {
    ...descriptor,
    annotations: { 'org.opencontainers.image.ref.name': name, 'io.containerd.image.name': name },
  };
}

export function blobName({ descriptor }: Pick<Content, 'descriptor'>): string {
  return `blobs/sha256/${encodedOf(descriptor.digest)}`;
}

/** Replaces the part of this name by a file or another entry. */
export function set(parts: Parts, name: string, entry: Buffer | string | Omit<RawEntry, 'name'>): Parts {
  parts.set(
    name,
    typeof entry === 'string' || Buffer.isBuffer(entry) ? { name, body: entry } : { name, ...entry },
  );
  return parts;
}

export function tarOfParts(parts: Parts): Buffer {
  return makeTar(...parts.values());
}

/** Writes the attack as a tar. */
export function asTar(make: () => Parts | Buffer): (folder: string) => Promise<string> {
  return asFile('in.tar', () => {
    const made = make();
    return Buffer.isBuffer(made) ? made : tarOfParts(made);
  });
}

export function asFile(name: string, make: () => Buffer): (folder: string) => Promise<string> {
  return async (folder) => {
    const path = join(folder, name);
    await writeFile(path, make());
    return path;
  };
}
