import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { list } from '../../../src/operations/list.js';
import { save } from '../../../src/operations/save.js';
import { type Serving, serve } from '../../../src/operations/serve/serve.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { openPath } from '../../../src/store/open.js';
import { fixturePath } from '../../support/fixtures.js';
import { makeCosignSignature, makeImage, makeIndex, makeReferrer, pushAll } from '../../support/images.js';
import { ask } from '../../support/registry-server.js';
import { signedSchema1 } from '../../support/signed-schema1.js';
import { useFolder } from '../../support/temporary.js';
import { startRegistry } from '../registry.js';

describe('serve', () => {
  const path = useFolder();

  const whileServing = async (target: string, use: (serving: Serving) => Promise<void>): Promise<void> => {
    const serving = await serve(target, { port: 0 });
    try {
      await use(serving);
    } finally {
      await serving.close();
    }
  };
  /** Everything under `blobs`, and what the names stand for. */
  const contentOf = async (target: string): Promise<{ blobs: string[]; names: string[] }> => {
    const store = await openPath(target);
    const [blobs, names]: [string[], string[]] = [[], []];
    for await (const { digest } of store.blobs()) blobs.push(digest);
    for await (const { name, descriptor } of store.names())
      names.push(`${name.replace(/^[^/]*\//, '')} ${descriptor.digest}`);
    await store.close();
    return { blobs: blobs.sort(), names: names.sort() };
  };

  it('gives back what was saved: save, serve and save again are the same images', async () => {
    const registry = await startRegistry();
    const [amd64, other] = [
      await makeImage({ seed: 'amd64' }),
      await makeImage({ seed: 'other', format: 'docker' }),
    ];
    const arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
    const index = makeIndex([amd64, arm64]);
    const note = makeReferrer(index.manifest.descriptor, { artifactType: 'text/x-sbom', payload: 'sbom' });
    const signature = makeCosignSignature(index.manifest.descriptor);
    await registry.put('some/multi:1', index);
    await registry.put('other:2', other);
    await pushAll(registry.storeOf('some/multi'), note.all);
    await registry.put(`some/multi:${signature.tag}`, signature);
    const images = ['some/multi:1', 'other:2'];
    await save({ images: images.map((name) => `${registry.name}/${name}`), output: path('first.tar') });
    await registry.close();
    const first = await contentOf(path('first.tar'));
    assert.equal(first.names.length, 3);

    for (const output of ['again.tar', 'layout/']) {
      await whileServing(path('first.tar'), async ({ host, port, repositories }) => {
        assert.deepEqual(repositories, ['other', 'some/multi']);
        const names = images.map((name) => `${host}:${port}/${name}`);
        await save({ images: names, output: output.endsWith('/') ? `${path(output)}/` : path(output) });
      });
      assert.deepEqual(await contentOf(path(output)), first);
      assert.equal((await verify(path(output))).ok, true);
    }
  });

  it('serves the archives of other tools', async () => {
    const archive = fixturePath('archives/ctr-export-multi.tar');
    await whileServing(archive, async ({ host, port }) => {
      const registry = `${host}:${port}`;
      assert.deepEqual(await list(registry), { kind: 'repositories', registry, repositories: ['fx/tiny'] });
      const result = await save({ images: [`${registry}/fx/tiny`], allTags: true, output: path('out.tar') });
      assert.deepEqual(
        result.images.map(({ digest }) => digest.slice(0, 15)),
        ['sha256:e7185f66', 'sha256:3f5cc1cb'],
      );
    });
  });

  it('serves a schema1 image under the digest of its payload', async () => {
    const schema1 = signedSchema1();
    const layout = await openLayoutForWriting(path('layout'));
    await pushAll(layout, [schema1]);
    await layout.tag(schema1.descriptor, 'reg.test/legacy:1');
    await layout.commit();
    await layout.close();
    await whileServing(path('layout'), async ({ port }) => {
      for (const reference of ['1', schema1.descriptor.digest]) {
        const reply = await ask(port, `/v2/legacy/manifests/${reference}`);
        assert.equal(reply.status, 200);
        assert.equal(reply.headers['docker-content-digest'], schema1.descriptor.digest);
        assert.ok(reply.body.equals(schema1.bytes));
      }
    });
  });

  it('does not change what it serves, and lets go of it', async () => {
    const archive = fixturePath('archives/ctr-export-multi.tar');
    const before = await readFile(archive);
    let port = 0;
    await whileServing(archive, async (serving) => {
      port = serving.port;
      assert.equal((await ask(port, '/v2/fx/tiny/manifests/1')).status, 200);
      assert.equal((await ask(port, '/v2/fx/tiny/manifests/1', { method: 'DELETE' })).status, 405);
    });
    assert.ok((await readFile(archive)).equals(before));
    await assert.rejects(ask(port, '/v2/'), { code: 'ECONNREFUSED' });
  });

  it('refuses what is no archive, and an address that is taken', async () => {
    await assert.rejects(serve(path('missing.tar'), { port: 0 }), { code: 'NOT_FOUND' });
    const archive = fixturePath('archives/ctr-export-multi.tar');
    await whileServing(archive, async ({ port }) => {
      await assert.rejects(serve(archive, { port }), { code: 'IO', message: /cannot listen/ });
    });
  });
});
