import assert from 'node:assert/strict';
import type { Context } from 'mocha';
import { type MadeImage, makeImage } from '../support/images.js';
import { type PeerName, peer, type RunPeer } from '../support/programs/peers.js';
import { documentOf, getManifest } from '../support/programs/registry-content.js';
import { carry, type Gap, openGap, seed, WAYS } from './gap.js';

interface Maker {
  program: PeerName;
  /** Makes `to` of images by digest. */
  make(run: RunPeer, to: string, images: string[]): Promise<unknown>;
  /** Reads everything that belongs to it, and fails where something is missing or wrong. */
  check(run: RunPeer, image: string): Promise<unknown>;
}

const MAKERS: Maker[] = [
  {
    program: 'crane',
    make: (crane, to, images) =>
      crane('index', 'append', '-t', to, ...images.flatMap((image) => ['-m', image])),
    check: (crane, image) => crane('validate', '--remote', image),
  },
  {
    program: 'regctl',
    make: async (regctl, to, images) => {
      await insecure(regctl, to);
      return regctl('index', 'create', to, ...images.flatMap((image) => ['--ref', image]));
    },
    check: async (regctl, image) => {
      await insecure(regctl, image);
      return regctl('image', 'export', '--name', 'exported', image, '/dev/null');
    },
  },
];

for (const { program, make, check } of MAKERS)
  describe(`an index that ${program} made, it finds whole on the far side`, () => {
    const repository = `${program}/app`;
    let gap: Gap;
    let run: RunPeer;
    let images: MadeImage[];

    before(async function (this: Context) {
      gap = await openGap(this);
      run = await peer(this, program);
      images = await Promise.all(
        ['amd64', 'arm64'].map((architecture) =>
          makeImage({ seed: `${program}/${architecture}`, platform: { os: 'linux', architecture } }),
        ),
      );
      const digests = images.map((image) => image.manifest.descriptor.digest);
      for (const [place, image] of images.entries())
        await seed(gap.near, repository, digests[place] ?? '', image);
      await make(
        run,
        `${gap.near}/${repository}:1`,
        digests.map((digest) => `${gap.near}/${repository}@${digest}`),
      );
    });

    it('with both images and their platforms', async () => {
      const { manifests } = documentOf((await getManifest(gap.near, repository, '1')).bytes);
      assert.deepEqual(
        manifests?.map(({ digest, platform }) => ({ digest, platform })),
        images.map(({ manifest, platform }) => ({ digest: manifest.descriptor.digest, platform })),
      );
    });

    for (const way of WAYS)
      it(`with ${way} between the registries`, async () => {
        const arrived = await carry(gap, repository, '1', way);
        await check(run, `${gap.far}/${arrived}:1`);
        for (const { manifest, all } of images) {
          const { bytes } = await getManifest(gap.far, arrived, manifest.descriptor.digest);
          assert.deepEqual(bytes, manifest.bytes);
          for (const { descriptor } of all.filter((content) => content !== manifest)) {
            const blob = await fetch(`http://${gap.far}/v2/${arrived}/blobs/${descriptor.digest}`);
            assert.equal(blob.status, 200, descriptor.digest);
          }
        }
      });
  });

function insecure(regctl: RunPeer, image: string): Promise<string> {
  return regctl('registry', 'set', '--tls', 'disabled', image.replace(/\/.*/, ''));
}
