import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fullName } from '../../src/operations/find/find.js';
import { COMPOSE_PROJECTS } from '../find/compose-projects.js';
import { peer, type RunPeer } from '../support/programs/peers.js';
import { temporaryFolder } from '../support/programs/workplace.js';

describe('docker compose asks for the images that lading finds', () => {
  let compose: RunPeer;
  before(async function () {
    compose = await peer(this, 'docker compose');
  });

  for (const { what, files, images } of COMPOSE_PROJECTS)
    it(`in ${what}`, async () => {
      const folder = await temporaryFolder('compose');
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text);
      }
      const config = ['--file', join(folder, 'compose.yaml'), '--profile', '*', 'config'];
      const { name }: { name: string } = JSON.parse(await compose(...config, '--format', 'json'));
      const asked = (await compose(...config, '--images')).split('\n');
      // What is only built is called after the project.
      const pulled = asked.filter((image) => image !== '' && !image.startsWith(`${name}-`));
      assert.deepEqual(
        [...new Set(pulled.map((image) => fullName(image)))].sort(),
        images.map((image) => fullName(image)).sort(),
      );
    });
});
