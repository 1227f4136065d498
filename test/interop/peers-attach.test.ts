import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeImage } from '../support/images.js';
import { peer, type RunPeer } from '../support/programs/peers.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { carry, type Gap, openGap, seed, WAYS } from './gap.js';

const REPOSITORY = 'oras/app';
const SBOM_TYPE = 'application/vnd.cyclonedx+json';
const SBOM = JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', components: [] });
const REVIEW_TYPE = 'application/vnd.example.review';

/** What `oras discover --format json` prints, as far as this test looks at it. */
interface Discovered {
  digest: string;
  artifactType?: string;
  referrers?: Discovered[];
}

describe('what oras attached, it discovers and pulls on the far side', () => {
  let gap: Gap;
  let oras: RunPeer;
  let sent: unknown;

  before(async function () {
    gap = await openGap(this);
    oras = await peer(this, 'oras');
    await writeFile(join(oras.folder, 'sbom.json'), SBOM);
    await writeFile(join(oras.folder, 'review.txt'), 'looked at, and found good\n');
    await seed(gap.near, REPOSITORY, '1', await makeImage({ seed: REPOSITORY }));
    await attach(':1', SBOM_TYPE, 'sbom.json');
    const [attached] = (await discover(gap.near, REPOSITORY)).referrers ?? [];
    await attach(`@${attached?.digest}`, REVIEW_TYPE, 'review.txt');
    sent = treeOf(await discover(gap.near, REPOSITORY));
  });

  it('an SBOM, and a review of the SBOM', () => {
    const types = JSON.stringify(sent).match(/application\/[^"]+/g);
    assert.deepEqual(types, [SBOM_TYPE, REVIEW_TYPE]);
  });

  for (const way of WAYS)
    it(`with ${way} between the registries`, async () => {
      const arrived = await carry(gap, REPOSITORY, '1', way);
      const found = await discover(gap.far, arrived);
      assert.deepEqual(treeOf(found), sent);
      const folder = await temporaryFolder('pulled');
      const sbom = `${gap.far}/${arrived}@${found.referrers?.[0]?.digest}`;
      await oras('pull', '--plain-http', '-o', folder, sbom);
      assert.equal(await readFile(join(folder, 'sbom.json'), 'utf8'), SBOM);
    });

  function attach(reference: string, artifactType: string, file: string): Promise<string> {
    return oras(
      ...['attach', '--plain-http', '--artifact-type', artifactType],
      ...[`${gap.near}/${REPOSITORY}${reference}`, `${file}:text/plain`],
    );
  }

  async function discover(host: string, repository: string): Promise<Discovered> {
    const image = `${host}/${repository}:1`;
    const shown = await oras('discover', '--plain-http', '--depth', '3', '--format', 'json', image);
    return JSON.parse(shown) as Discovered; // its shape is what the assertions are about
  }
});

/** What is attached, by digest and type, without the hosts that oras shows. */
function treeOf({ digest, artifactType, referrers = [] }: Discovered): unknown {
  return { digest, artifactType, referrers: referrers.map((referrer) => treeOf(referrer)) };
}
