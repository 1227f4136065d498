import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { digestOf } from '../../src/content/digest.js';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { openPath } from '../../src/store/open.js';
import { type MadeImage, makeCosignSignature, makeImage, pushAll } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

const API = ['ghcr.io/product/api:4.2.0', 'ghcr.io/product/api:4.3.0'];
const NAMES = [...API, 'ghcr.io/product/web:1', 'docker.io/library/alpine:3.20', 'quay.io/tools/web:1'];

describe('a selection of the images of an archive', () => {
  const path = useFolder();
  const images = new Map<string, MadeImage>();
  let registry: TestRegistry;
  let archive: string;
  before(async () => {
    registry = await startRegistry();
    for (const name of NAMES) {
      const image = await makeImage({ seed: name, layers: [500] });
      images.set(name, image);
      await registry.put(name.slice(name.indexOf('/') + 1), image);
    }
    const signature = makeCosignSignature(made(API[0]).manifest.descriptor);
    await registry.put(`product/api:${signature.tag}`, signature);
  });
  after(() => registry.close());
  beforeEach(async () => {
    archive = path('layout');
    await writeLayout(archive);
  });

  const made = (name = ''): MadeImage => {
    const image = images.get(name);
    assert(image !== undefined);
    return image;
  };

  async function writeLayout(folder: string, names = NAMES): Promise<void> {
    const layout = await openLayoutForWriting(folder);
    for (const name of names) {
      await pushAll(layout, made(name).all);
      await layout.tag(made(name).manifest.descriptor, name);
    }
    const signature = makeCosignSignature(made(API[0]).manifest.descriptor);
    await pushAll(layout, signature.all);
    await layout.tag(signature.manifest.descriptor, `ghcr.io/product/api:${signature.tag}`);
    await layout.commit();
    await layout.close();
  }

  async function namesIn(file: string): Promise<string[]> {
    const store = await openPath(file);
    const names: string[] = [];
    for await (const { name } of store.names()) names.push(name);
    await store.close();
    return names.filter((name) => !name.endsWith('.sig')).sort();
  }

  const damage = async (name: string): Promise<string> => {
    const [layer] = made(name).layers;
    assert(layer !== undefined);
    const { digest } = layer.descriptor;
    await writeFile(
      path(`layout/blobs/sha256/${digest.slice('sha256:'.length)}`),
      Buffer.alloc(layer.descriptor.size),
    );
    return digest;
  };

  it('is what load pushes', async () => {
    const far = await serve(path('far'), { port: 0, writable: true });
    try {
      const { images: loaded } = await load({
        input: archive,
        destination: `127.0.0.1:${far.port}`,
        images: ['ghcr.io/product/*', 'alpine'],
      });
      assert.deepEqual(loaded.map(({ name }) => name).sort(), [NAMES[3], ...API, NAMES[2]]);
    } finally {
      await far.close();
    }
  });

  it('is what inspect and ls show', async () => {
    const inspected = await inspect(archive, { reference: 'product/api:*' });
    assert.deepEqual(
      inspected.images.map(({ name }) => name),
      API,
    );
    const [one, ...others] = (await inspect(archive, { reference: 'alpine' })).images;
    assert.deepEqual([one?.name, others], ['docker.io/library/alpine:3.20', []]);
    const listed = await list(archive, { select: ['api:{newest 1}'] });
    assert(listed.kind === 'images');
    assert.deepEqual(
      listed.images.map(({ name }) => name),
      [API[1]],
    );
  });

  it('is what convert converts', async () => {
    await convert({ source: archive, reference: '**/api', to: 'docker', output: path('docker.tar') });
    assert.deepEqual(await namesIn(path('docker.tar')), API);
  });

  it('is what copy copies, from an archive and from a repository', async () => {
    const ambiguous = { source: archive, destination: path('copy/'), select: ['alpine', 'web:1'] };
    await assert.rejects(copyImages(ambiguous), { code: 'USAGE' });
    await copyImages({ source: archive, destination: path('copy/'), select: ['tools/web', '**/api:4.2.*'] });
    assert.deepEqual(await namesIn(path('copy/')), [API[0], 'quay.io/tools/web:1']);
    const { images: copied } = await copyImages({
      source: `docker://${registry.name}/product/api`,
      destination: path('tags/'),
      select: ['{>=4.3}'],
    });
    assert.deepEqual(
      copied.map(({ name }) => name),
      [`${registry.name}/product/api:4.3.0`],
    );
  });

  it('is what verify verifies, with all that it needs and nothing else', async () => {
    const digest = await damage(NAMES[3] ?? '');
    const whole = await verify(archive);
    assert.deepEqual(
      whole.findings.map((finding) => finding.digest),
      [digest],
    );
    const chosen = await verify(archive, { select: ['ghcr.io/product/**'] });
    assert(chosen.ok);
    assert.equal(chosen.checked.manifests, 4); // three images and a signature
    assert(chosen.checked.blobs < whole.checked.blobs);
    assert.deepEqual(chosen.notes, []);
    const damaged = await verify(archive, { select: ['alpine', 'web:{*}'] });
    assert.deepEqual(
      damaged.damaged.map(({ name }) => name),
      [NAMES[3]],
    );
    await assert.rejects(verify(archive, { select: ['nothing/*'] }), { code: 'NOT_FOUND' });
  });

  it('finds what is wrong with an attachment of what it verifies', async () => {
    const signature = makeCosignSignature(made(API[0]).manifest.descriptor);
    const file = signature.manifest.descriptor.digest.slice('sha256:'.length);
    await writeFile(path(`layout/blobs/sha256/${file}`), Buffer.alloc(signature.manifest.bytes.length));
    assert(!(await verify(archive, { select: ['api:4.2.0'] })).ok);
    assert((await verify(archive, { select: ['api:4.3.0'] })).ok);
  });

  it('is what serve serves, also when the layout changes', async () => {
    await writeLayout(path('changing'), NAMES.slice(2));
    const serving = await serve(path('changing'), { port: 0, select: ['ghcr.io/product/**'] });
    const ask = async (
      of: string,
    ): Promise<{ status: number; body: { tags?: string[]; repositories?: string[] } }> => {
      const response = await fetch(`http://127.0.0.1:${serving.port}/v2/${of}`);
      const text = await response.text();
      return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : {} };
    };
    try {
      assert.deepEqual(serving.images, ['product/web:1']);
      assert.deepEqual(
        (await ask('_catalog')).body.repositories?.filter((name) => name !== 'product/api'),
        ['product/web'],
      );
      assert.equal((await ask('library/alpine/manifests/3.20')).status, 404);
      const { digest } = made(NAMES[3]).manifest.descriptor;
      assert.equal((await ask(`product/web/manifests/${digest}`)).status, 404);
      assert.equal((await ask('product/web/manifests/1')).status, 200);
      await writeLayout(path('changing'));
      assert.deepEqual((await ask('product/api/tags/list')).body.tags?.slice(0, 2), ['4.2.0', '4.3.0']);
      assert.equal((await ask('tools/web/manifests/1')).status, 404);
    } finally {
      await serving.close();
    }
  });

  it('is refused by a server that has none of it, or takes pushes', async () => {
    await assert.rejects(serve(archive, { port: 0, select: ['web:2'] }), { code: 'NOT_FOUND' });
    await assert.rejects(serve(archive, { port: 0, select: ['web:1'] }), { code: 'USAGE' });
    await assert.rejects(serve(path('new'), { port: 0, writable: true, select: ['*'] }), { code: 'USAGE' });
  });

  it('is what save leaves out', async () => {
    const warnings: string[] = [];
    const onEvent = (event: CopyEvent): void => {
      if (event.type === 'warning') warnings.push(event.message);
    };
    const texts = ['product/api:{*}', 'product/web:1', 'library/alpine:3.20'];
    const { images: saved, patterns } = await save({
      images: texts.map((text) => `${registry.name}/${text}`),
      exclude: ['product/api:4.2.0', '**/web', 'busybox'],
      output: path('some.tar'),
      onEvent,
    });
    const names = ['library/alpine:3.20', 'product/api:4.3.0'].map((name) => `${registry.name}/${name}`);
    assert.deepEqual(saved.map(({ name }) => name).sort(), names);
    assert.deepEqual(patterns?.[0]?.resolved, [names[1]]);
    assert.deepEqual(warnings, ['"busybox" excludes none of the images']);
    const everything = {
      images: [`${registry.name}/product/web:1`],
      exclude: ['**'],
      output: path('none.tar'),
    };
    await assert.rejects(save(everything), { code: 'NOT_FOUND' });
    await assert.rejects(save({ ...everything, exclude: ['a?'] }), { code: 'USAGE' });
  });

  it('leaves the bytes of what it takes as they are', async () => {
    await copyImages({ source: archive, destination: path('bytes/'), select: ['alpine'] });
    const { images: shown } = await inspect(path('bytes/'));
    const bytes = made('docker.io/library/alpine:3.20').manifest.bytes;
    assert.equal(shown[0]?.digest, digestOf(bytes));
  });
});
