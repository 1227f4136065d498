import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isManifest } from '../../src/index.js';
import { type Content, makeCosignSignature, makeImage, makeIndex } from '../support/images.js';
import { needs } from '../support/needs.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { lading, ladingJSON } from '../support/programs/lading.js';
import { putBlob, putManifest } from '../support/programs/registry-content.js';
import { temporaryFolder } from '../support/programs/workplace.js';

interface Plan {
  bytes: { total: number; missing: number };
  size: { bytes: number; kind: string };
}

describe('locks and plans, with docker-registry', () => {
  let registry: DockerRegistry;
  let folder: string;
  before(async function () {
    needs(this, 'docker-registry');
    registry = await startDockerRegistry();
    folder = await temporaryFolder('locks');
  });

  async function push(name: string, { all, manifest }: { all: readonly Content[]; manifest: Content }) {
    const [repository = '', tag = ''] = name.split(':');
    for (const { descriptor, bytes } of all) {
      const { mediaType, digest } = descriptor;
      if (isManifest(mediaType)) await putManifest(registry.host, repository, digest, mediaType, bytes);
      else await putBlob(registry.host, repository, mediaType, bytes);
    }
    await putManifest(registry.host, repository, tag, manifest.descriptor.mediaType, manifest.bytes);
  }

  const indexOf = async (seed: string) =>
    makeIndex([
      await makeImage({ seed }),
      await makeImage({ seed, platform: { os: 'linux', architecture: 'arm64' } }),
    ]);

  it('save the same bytes again after tags have moved and signatures were added, as many as were planned', async () => {
    const path = (name: string): string => join(folder, name);
    const index = await indexOf('first');
    await push('team/app:1', index);
    const first = makeCosignSignature(index.manifest.descriptor, 'one');
    await push(`team/app:${first.tag}`, first);
    const image = `${registry.host}/team/app:1`;
    const plan = await ladingJSON<Plan>('plan', image, '-o', path('a.tar'));
    await lading('save', image, '-o', path('a.tar'), '--write-lock', path('lock.json'));
    assert.deepEqual(plan.size, { bytes: (await stat(path('a.tar'))).size, kind: 'exact' });

    await push('team/app:1', await indexOf('second'));
    const second = makeCosignSignature(index.manifest.descriptor, 'two');
    await push(`team/app:${second.tag}`, second);
    for (const again of ['b.tar', 'c.tar']) {
      await lading('save', '--lock', path('lock.json'), '-o', path(again));
      assert((await readFile(path('a.tar'))).equals(await readFile(path(again))), again);
    }
    const there = await ladingJSON<Plan>('plan', '--lock', path('lock.json'), '-o', path('a.tar'));
    assert.equal(there.bytes.missing, 0);
    await lading('save', image, '-o', path('d.tar'));
    assert(!(await readFile(path('a.tar'))).equals(await readFile(path('d.tar'))));
  });
});
