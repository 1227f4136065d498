import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { convert, load, save, serve, verify } from '../../src/index.js';
import type { Random } from '../fuzz/mutate.js';
import { runLading } from '../support/programs/lading.js';
import { ask } from '../support/registry-server.js';

export interface Soaked {
  random: Random;
  /** Where outputs go. */
  work: string;
  /** A registry with faults before it, and what it has. */
  host: string;
  images: readonly string[];
}

/** What is done again and again; each leaves nothing behind. */
export const ACTIONS: Record<string, (soaked: Soaked) => Promise<void>> = {
  async 'save to an archive'(soaked) {
    await withArchive(soaked, async (path) => assert.deepEqual((await verify(path)).findings, []));
  },
  async 'save to a layout'(soaked) {
    const output = join(soaked.work, 'layout');
    await save({ images: [imageOf(soaked)], output, format: 'oci' });
    await save({ images: [imageOf(soaked)], output, format: 'oci', append: true });
    assert.deepEqual((await verify(output)).findings, []);
  },
  async load(soaked) {
    await withArchive(soaked, async (input) => {
      const destination = `${soaked.host}/loaded-${soaked.random.below(20)}`;
      assert.equal((await load({ input, destination })).images.length, 1);
    });
  },
  async convert(soaked) {
    await withArchive(soaked, async (source) => {
      const output = join(soaked.work, 'converted.tar');
      const to = soaked.random.pick(['oci', 'docker', 'schema1'] as const);
      const compression = soaked.random.pick(['keep', 'gzip', 'none'] as const);
      await convert({ source, output, to, compression: to === 'schema1' ? 'keep' : compression });
      assert.deepEqual((await verify(output)).findings, []);
    });
  },
  async serve(soaked) {
    await withArchive(soaked, async (path) => {
      const server = await serve(path, { port: 0 });
      try {
        for (const repository of server.repositories)
          assert.equal((await ask(server.port, `/v2/${repository}/manifests/1`)).status, 200);
      } finally {
        await server.close();
      }
    });
  },
  async 'the command line'(soaked) {
    const output = join(soaked.work, 'cli.tar');
    const { code, stderr } = await runLading(['save', imageOf(soaked), '-o', output]);
    assert.equal(code, 0, stderr);
  },
};

async function withArchive(soaked: Soaked, use: (path: string) => Promise<void>): Promise<void> {
  const output = join(soaked.work, 'saved.tar');
  await save({ images: [imageOf(soaked)], output });
  await use(output);
  await rm(output);
}

function imageOf({ host, images, random }: Soaked): string {
  return `${host}/${random.pick(images)}`;
}
