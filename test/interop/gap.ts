import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Context } from 'mocha';
import type { Content } from '../support/images.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { lading } from '../support/programs/lading.js';
import {
  documentOf,
  getManifest,
  putBlob,
  putManifest,
  type RegistryManifest,
} from '../support/programs/registry-content.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { tagsAt } from './loaded.js';

/** Two registries that know nothing of each other. */
export interface Gap {
  /** Where everything is made. */
  near: string;
  /** Where it has to arrive. */
  far: string;
}

/** The ways that an image takes from one registry to the other, by what is between them. */
export const WAYS = ['an archive', 'a layout', 'nothing'] as const;

export type Way = (typeof WAYS)[number];

let gap: Promise<Gap> | undefined;

/** The two docker-registries of this run. */
export function openGap(context: Context): Promise<Gap> {
  needs(context, 'docker-registry');
  gap ??= Promise.all([startDockerRegistry(), startDockerRegistry()]).then(([near, far]) => ({
    near: near.host,
    far: far.host,
  }));
  return gap;
}

/** Puts an image into a plain registry without a peer's or lading's help; returns its digest. */
export async function seed(
  host: string,
  repository: string,
  reference: string,
  { all, manifest }: { all: Content[]; manifest: Content },
): Promise<string> {
  for (const { descriptor, bytes } of all)
    if (descriptor.digest !== manifest.descriptor.digest)
      await putBlob(host, repository, descriptor.mediaType, bytes);
  const { descriptor, bytes } = manifest;
  return (await putManifest(host, repository, reference, descriptor.mediaType, bytes)).digest;
}

/**
 * Carries `near/REPOSITORY:TAG`, with what is attached to it, into a folder of its own at the far registry, and
 * returns the repository there. Asserts that all tags of the near side, those of signatures too, name the same
 * bytes on both sides, so that a test only asks the peer what it makes of them.
 */
export async function carry({ near, far }: Gap, repository: string, tag: string, way: Way): Promise<string> {
  const prefix = `by-${way.split(' ').at(-1)}`;
  const image = `${near}/${repository}:${tag}`;
  if (way === 'nothing') {
    await lading('copy', `docker://${image}`, `docker://${far}/${prefix}/${repository}:${tag}`);
  } else {
    const folder = await temporaryFolder('gap');
    const between = way === 'a layout' ? `${folder}/` : join(folder, 'images.tar');
    await lading('save', image, '-o', between);
    await lading('load', '-i', between, `${far}/${prefix}`);
  }

  const arrived = `${prefix}/${repository}`;
  const tags = (await tagsAt(near, repository)).sort();
  assert.ok(tags.includes(tag));
  assert.deepEqual((await tagsAt(far, arrived)).sort(), tags);
  for (const each of tags) {
    if (REFERRERS_TAG.test(each)) await assertSameReferrers(each);
    else await assertSameManifest(each);
  }
  return arrived;

  async function assertSameManifest(reference: string): Promise<void> {
    const [sent, got] = await bothSides(reference);
    assert.equal(got.digest, sent.digest, reference);
    assert.deepEqual(got.bytes, sent.bytes, reference);
  }

  /**
   * Whoever pushes a referrer writes this list anew; what it lists has to be the same. The types there are those of the
   * manifests (image-spec, image-index.md); cosign 2 lists the config's type although the manifest has one of its own.
   */
  async function assertSameReferrers(reference: string): Promise<void> {
    const [sent = [], got = []] = (await bothSides(reference)).map(({ bytes }) => listedIn(bytes));
    assert.ok(sent.length > 0);
    const untyped = (list: typeof sent) => list.map(({ artifactType: _, ...rest }) => rest);
    assert.deepEqual(untyped(got), untyped(sent), reference);
    for (const { digest, artifactType } of got) {
      await assertSameManifest(digest);
      const [, { bytes }] = await bothSides(digest);
      const { artifactType: own, config } = documentOf(bytes);
      assert.equal(artifactType, own ?? config?.mediaType, digest);
    }
  }

  function bothSides(reference: string): Promise<[RegistryManifest, RegistryManifest]> {
    return Promise.all([getManifest(near, repository, reference), getManifest(far, arrived, reference)]);
  }
}

/** Under which a registry without the referrers API has the list of what is attached to an image. */
const REFERRERS_TAG = /^sha256-[0-9a-f]{64}$/;

/** What a list of referrers names; not all peers repeat the annotations there. */
function listedIn(bytes: Buffer) {
  const { manifests = [] } = documentOf(bytes);
  return manifests
    .map(({ mediaType, digest, size, artifactType }) => ({ mediaType, digest, size, artifactType }))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1));
}
