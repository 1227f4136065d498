import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { peer, type RunPeer } from '../support/programs/peers.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { carry, type Gap, openGap, WAYS } from './gap.js';

describe('a chart that helm pushed, it pulls from the far side', () => {
  let gap: Gap;
  let helm: RunPeer;
  let chart: Buffer;

  before(async function () {
    gap = await openGap(this);
    helm = await peer(this, 'helm');
    const folder = await temporaryFolder('chart');
    const files = {
      'Chart.yaml': 'apiVersion: v2\nname: tiny\nversion: 1.2.3+build.4\ndescription: A chart\n',
      'templates/note.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n',
    };
    await mkdir(join(folder, 'templates'));
    for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
    await helm('package', folder, '--destination', folder);
    const packed = join(folder, 'tiny-1.2.3+build.4.tgz');
    chart = await readFile(packed);
    await helm('push', '--plain-http', packed, `oci://${gap.near}/helm`);
  });

  for (const way of WAYS)
    it(`with ${way} between the registries`, async () => {
      // A tag has no `+`, for which helm writes `_`.
      const arrived = await carry(gap, 'helm/tiny', '1.2.3_build.4', way);
      const folder = await temporaryFolder('pulled');
      const name = `oci://${gap.far}/${arrived}`;
      await helm('pull', '--plain-http', name, '--version', '1.2.3+build.4', '--destination', folder);
      assert.deepEqual(await readFile(join(folder, 'tiny-1.2.3+build.4.tgz')), chart);
      assert.match(await helm('template', 'one', '--plain-http', name), /^ {2}name: one$/m);
    });
});
