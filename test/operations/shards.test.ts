import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { shardOf } from '../../src/content/shard.js';
import { lockImages } from '../../src/operations/lock/lock.js';
import { save } from '../../src/operations/save.js';
import type { SaveOptions } from '../../src/operations/save-options.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

const REPOSITORIES = ['api', 'base', 'team/one', 'team/two', 'web', 'worker'];
const TAGS = ['1.0', '1.1', '2.0'];

describe('save of a shard', () => {
  const path = useFolder();
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
    for (const repository of REPOSITORIES)
      for (const tag of TAGS)
        await registry.put(`${repository}:${tag}`, await makeImage({ seed: `${repository} ${tag}` }));
  });
  after(() => registry.close());

  const inShards = async (count: number, options: Omit<SaveOptions, 'output'>) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        save({ ...options, shard: { index, count }, output: createMemoryStore() }),
      ),
    );
  const summary = (images: readonly { name: string; digest: string; size: number }[]) =>
    images.map(({ name, digest, size }) => `${name} ${digest} ${size}`).sort();

  /** What a list can say of a repository. */
  const text = fc
    .tuple(
      fc.constantFrom(...REPOSITORIES),
      fc.constantFrom('', ':1.0', ':1.1', ':2.0', ':{>=1.1}', ':{newest 1}'),
    )
    .map(([repository, rest]) => `${repository}${rest}`);

  it('together with the others has the images of the whole list, each once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(text, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (texts, count) => {
          const images = texts.map((each) => `${registry.name}/${each}`);
          const options = { images, allTags: true };
          const whole = await save({ ...options, output: createMemoryStore() });
          const shares = await inShards(count, options);
          assert.deepEqual(summary(shares.flatMap((share) => share.images)), summary(whole.images));
          const patterns = shares.flatMap((share) => share.patterns ?? []).map((pattern) => pattern.text);
          assert.deepEqual(patterns.sort(), (whole.patterns ?? []).map((pattern) => pattern.text).sort());
          const byRepository = shares.map(
            (share) => new Set(share.images.map(({ name }) => name.replace(/:[^:]*$/, ''))),
          );
          const all = byRepository.flatMap((each) => [...each]);
          assert.equal(all.length, new Set(all).size, 'a repository is in two shards');
        },
      ),
      { numRuns: 4 },
    );
  });

  it('takes its share of a lock, and of a lock that is updated', async () => {
    const images = [
      `${registry.name}/web:{>=1.1}`,
      `${registry.name}/api:1.0`,
      `${registry.name}/worker:2.0`,
    ];
    const { lock } = await lockImages({ images });
    const shares = await inShards(3, { lock });
    assert.deepEqual(
      summary(shares.flatMap((share) => share.images)),
      summary((await save({ lock, output: createMemoryStore() })).images),
    );
    // Images of other shards have not disappeared.
    const updated = await inShards(3, { lock, updateLock: true });
    for (const { difference = { added: [], gone: [], moved: [] } } of updated)
      assert.deepEqual([difference.added, difference.gone, difference.moved], [[], [], []]);
    assert.equal(
      updated.map(({ difference }) => difference?.unchanged ?? 0).reduce((a, b) => a + b),
      lock.images.length,
    );
  });

  it('asks for no image of another shard', async () => {
    const of = (index: number): string =>
      Array.from({ length: 200 }, (_, i) => `asked-${i}`).find(
        (repository) => shardOf({ registry: registry.name, repository }, 2) === index,
      ) ?? assert.fail();
    const repositories = [of(0), of(1)];
    for (const repository of repositories)
      await registry.put(`${repository}:1`, await makeImage({ seed: repository }));
    const images = repositories.map((repository) => `${registry.name}/${repository}:{newest 1}`);
    for (const [index, own] of repositories.entries()) {
      const from = registry.requests.length;
      const saved = await save({ images, shard: { index, count: 2 }, output: createMemoryStore() });
      assert.deepEqual(
        saved.images.map(({ name }) => name),
        [`${registry.name}/${own}:1`],
      );
      const asked = registry.requests
        .slice(from)
        .flatMap(({ url }) => /^\/v2\/(.+)\/(?:tags|manifests|blobs|referrers)\//.exec(url ?? '')?.[1] ?? []);
      assert.deepEqual([...new Set(asked)], [own]);
    }
  });

  it('writes nothing if none of the images belongs to it, and no lock either', async () => {
    const images = [`${registry.name}/web:1.0`];
    const results = [];
    for (const index of [0, 1, 2]) {
      const from = registry.requests.length;
      const result = await save({
        images,
        shard: { index, count: 3 },
        output: path(`${index}.tar`),
        writeLock: path(`${index}.json`),
      });
      results.push(result);
      for (const file of [`${index}.tar`, `${index}.json`])
        assert.equal(existsSync(path(file)), result.images.length > 0, file);
      assert.equal(registry.requests.length > from, result.images.length > 0);
      assert.deepEqual(result.shard, { index, count: 3 });
    }
    assert.deepEqual(results.map((result) => result.images.length).sort(), [0, 0, 1]);
  });

  it('is refused if there is none of its number, and a list without images is still wrong', async () => {
    const output = createMemoryStore();
    const images = [`${registry.name}/web:1.0`];
    for (const shard of [
      { index: 3, count: 3 },
      { index: -1, count: 3 },
      { index: 0.5, count: 3 },
      { index: 0, count: 0 },
    ])
      await assert.rejects(save({ images, shard, output }), { code: 'USAGE' });
    await assert.rejects(save({ images: [], shard: { index: 0, count: 2 }, output }), { code: 'USAGE' });
  });
});
