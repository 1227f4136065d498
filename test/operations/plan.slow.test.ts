import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import fc from 'fast-check';
import { lockImages } from '../../src/operations/lock/lock.js';
import { planSave } from '../../src/operations/plan.js';
import { save } from '../../src/operations/save.js';
import type { SaveOptions } from '../../src/operations/save-options.js';
import { makeCosignSignature, makeImage, makeIndex, makeReferrer } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

const RUNS = 100;
const NAMES = ['app:1', 'app:2', 'team/base:1', 'old:1', 'team/single:3'];

describe('plans and locks of a hundred saves', () => {
  const path = useFolder('the suite');
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
    for (const [at, name] of NAMES.entries()) {
      const format = name === 'old:1' ? 'docker' : 'oci';
      const amd64 = await makeImage({ seed: at % 3, format, layers: [500 * (at + 1), 90] });
      const arm = { os: 'linux', architecture: 'arm64' };
      const arm64 = await makeImage({ seed: `arm ${at}`, format, layers: [100], platform: arm });
      const index = makeIndex([amd64, arm64], { format });
      await registry.put(name, index);
      if (at % 2 === 1) continue;
      const [repository] = name.split(':');
      const { descriptor } = index.manifest;
      const signature = makeCosignSignature(descriptor, name);
      await registry.put(`${repository}:${signature.tag}`, signature);
      await registry.put(
        `${repository}:sbom`,
        makeReferrer(descriptor, { artifactType: 'application/sbom', payload: name }),
      );
    }
  });
  after(() => registry.close());

  const some = fc.subarray(NAMES, { minLength: 1 });
  const choices = fc.record({
    names: some,
    before: fc.option(some, { nil: undefined }),
    format: fc.constantFrom('universal', 'oci-archive', 'oci'),
    platforms: fc.option(fc.subarray(['linux/amd64', 'linux/arm64'], { minLength: 1 }), { nil: undefined }),
    index: fc.constantFrom('rewrite', 'sparse', undefined),
    referrers: fc.boolean(),
    dockerPlatform: fc.constantFrom(undefined, 'linux/arm64'),
  } as const);

  it('have the bytes, the file and the lock of the save, and the lock gives the same bytes', async function () {
    this.timeout(300_000);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(choices, async ({ names, before, ...choice }) => {
        const output = path(`${runs++}${choice.format === 'oci' ? '/' : '.tar'}`);
        const full = (all: readonly string[]): string[] => all.map((name) => `${registry.name}/${name}`);
        if (before !== undefined) await save({ images: full(before), output, format: choice.format });
        const options: SaveOptions = { ...choice, images: full(names), output, append: before !== undefined };
        const plan = await planSave(options);
        const { lock } = await lockImages(options);
        const saved = await save(options);
        assert.deepEqual(plan.images, saved.images);
        assert.deepEqual(plan.bytes, { total: saved.bytes.total, missing: saved.bytes.fetched });
        assert.equal(plan.blobs.missing, saved.blobs.fetched);
        if (choice.format === 'oci') return;
        assert.deepEqual(plan.size, { bytes: (await stat(output)).size, kind: 'exact' });
        if (before !== undefined) return;
        const again = path(`again-${runs}.tar`);
        const { format, dockerPlatform } = choice;
        await save({ lock, format, dockerPlatform, output: again });
        assert((await readFile(output)).equals(await readFile(again)));
      }),
      { numRuns: RUNS },
    );
    assert(runs >= RUNS);
  });
});
