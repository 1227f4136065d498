import assert from 'node:assert/strict';
import { LadingError } from '../../src/errors.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { type TagConflict, type Tags, tagsOf } from '../../src/store/repository-view.js';
import { has, type Referrer, type Source, type Store } from '../../src/store/store.js';
import { mergeRepositories, type Served } from '../../src/store/union.js';
import { type Content, type MadeImage, makeImage, makeReferrer, pushAll } from '../support/images.js';
import { overriding, readAll } from '../support/openers.js';

describe('several stores as one registry', () => {
  let first: MadeImage;
  let second: MadeImage;
  before(async () => {
    [first, second] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
  });

  const storeWith = async (names: Record<string, { all: Content[]; manifest: Content }>): Promise<Store> => {
    const store = createMemoryStore();
    for (const [name, { all, manifest }] of Object.entries(names)) {
      await pushAll(store, all);
      await store.tag(manifest.descriptor, name);
    }
    return store;
  };
  const served = (store: Source, location: string): Served => {
    let tags: Promise<Tags> | undefined;
    return { store, location, tags: () => (tags ??= tagsOf(store)) };
  };
  const tagsIn = async (repository: Source | undefined): Promise<string[]> => {
    const tags: string[] = [];
    for await (const { name } of repository?.names() ?? []) tags.push(name);
    return tags.sort();
  };

  it('has the repositories and tags of all, and finds content wherever it is', async () => {
    const one = served(await storeWith({ 'reg.test/a:1': first }), 'a.tar');
    const other = served(await storeWith({ 'quay.io/a:2': second, 'reg.test/b:1': second }), 'b/');
    const merged = mergeRepositories([one, other], () => assert.fail('nothing contradicts'));
    assert.deepEqual((await merged.listRepositories()).sort(), ['a', 'b']);
    const a = await merged.openRepository('a');
    assert.ok(a);
    assert.deepEqual(await tagsIn(a), ['1', '2']);
    assert.equal((await a.resolve('2')).digest, second.manifest.descriptor.digest);
    for (const image of [first, second]) {
      const { descriptor, bytes } = image.manifest;
      assert.equal((await a.resolve(descriptor.digest)).digest, descriptor.digest);
      assert.equal(await has(a, descriptor), true);
      assert.ok((await readAll(a, descriptor)).equals(bytes));
      assert.equal(await a.sizeOf({ digest: image.config.descriptor.digest }), image.config.bytes.length);
    }
    await assert.rejects(a.resolve('3'), { code: 'NOT_FOUND' });
    assert.equal(await a.sizeOf({ digest: `sha256:${'0'.repeat(64)}` }), undefined);
    assert.equal(await merged.openRepository('c'), undefined);
  });

  it('serves the first of two images with one name, and tells of them once', async () => {
    const stores = [
      served(await storeWith({ 'reg.test/a:1': first, 'reg.test/a:2': first }), 'a.tar'),
      served(await storeWith({ 'reg.test/a:1': second, 'reg.test/a:2': first }), 'b/'),
    ];
    const conflicts: TagConflict[] = [];
    const merged = mergeRepositories(stores, (conflict) => conflicts.push(conflict));
    const a = await merged.openRepository('a');
    await merged.listRepositories();
    assert.equal((await a?.resolve('1'))?.digest, first.manifest.descriptor.digest);
    assert.deepEqual(
      conflicts.map(({ repository, tag, between }) => `${repository}:${tag} ${between}`),
      ['a:1 in a.tar and b/'],
    );
    assert.equal(conflicts[0]?.other.digest, second.manifest.descriptor.digest);
  });

  it('sees tags that come later', async () => {
    const growing = await storeWith({ 'reg.test/a:1': first });
    const stores = [
      served(await storeWith({ 'reg.test/b:1': second }), 'b.tar'),
      { store: growing, location: 'a/', tags: () => tagsOf(growing) },
    ];
    const merged = mergeRepositories(stores);
    assert.deepEqual(await tagsIn(await merged.openRepository('a')), ['1']);
    await growing.tag(first.manifest.descriptor, 'reg.test/a:2');
    assert.deepEqual(await tagsIn(await merged.openRepository('a')), ['1', '2']);
  });

  it('gathers what is attached, each once', async () => {
    const note = makeReferrer(first.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
    const more = makeReferrer(first.manifest.descriptor, { artifactType: 'text/x-more', payload: 'more' });
    const stores = [
      served(await storeWith({ 'reg.test/a:1': first, 'reg.test/a:note': note }), 'a.tar'),
      served(await storeWith({ 'reg.test/a:more': more, 'reg.test/a:note': note }), 'b.tar'),
    ];
    const referrers: Referrer[] = [];
    const a = await mergeRepositories(stores).openRepository('a');
    for await (const referrer of a?.referrers(first.manifest.descriptor) ?? []) referrers.push(referrer);
    assert.deepEqual(
      referrers.map(({ descriptor }) => descriptor.artifactType),
      ['text/x-note', 'text/x-more'],
    );
  });

  it('takes content from another store when one cannot be read any more, and says so when none can', async () => {
    const lost = async (): Promise<never> => {
      throw new LadingError('IO', 'the stick was pulled out');
    };
    const broken = overriding(await storeWith({ 'reg.test/a:1': first, 'reg.test/a:2': second }), {
      fetch: lost,
      sizeOf: lost,
    });
    const stores = [served(broken, 'a.tar'), served(await storeWith({ 'reg.test/a:1': first }), 'b.tar')];
    const a = await mergeRepositories(stores).openRepository('a');
    assert.ok(a);
    const { descriptor, bytes } = first.config;
    assert.equal(await has(a, descriptor), true);
    assert.equal(await a.sizeOf({ digest: descriptor.digest }), descriptor.size);
    assert.ok((await readAll(a, descriptor)).equals(bytes));
    await assert.rejects(has(a, second.config.descriptor), { code: 'IO' });
    await assert.rejects(a.fetch(second.config.descriptor), { code: 'IO' });
  });
});
