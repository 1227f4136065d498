import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentOf, type NamedContent, sha256 } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import { skopeo } from '../support/programs/skopeo.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { openWritten } from './written.js';

/** An image of one platform, as files that anybody can read have it. */
export interface ImageRead {
  /** Of the manifest. */
  digest: string;
  /** As the manifest says; an OCI manifest need not. */
  mediaType: string | undefined;
  config: NamedContent;
  configBytes: Buffer;
  configDocument: ConfigDocument;
  layers: NamedContent[];
}

/** A config, as far as these tests name its members. */
export interface ConfigDocument extends Record<string, unknown> {
  rootfs: { diff_ids: string[] };
  history: unknown[];
}

/** Reads an image of a layout or archive that lading wrote: the only one, or the one with a digest. */
export async function readWritten(path: string, digest?: string): Promise<ImageRead> {
  const { entries, readBlob } = await openWritten(path);
  const wanted = digest ?? entries[0]?.digest;
  if (wanted === undefined || (digest === undefined && entries.length > 1))
    throw new Error(`${path} holds ${entries.length} images`);
  return readImage(await readBlob(wanted), readBlob);
}

/** Has skopeo convert an image to a format, and reads what it makes of it. */
export async function readFromSkopeo(format: 'v2s2' | 'oci', source: string): Promise<ImageRead> {
  const folder = await temporaryFolder('dir');
  await skopeo('copy', '--format', format, '--src-tls-verify=false', source, `dir:${folder}`);
  return readImage(await readFile(join(folder, 'manifest.json')), (digest) =>
    readFile(join(folder, digest.slice('sha256:'.length))),
  );
}

/** Every file of a tree with its type, mode, size, owner, time and link target; files with their digests. */
export async function describeTree(root: string): Promise<string[]> {
  const format = '%P %y %m %s %U:%G %T@ %l\\n';
  const listed = await succeed('find', [root, '-mindepth', '1', '!', '-type', 'd', '-printf', format]);
  const folders = await succeed('find', [root, '-mindepth', '1', '-type', 'd', '-printf', '%P %m %U:%G\\n']);
  const sums = await succeed('find', ['.', '-type', 'f', '-exec', 'sha256sum', '{}', '+'], { cwd: root });
  return [listed, folders, sums].flatMap((lines) => lines.split('\n')).sort();
}

async function readImage(
  manifest: Buffer,
  readBlob: (digest: string) => Promise<Buffer>,
): Promise<ImageRead> {
  const { mediaType, config, layers } = documentOf(manifest);
  if (config === undefined || layers === undefined) throw new Error('no image manifest of one platform');
  const configBytes = await readBlob(config.digest);
  return {
    digest: sha256(manifest),
    mediaType,
    config,
    configBytes,
    // The shape is what the caller's assertions are about.
    configDocument: JSON.parse(configBytes.toString()) as ConfigDocument,
    layers,
  };
}
