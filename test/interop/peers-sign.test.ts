import assert from 'node:assert/strict';
import { join } from 'node:path';
import { makeImage, makeIndex } from '../support/images.js';
import { leaveOutAlways } from '../support/needs.js';
import { type PeerName, peer, type RunPeer } from '../support/programs/peers.js';
import { getManifest } from '../support/programs/registry-content.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { carry, type Gap, openGap, seed, WAYS } from './gap.js';

/** How a signature is found from its image, and the flags of each version for it. */
const FORMS = {
  'a tag of its own': { bundle: false, suffix: '.sig' },
  'the subject of a bundle': { bundle: true, suffix: '' }, // docker-registry lists referrers in an index under a tag
} as const;

for (const version of ['cosign 3', 'cosign 2'] satisfies PeerName[])
  describe(`what ${version} signed, it verifies on the far side`, () => {
    let gap: Gap;
    let cosign: RunPeer;
    let keys: string;

    before(async function () {
      gap = await openGap(this);
      cosign = await peer(this, version);
      keys = join(await temporaryFolder('keys'), 'key');
      await cosign('generate-key-pair', '--output-key-prefix', keys);
    });

    for (const [form, { bundle, suffix }] of Object.entries(FORMS)) {
      const repository = `${version.replace(' ', '')}/${bundle ? 'bundle' : 'tag'}`;
      const flags = [`--new-bundle-format=${bundle}`];
      /** Of the index, and of each image in it. */
      let signed: string[];

      describe(`by ${form}`, () => {
        before(async () => {
          const images = await Promise.all(
            ['amd64', 'arm64'].map((architecture) =>
              makeImage({ seed: `${repository}/${architecture}`, platform: { os: 'linux', architecture } }),
            ),
          );
          for (const image of images)
            await seed(gap.near, repository, image.manifest.descriptor.digest, image);
          const { manifest } = makeIndex(images);
          const index = await seed(gap.near, repository, '1', { all: [], manifest });
          signed = [index, ...images.map((image) => image.manifest.descriptor.digest)];
          await cosign(
            ...['sign', '--key', `${keys}.key`, '--recursive', '--tlog-upload=false'],
            ...['--use-signing-config=false', ...flags, `${gap.near}/${repository}@${index}`],
          );
        });

        it('with one signature for the index and one for each image in it', async () => {
          for (const digest of signed)
            assert.ok(await getManifest(gap.near, repository, digest.replace(':', '-') + suffix));
        });

        for (const way of WAYS)
          it(`with ${way} between the registries`, async function () {
            const arrived = await carry(gap, repository, '1', way);
            // It verifies bundles with a trusted root alone, which it gets from there.
            if (version === 'cosign 2' && bundle)
              leaveOutAlways(this, "sigstore's servers, to verify what arrived");
            for (const digest of signed) {
              const stdout = await cosign(
                ...['verify', '--key', `${keys}.pub`, '--insecure-ignore-tlog', ...flags],
                `${gap.far}/${arrived}@${digest}`,
              );
              const claims = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
              assert.equal(claims[0].critical.image['docker-manifest-digest'], digest);
            }
          });
      });
    }
  });
