import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { Descriptor } from '../../src/content/descriptor.js';
import { type Digest, digestOf } from '../../src/content/digest.js';
import { parseConfig } from '../../src/manifest/config.js';
import { type ImageManifest, parseManifest } from '../../src/manifest/manifest.js';
import { openPath } from '../../src/store/open.js';
import { readContent } from '../../src/store/read-content.js';
import type { Source } from '../../src/store/store.js';
import { makeTar, type RawEntry } from './tar-maker.js';

/** Files of an archive by name. A string that begins with `->` is a symbolic link, one with `=>` a hard link. */
export type Files = Record<string, Buffer | string>;

/** Returns an uncompressed layer with one file. */
export function plainLayer(text: string): Buffer {
  return makeTar({ name: 'file.txt', body: text });
}

/** Returns a Docker config for these uncompressed layers, base first. */
export function configFor(...layers: Buffer[]): Buffer {
  return configOfDiffIDs(...layers.map((layer) => digestOf(layer)));
}

export function configOfDiffIDs(...diffIDs: string[]): Buffer {
  const rootfs = { type: 'layers', diff_ids: diffIDs };
  return Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Cmd: ['/x'] }, rootfs }));
}

/** Makes an archive with `manifest.json` after the other files, as most tools do. */
export function dockerArchive(files: Files, items: unknown): Buffer {
  return tarOf({ ...files, 'manifest.json': JSON.stringify(items) });
}

export function tarOf(files: Files): Buffer {
  return makeTar(...Object.entries(files).map(entryOf));
}

function entryOf([name, body]: [string, Buffer | string]): RawEntry {
  if (typeof body === 'string' && /^[-=]> /.test(body))
    return { name, type: body.startsWith('-') ? '2' : '1', linkName: body.slice(3) };
  return { name, body };
}

export async function writeTar(path: string, files: Files): Promise<string> {
  await writeFile(path, tarOf(files));
  return path;
}

/** Returns the names in a store, sorted. */
export async function namesOf(store: Source): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.names()) names.push(name);
  return names.sort();
}

/** The properties of an image that are the same in all formats. */
export interface ReadImage {
  root: Descriptor;
  manifest: ImageManifest;
  config: Digest;
  diffIDs: Digest[];
}

/** Returns an image by its name, after reading and verifying all of its content. */
export async function readImage(store: Source, reference: string): Promise<ReadImage> {
  const root = await store.resolve(reference);
  const manifest = parseManifest(await readContent(store, root), root);
  assert.ok('layers' in manifest, `${reference} is an image`);
  for (const layer of manifest.layers) await readContent(store, layer);
  const config = parseConfig(await readContent(store, manifest.config), manifest.config.digest);
  return { root, manifest, config: manifest.config.digest, diffIDs: config.rootfs.diff_ids };
}

/**
 * Returns the diffIDs of an image in the archive or layout at a path, after reading and verifying all of its content.
 */
export async function diffIDsIn(location: string, reference: string): Promise<Digest[]> {
  const store = await openPath(location);
  try {
    return (await readImage(store, reference)).diffIDs;
  } finally {
    await store.close();
  }
}
