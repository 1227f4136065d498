import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Content } from '../support/images.js';
import { ladingJSON } from '../support/programs/lading.js';
import { documentOf, getManifest, type NamedContent, sha256 } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';

/** The document of `load --json`, as far as these tests look at it. */
export interface Loaded {
  images: { name: string; pushed: string; digest: string }[];
  blobs: { total: number; pushed: number; mounted: number; present: number };
  bytes: { pushed: number };
}

/** An image of one platform as a plain registry has it, all its blobs fetched and checked. */
export interface HeldImage {
  /** Of the manifest. */
  digest: string;
  config: string;
  /** Of the layers as they are there, which are those that the config names. */
  diffIDs: string[];
}

/** Loads into `HOST/PREFIX`, which has to succeed. */
export function load(input: string, destination: string, ...args: string[]): Promise<Loaded> {
  return ladingJSON<Loaded>('load', '--input', input, destination, ...args);
}

/** The repository and the tag or digest of a name at a registry. */
export function placeOf(name: string): { repository: string; reference: string } {
  const [, repository = '', tag, digest] = /^[^/]*\/([^:@]+)(?::([^@]+))?(?:@(.*))?$/.exec(name) ?? [];
  return { repository, reference: tag ?? digest ?? 'latest' };
}

/** The images under a name at a plain registry, of every platform; each can be unpacked as it is. */
export async function heldAt(host: string, repository: string, reference: string): Promise<HeldImage[]> {
  const { bytes, digest } = await getManifest(host, repository, reference);
  assert.equal(sha256(bytes), digest);
  const { config, layers, manifests } = documentOf(bytes);
  if (manifests !== undefined) {
    const children = manifests.map((child) => heldAt(host, repository, child.digest));
    return (await Promise.all(children)).flat();
  }
  if (config === undefined || layers === undefined) throw new Error(`${digest} is no image`);
  const { rootfs } = JSON.parse((await getBlob(host, repository, config)).toString());
  const plain = layers.map(async (layer) => sha256(plainBytes(await getBlob(host, repository, layer))));
  const diffIDs = await Promise.all(plain);
  assert.deepEqual(diffIDs, rootfs.diff_ids);
  return [{ digest, config: config.digest, diffIDs }];
}

/** The tags of a repository of a plain registry; none where there is no such repository. */
export async function tagsAt(host: string, repository: string): Promise<string[]> {
  const response = await fetch(`http://${host}/v2/${repository}/tags/list`);
  const document = await response.json();
  return response.ok && typeof document === 'object' && document !== null && 'tags' in document
    ? ((document.tags as string[] | null) ?? []) // null when all were deleted
    : [];
}

/** A tar of an OCI layout with these images by name, made without lading. */
export async function archiveOf(
  images: Record<string, { all: Content[]; manifest: Content }>,
): Promise<string> {
  const folder = await temporaryFolder('layout');
  const entries = Object.entries(images).map(([name, { manifest }]) => ({
    ...manifest.descriptor,
    annotations: { 'org.opencontainers.image.ref.name': name },
  }));
  const files: Record<string, Buffer | string> = {
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'index.json': JSON.stringify({ schemaVersion: 2, manifests: entries }),
  };
  for (const { descriptor, bytes } of Object.values(images).flatMap(({ all }) => all))
    files[join('blobs', ...descriptor.digest.split(':'))] = bytes;
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  const archive = join(await temporaryFolder('archive'), 'images.tar');
  await succeed('tar', ['--sort=name', '-cf', archive, '-C', folder, '.']);
  return archive;
}

async function getBlob(host: string, repository: string, { digest, size }: NamedContent): Promise<Buffer> {
  const response = await fetch(`http://${host}/v2/${repository}/blobs/${digest}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(response.status, 200, `${repository}: ${bytes.toString('utf8', 0, 200)}`);
  assert.equal(sha256(bytes), digest);
  assert.equal(bytes.length, size);
  return bytes;
}

function plainBytes(layer: Buffer): Buffer {
  return layer[0] === 0x1f && layer[1] === 0x8b ? gunzipSync(layer) : layer;
}
