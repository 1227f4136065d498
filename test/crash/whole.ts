import assert from 'node:assert/strict';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { verify } from '../../src/index.js';
import { documentOf, getManifest } from '../support/programs/registry-content.js';
import { trySkopeo } from '../support/programs/skopeo.js';
import { sha256 } from './tree.js';

interface LayoutIndex {
  manifests: { digest: string; size: number; mediaType: string; annotations?: Record<string, string> }[];
}

/** Fails when anything that stands under a final name in a layout is not whole: whatever kill came before. */
export async function assertWholeLayout(directory: string): Promise<Set<string>> {
  const blobs = new Set<string>();
  for (const name of await namesIn(join(directory, 'blobs', 'sha256'))) {
    assert.equal(
      sha256(await readFile(join(directory, 'blobs', 'sha256', name))),
      name,
      'a half-written blob',
    );
    blobs.add(`sha256:${name}`);
  }
  if (!(await exists(join(directory, 'index.json')))) return blobs;
  const { manifests } = await readIndex(directory);
  for (const { digest } of manifests) await assertReachable(directory, digest, blobs);
  return blobs;
}

/** Fails when skopeo cannot read an image that the index names. */
export async function assertSkopeoReads(directory: string): Promise<void> {
  if (!(await exists(join(directory, 'index.json')))) return;
  for (const { mediaType, annotations } of (await readIndex(directory)).manifests) {
    if (!mediaType.startsWith('application/vnd.oci.')) continue; // Debian's skopeo accepts nothing else in a layout
    const name = annotations?.['org.opencontainers.image.ref.name'];
    if (name === undefined) continue;
    const { code, stderr } = await trySkopeo('inspect', '--raw', `oci:${directory}:${name}`);
    assert.equal(code, 0, stderr);
  }
}

/** Fails when there is a file that is no whole archive; that there is none is fine. */
export async function assertWholeArchive(path: string): Promise<void> {
  if (!(await exists(path))) return;
  const hash = sha256(await readFile(path));
  if (verified.has(hash)) return;
  const { findings } = await verify(path);
  assert.deepEqual(findings, [], `${path} is damaged`);
  verified.add(hash);
}

/** Archives that were found whole, by their hashes. */
const verified = new Set<string>();

/**
 * docker-registry lists a tag before it has written where that leads: the request of a client that was killed may still
 * be under way. A tag that leads nowhere a second later is lost.
 */
async function settledManifest(host: string, repository: string, tag: string) {
  try {
    return await getManifest(host, repository, tag);
  } catch {
    await setTimeout(1000);
    return getManifest(host, repository, tag);
  }
}

/** Fails when a tag of a repository leads to content that is not there. */
export async function assertWholeRepository(host: string, repository: string): Promise<string[]> {
  const response = await fetch(`http://${host}/v2/${repository}/tags/list`);
  if (response.status === 404) return [];
  const { tags } = (await response.json()) as { tags: string[] | null };
  for (const tag of tags ?? []) {
    const { bytes } = await settledManifest(host, repository, tag);
    const { config, layers = [] } = documentOf(bytes);
    for (const { digest } of [...(config ? [config] : []), ...layers]) {
      const blob = await fetch(`http://${host}/v2/${repository}/blobs/${digest}`);
      assert.equal(blob.status, 200, `${repository}:${tag} has no ${digest}`);
      assert.equal(`sha256:${sha256(Buffer.from(await blob.arrayBuffer()))}`, digest);
    }
  }
  return tags ?? [];
}

async function assertReachable(directory: string, digest: string, blobs: ReadonlySet<string>): Promise<void> {
  assert.ok(blobs.has(digest), `index.json names ${digest}, which is not there`);
  const path = join(directory, 'blobs', ...digest.split(':'));
  const { config, layers = [], manifests = [] } = JSON.parse(await readFile(path, 'utf8'));
  for (const part of [...(config ? [config] : []), ...layers])
    assert.ok(blobs.has(part.digest), `${digest} needs ${part.digest}, which is not there`);
  for (const child of manifests) await assertReachable(directory, child.digest, blobs);
}

async function readIndex(directory: string): Promise<LayoutIndex> {
  // The shape is what lading wrote; anything else fails the test that reads it.
  return JSON.parse(await readFile(join(directory, 'index.json'), 'utf8')) as LayoutIndex;
}

async function namesIn(directory: string): Promise<string[]> {
  return (await exists(directory)) ? readdir(directory) : [];
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
