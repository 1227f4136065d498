import assert from 'node:assert/strict';
import { ManifestGraph } from '../../src/store/manifest-graph.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { entriesOf, RepositoryContents } from '../../src/store/repository-contents.js';
import { repositoryView, type TagConflict, tagsOf } from '../../src/store/repository-view.js';
import { has, type Source } from '../../src/store/store.js';
import { type MadeImage, makeCosignSignature, makeImage, pushAll } from '../support/images.js';

describe('the repositories of a store', () => {
  let first: MadeImage;
  let second: MadeImage;
  before(async () => {
    first = await makeImage({ seed: 1 });
    second = await makeImage({ seed: 2 });
  });

  const repositoriesNamed = async (
    names: Record<string, MadeImage>,
    mostRemembered?: number,
  ): Promise<Map<string, Source>> => {
    const store = createMemoryStore();
    for (const [name, image] of Object.entries(names)) {
      await pushAll(store, image.all);
      await store.tag(image.manifest.descriptor, name);
    }
    const contents = new RepositoryContents(await entriesOf(store), new ManifestGraph(store), {
      mostRemembered,
    });
    return new Map(
      [...(await tagsOf(store))].map(([name, tags]) => [
        name,
        repositoryView(store, name, { tags, contents }),
      ]),
    );
  };
  const tagsIn = async (repository: Source | undefined): Promise<string[]> => {
    const tags: string[] = [];
    for await (const { name } of repository?.names() ?? []) tags.push(name);
    return tags.sort();
  };

  it('gathers tags by the path of the name, without its host', async () => {
    const repositories = await repositoriesNamed({
      'docker.io/library/a:1': first,
      'docker.io/library/a:2': second,
      'reg.test:5000/org/team/b:1': second,
    });
    assert.deepEqual([...repositories.keys()].sort(), ['library/a', 'org/team/b']);
    assert.deepEqual(await tagsIn(repositories.get('library/a')), ['1', '2']);
    const found = await repositories.get('library/a')?.resolve('2');
    assert.equal(found?.digest, second.manifest.descriptor.digest);
  });

  it('finds the same where there is no memory for what belongs to which', async () => {
    const repositories = await repositoriesNamed({ 'reg.test/a:1': first, 'reg.test/b:2': second }, 0);
    for (const _ of [1, 2]) {
      for (const [name, own, other] of [
        ['a', first, second],
        ['b', second, first],
      ] as const) {
        const repository = repositories.get(name);
        const { digest } = own.config.descriptor;
        assert.equal(await repository?.sizeOf({ digest }), own.config.descriptor.size);
        assert.equal(await repository?.sizeOf({ digest: other.config.descriptor.digest }), undefined);
      }
    }
  });

  it('keeps the tags and the content of one repository from another', async () => {
    const repositories = await repositoriesNamed({ 'reg.test/a:1': first, 'reg.test/b:2': second });
    const a = repositories.get('a');
    assert.ok(a);
    await assert.rejects(a.resolve('2'), { code: 'NOT_FOUND', message: /a has no tag 2/ });
    assert.equal(
      (await a.resolve(first.manifest.descriptor.digest)).digest,
      first.manifest.descriptor.digest,
    );
    assert.equal(await has(a, first.config.descriptor), true);
    assert.equal(await a.sizeOf({ digest: first.config.descriptor.digest }), first.config.descriptor.size);
    await assert.rejects(a.resolve(second.manifest.descriptor.digest), { code: 'NOT_FOUND' });
    assert.equal(await a.sizeOf({ digest: second.config.descriptor.digest }), undefined);
  });

  it('has a place for what has no name that a registry could serve', async () => {
    const { digest } = first.manifest.descriptor;
    const repositories = await repositoriesNamed({ [digest]: first, v1: second, 'Not A Name': second });
    assert.deepEqual([...repositories.keys()], ['unnamed']);
    const unnamed = repositories.get('unnamed');
    assert.deepEqual(await tagsIn(unnamed), ['v1']);
    assert.equal((await unnamed?.resolve(digest))?.digest, digest);
  });

  it('serves a name with a digest by that digest', async () => {
    const { digest } = first.manifest.descriptor;
    const repositories = await repositoriesNamed({ [`reg.test/a@${digest}`]: first });
    assert.deepEqual(await tagsIn(repositories.get('a')), []);
    assert.equal((await repositories.get('a')?.resolve(digest))?.digest, digest);
  });

  it("keeps cosign's tags beside the image they speak of", async () => {
    const { tag, ...signature } = makeCosignSignature(first.manifest.descriptor);
    const repositories = await repositoriesNamed({ 'reg.test/a:1': first, [`reg.test/a:${tag}`]: signature });
    assert.deepEqual(await tagsIn(repositories.get('a')), ['1', tag]);
  });

  it('serves the first of names that differ by their host alone, and tells when they differ in more', async () => {
    const store = createMemoryStore();
    await pushAll(store, [...first.all, ...second.all]);
    await store.tag(first.manifest.descriptor, 'docker.io/library/a:1');
    await store.tag(first.manifest.descriptor, 'reg.test/library/a:1');
    await store.tag(second.manifest.descriptor, 'quay.io/library/a:1');
    const conflicts: TagConflict[] = [];
    const tags = await tagsOf(store, {
      location: 'a.tar',
      onConflict: (conflict) => conflicts.push(conflict),
    });
    assert.equal(tags.get('library/a')?.get('1')?.digest, first.manifest.descriptor.digest);
    assert.deepEqual(
      conflicts.map(({ repository, tag, other, between }) => [repository, tag, other.digest, between]),
      [['library/a', '1', second.manifest.descriptor.digest, 'under two names in a.tar']],
    );
  });

  it('leaves the store open when a repository is closed', async () => {
    const repositories = await repositoriesNamed({ 'reg.test/a:1': first });
    await repositories.get('a')?.close();
    assert.equal((await repositories.get('a')?.resolve('1'))?.digest, first.manifest.descriptor.digest);
  });
});
