import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { save } from '../../../src/operations/save.js';
import { type ServeOptions, type Serving, serve } from '../../../src/operations/serve/serve.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import {
  type Content,
  jsonContent,
  type MadeImage,
  type MadeSignature,
  makeCosignSignature,
  makeImage,
  makeReferrer,
} from '../../support/images.js';
import { type AskOptions, ask, codesOf, type Reply } from '../../support/registry-server.js';
import { useFolder } from '../../support/temporary.js';
import { startRegistry } from '../registry.js';

describe('the repositories of a served layout', () => {
  const path = useFolder();
  let image: MadeImage;
  let other: MadeImage;
  let signature: MadeSignature;
  let note: MadeImage;
  let serving: Serving | undefined;
  before(async () => {
    [image, other] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
    signature = makeCosignSignature(image.manifest.descriptor);
    note = makeReferrer(image.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
  });
  beforeEach(() => start(path('layout'), { writable: true }));
  afterEach(() => stop());

  async function start(served: string, options: ServeOptions = {}): Promise<void> {
    await stop();
    serving = await serve(served, { port: 0, drainMs: 0, ...options });
  }
  async function stop(): Promise<void> {
    await serving?.close();
    serving = undefined;
  }
  const send = (target: string, options?: AskOptions): Promise<Reply> =>
    ask(serving?.port ?? 0, `/v2/${target}`, options);
  const status = async (target: string, method = 'GET'): Promise<number> =>
    (await send(target, { method })).status;
  const pushBlob = async (name: string, { descriptor, bytes }: Content): Promise<void> => {
    const target = `${name}/blobs/uploads/?digest=${descriptor.digest}`;
    assert.equal((await send(target, { method: 'POST', body: bytes })).status, 201);
  };
  const pushManifest = async (name: string, { descriptor, bytes }: Content, tag?: string): Promise<Reply> => {
    const headers = { 'Content-Type': descriptor.mediaType };
    const target = `${name}/manifests/${tag ?? descriptor.digest}`;
    return send(target, { method: 'PUT', headers, body: bytes });
  };
  const push = async (name: string, { all, manifest }: MadeImage, tag?: string): Promise<void> => {
    for (const blob of all.slice(0, -1)) await pushBlob(name, blob);
    assert.equal((await pushManifest(name, manifest, tag)).status, 201);
  };
  const referrers = async (name: string, subject: MadeImage = image): Promise<string[]> => {
    const reply = await send(`${name}/referrers/${subject.manifest.descriptor.digest}`);
    assert.equal(reply.status, 200);
    return JSON.parse(reply.body.toString()).manifests.map(({ digest }: { digest: string }) => digest);
  };
  const mount = async (name: string, { descriptor }: Content, from: string): Promise<number> =>
    status(`${name}/blobs/uploads/?mount=${descriptor.digest}&from=${from}`, 'POST');
  const blobsOnDisk = (): Promise<string[]> => readdir(path('layout/blobs/sha256'));
  const digestOf = ({ manifest }: MadeImage): string => manifest.descriptor.digest;

  it('answer 404 for blobs and manifests of others, by GET, HEAD and ranges, after a restart too', async () => {
    await push('a/app', image, '1');
    await push('b/app', other, '1');
    for (const _ of ['at once', 'after a restart']) {
      for (const { descriptor } of image.all.slice(0, -1)) {
        for (const method of ['GET', 'HEAD']) {
          assert.equal(await status(`a/app/blobs/${descriptor.digest}`, method), 200);
          assert.equal(await status(`b/app/blobs/${descriptor.digest}`, method), 404);
        }
        const ranged = await send(`b/app/blobs/${descriptor.digest}`, { headers: { Range: 'bytes=0-1' } });
        assert.deepEqual([ranged.status, codesOf(ranged)], [404, ['BLOB_UNKNOWN']]);
      }
      assert.equal(await status(`a/app/manifests/${digestOf(image)}`), 200);
      const reply = await send(`b/app/manifests/${digestOf(image)}`);
      assert.deepEqual([reply.status, codesOf(reply)], [404, ['MANIFEST_UNKNOWN']]);
      for (const target of ['a/manifests/1', 'a/tags/list', `a/blobs/${image.config.descriptor.digest}`])
        assert.equal(await status(target), 404);
      await start(path('layout'), { writable: true });
    }
  });

  it('refuse a manifest whose blobs only another one has, until they are pushed or mounted', async () => {
    await push('a/app', image, '1');
    const refused = await pushManifest('b/app', image.manifest, '1');
    assert.equal(refused.status, 400);
    assert.ok(codesOf(refused).every((code) => code === 'MANIFEST_BLOB_UNKNOWN'));
    const [layer, ...blobs] = image.all.slice(0, -1);
    assert.ok(layer);
    assert.equal(await mount('b/app', layer, 'nobody'), 202, 'an upload is begun');
    assert.equal(await mount('b/app', layer, 'b/app'), 202);
    assert.equal(await mount('b/app', layer, 'a/app'), 201);
    for (const blob of blobs) await pushBlob('b/app', blob);
    const before = await blobsOnDisk();
    assert.equal((await pushManifest('b/app', image.manifest, '1')).status, 201);
    assert.deepEqual(await blobsOnDisk(), before, 'all is stored once');
  });

  it('keep what another one deletes, and lose nothing but what they delete themselves', async () => {
    for (const name of ['a/app', 'b/app']) await push(name, image, '1');
    const targets = (name: string): string[] => [
      `${name}/manifests/${digestOf(image)}`,
      ...image.all.slice(0, -1).map(({ descriptor }) => `${name}/blobs/${descriptor.digest}`),
    ];
    for (const target of targets('c/app')) assert.equal(await status(target, 'DELETE'), 404);
    for (const target of targets('a/app')) assert.equal(await status(target, 'DELETE'), 202);
    for (const target of targets('a/app')) {
      assert.equal(await status(target), 404);
      assert.equal(await status(target, 'DELETE'), 404);
    }
    for (const target of targets('b/app')) assert.equal(await status(target), 200);
    assert.deepEqual((await verify(path('layout'))).findings, []);
    for (const target of targets('b/app')) assert.equal(await status(target, 'DELETE'), 202);
    assert.deepEqual(await blobsOnDisk(), []);
    for (const name of ['a/app', 'b/app']) assert.equal(await status(`${name}/tags/list`), 404);
  });

  it('do not delete a blob that one of their manifests needs, and say so with 405', async () => {
    await push('a/app', image, '1');
    const target = `a/app/blobs/${image.config.descriptor.digest}`;
    const refused = await send(target, { method: 'DELETE' });
    assert.deepEqual([refused.status, codesOf(refused)], [405, ['UNSUPPORTED']]);
    assert.equal(await status(target), 200);
  });

  it('list what is attached in them alone: a client that verifies finds no signature where none was pushed', async () => {
    for (const name of ['a/app', 'b/app']) await push(name, image, '1');
    await push('a/app', note);
    await push('a/app', signature, signature.tag);
    for (const _ of ['at once', 'after a restart']) {
      assert.deepEqual(await referrers('a/app'), [digestOf(note)]);
      assert.equal(await status(`a/app/manifests/${signature.tag}`), 200);
      for (const name of ['b/app', 'nobody']) {
        assert.deepEqual(await referrers(name), []);
        for (const reference of [signature.tag, digestOf(signature), digestOf(note)])
          assert.equal(await status(`${name}/manifests/${reference}`), 404);
        for (const { all } of [signature, note])
          for (const { descriptor } of all.slice(0, -1))
            assert.equal(await status(`${name}/blobs/${descriptor.digest}`), 404);
      }
      await start(path('layout'), { writable: true });
    }
    assert.equal(await status(`b/app/manifests/${digestOf(note)}`, 'DELETE'), 404);
    assert.deepEqual(await referrers('a/app'), [digestOf(note)]);
  });

  it('have what is in an archive or layout of another tool under their names, and what its images lead to', async () => {
    const registry = await startRegistry();
    try {
      await registry.put('a/app:1', image);
      await registry.put('a/app:note', note);
      await registry.put('b/app:1', other);
      await registry.put(`a/app:${signature.tag}`, signature);
      const images = ['a/app:1', 'b/app:1'].map((name) => `${registry.name}/${name}`);
      for (const output of ['images.tar', 'saved'])
        await save({ images, output: path(output), format: output === 'saved' ? 'oci' : 'universal' });
    } finally {
      await registry.close();
    }
    const served: [string, ServeOptions][] = [
      [path('images.tar'), {}],
      [path('saved'), {}],
      [path('saved'), { writable: true }],
    ];
    for (const [each, options] of served) {
      await start(each, options);
      for (const { all } of [image, note, signature])
        for (const { descriptor } of all.slice(0, -1)) {
          assert.equal(await status(`a/app/blobs/${descriptor.digest}`), 200);
          assert.equal(await status(`b/app/blobs/${descriptor.digest}`), 404);
        }
      for (const made of [image, note, signature]) {
        assert.equal(await status(`a/app/manifests/${digestOf(made)}`), 200);
        assert.equal(await status(`b/app/manifests/${digestOf(made)}`), 404);
      }
      assert.deepEqual(await referrers('a/app'), [digestOf(note)]);
      for (const name of ['b/app', 'nobody']) assert.deepEqual(await referrers(name), []);
      assert.equal(await status('nobody/tags/list'), 404);
    }
    await push('c/app', image, '1');
    assert.deepEqual(await referrers('c/app'), [], 'the same image, to which nothing was attached here');
    assert.deepEqual(await referrers('a/app'), [digestOf(note)]);
  });

  it('have the blobs of a manifest that is not valid, as they have the manifest', async () => {
    const { mediaType } = image.manifest.descriptor;
    const odd = jsonContent(mediaType, { ...JSON.parse(image.manifest.bytes.toString()), schemaVersion: 3 });
    await push('a/app', image, '1');
    await push('b/app', other, '1');
    await stop();
    const index = path('layout/index.json');
    const { manifests, ...rest } = JSON.parse(await readFile(index, 'utf8'));
    const [entry] = manifests;
    await writeFile(join(path('layout'), blobPath(odd.descriptor.digest)), odd.bytes);
    const named = { ...odd.descriptor, annotations: entry.annotations };
    await writeFile(index, JSON.stringify({ ...rest, manifests: [named, ...manifests.slice(1)] }));
    for (const writable of [false, true]) {
      await start(path('layout'), { writable });
      for (const { descriptor } of image.all.slice(0, -1)) {
        assert.equal(await status(`a/app/blobs/${descriptor.digest}`), 200);
        assert.equal(await status(`b/app/blobs/${descriptor.digest}`), 404);
      }
    }
  });
});
