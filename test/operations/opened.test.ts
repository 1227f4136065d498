import assert from 'node:assert/strict';
import {
  convert,
  copyImages,
  createMemoryStore,
  inspect,
  list,
  load,
  openDestination,
  openSource,
  requestsOf,
  type Source,
  type Store,
  save,
  serve,
  transfer,
  verify,
} from '../../src/index.js';
import { type MadeImage, makeImage, pushAll } from '../support/images.js';
import { writeLayout } from '../support/odd-images.js';
import { useFolder } from '../support/temporary.js';

const NAME = 'registry.example/app:1';

describe('operations on what was opened', () => {
  const path = useFolder('the suite');
  let image: MadeImage;
  let layout: string;
  before(async () => {
    image = await makeImage({ seed: 'opened' });
    layout = await writeLayout(path('layout'), { [NAME]: image });
  });

  async function memory(): Promise<Store> {
    const store = createMemoryStore();
    await pushAll(store, image.all);
    await store.tag(image.manifest.descriptor, NAME);
    return store;
  }

  it('read a locator, what openSource gives, and a store of any kind alike', async () => {
    await using opened = await openSource(`oci:${layout}`);
    const sources = { locator: layout, opened, store: opened.store, memory: await memory() };
    for (const [kind, source] of Object.entries(sources)) {
      const { images } = await inspect(source);
      assert.deepEqual(
        images.map(({ name, digest }) => [name, digest]),
        [[NAME, image.manifest.descriptor.digest]],
        kind,
      );
      const listed = await list(source);
      assert.deepEqual(listed.kind === 'images' && listed.images.map(({ name }) => name), [NAME], kind);
      const copied = await copyImages({ source, destination: path(`${kind}.tar`) });
      assert.equal(copied.blobs.copied, 3, kind);
      const converted = await convert({ source, to: 'docker', output: path(`${kind}-docker.tar`) });
      assert.equal(converted.images.length, 1, kind);
      await using registry = await serve(source, { port: 0 });
      assert.deepEqual(registry.repositories, ['app'], kind);
    }
    // It was not closed by any of them.
    assert.equal((await verify(opened)).ok, true);
    assert.equal((await verify(opened.store as Source)).ok, true);
  });

  it('write to a store of any kind', async () => {
    await using registry = await serve(path('served'), { port: 0, writable: true });
    const host = `127.0.0.1:${registry.port}`;
    const loaded = await load({ input: await memory(), destination: host, plainHTTP: true });
    assert.deepEqual(loaded.images, [
      { name: NAME, pushed: `${host}/app:1`, digest: image.manifest.descriptor.digest },
    ]);

    const saved = createMemoryStore();
    const result = await save({ images: [`${host}/app:1`], output: saved, plainHTTP: true });
    assert.deepEqual([result.format, result.output], ['store', 'memory']);
    const copied = createMemoryStore();
    await copyImages({ source: saved, destination: copied });
    const converted = createMemoryStore();
    await convert({ source: copied, to: 'docker', output: converted });
    for (const store of [saved, copied, converted]) {
      const { images } = await inspect(store);
      assert.deepEqual(
        images.map(({ name, platforms }) => [name, platforms[0]?.layers.length]),
        [[`${host}/app:1`, 2]],
      );
    }
  });

  it('are transfer from a source to a destination, for whoever wants other names or a look before', async () => {
    await using source = await openSource(layout);
    await using destination = await openDestination(path('by-hand.tar'), { format: 'oci-archive' });
    const checked: unknown[] = [];
    const { images, bytes } = await transfer(await requestsOf(source), destination, {
      onChecked: (placed) => checked.push(...placed),
    });
    assert.equal(checked.length, 1);
    assert.equal(images[0]?.digest, image.manifest.descriptor.digest);
    assert.equal(bytes.sent, bytes.total);
    assert.equal((await verify(path('by-hand.tar'))).ok, true);
  });

  it('name an image of a registry by the tag or digest that is asked for instead of its own', async () => {
    await using registry = await serve(await memory(), { port: 0 });
    const host = `127.0.0.1:${registry.port}`;
    const { digest } = image.manifest.descriptor;
    await using source = await openSource(`docker://${host}/app:other`, { plainHTTP: true });
    for (const [wanted, name] of [
      ['1', `${host}/app:1`],
      [digest, `${host}/app@${digest}`],
    ] as const) {
      const requests = await requestsOf(source, wanted);
      assert.deepEqual(
        requests.map((request) => [request.name, request.reference]),
        [[name, wanted]],
      );
      const { images } = await inspect(source, { reference: wanted });
      assert.deepEqual(
        images.map((found) => [found.name, found.digest]),
        [[name, digest]],
      );
    }
  });

  it('refuse to verify what does not lie in files here, and say where to copy it', async () => {
    await assert.rejects(verify(await memory()), {
      code: 'USAGE',
      message: 'memory is not an archive or layout on this machine',
      hint: 'Copy it into one, and verify that.',
    });
  });
});
