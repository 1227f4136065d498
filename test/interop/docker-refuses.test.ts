import assert from 'node:assert/strict';
import { join } from 'node:path';
import { AWAY, imageOf, REFUSED } from '../support/docker-refused.js';
import { needs } from '../support/needs.js';
import { writeLayout } from '../support/odd-images.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { lading } from '../support/programs/lading.js';
import { temporaryFolder } from '../support/programs/workplace.js';

describe('what Docker refuses', () => {
  before(function () {
    needs(this, 'docker', 'dockerd');
  });

  for (const [place, [title, parts]] of [
    ...REFUSED,
    ['Windows', { config: { os: 'windows' } }] as const,
  ].entries()) {
    it(`keeps no other image of an archive from being loaded: ${title}`, async () => {
      const { docker, forgetImages } = await startDockerd();
      const folder = await temporaryFolder(`refused-${place}`);
      const layout = await writeLayout(join(folder, 'layout'), {
        'reg.test/a:1': imageOf('a'),
        'reg.test/odd:1': imageOf('odd', parts),
        'reg.test/z:1': imageOf('z'),
      });
      for (const [format, prefix] of [
        ['universal', ''],
        ['docker', 'docker-archive:'],
      ]) {
        const archive = join(folder, `${format}.tar`);
        await lading('copy', layout, `${prefix}${archive}`);
        await forgetImages();
        const loading = docker('load', '--input', archive).catch((error: unknown) => String(error));
        await loading;
        for (const name of ['reg.test/a:1', 'reg.test/z:1']) await docker('image', 'inspect', name);
        await assert.rejects(
          docker('image', 'inspect', 'reg.test/odd:1'),
          `${format} holds what Docker loads`,
        );
      }
    });
  }

  it('is not a foreign layer that is there', async () => {
    const { docker, forgetImages } = await startDockerd();
    const folder = await temporaryFolder('foreign');
    const layout = await writeLayout(join(folder, 'layout'), {
      'reg.test/odd:1': imageOf('odd', { layer: AWAY }),
    });
    await lading('copy', layout, join(folder, 'a.tar'));
    await forgetImages();
    await docker('load', '--input', join(folder, 'a.tar'));
    await docker('image', 'inspect', 'reg.test/odd:1');
  });
});
