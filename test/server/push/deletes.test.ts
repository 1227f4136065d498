import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { type MadeImage, makeImage, makeIndex } from '../../support/images.js';
import { codesOf } from '../../support/registry-server.js';
import { serveWritable, type WritableServed } from '../../support/writable-server.js';

describe('deleting', () => {
  let served: WritableServed;
  let image: MadeImage;
  beforeEach(async () => {
    served = await serveWritable();
    image = await makeImage({ seed: 1 });
    await served.pushAll(image.all);
    await served.pushManifest(image.manifest, 'v1');
    await served.pushManifest(image.manifest, 'v2');
  });
  afterEach(() => served.close());

  const remove = (path: string) => served.ask(`/v2/a/${path}`, { method: 'DELETE' });
  const statusOf = async (path: string) => (await served.ask(`/v2/a/${path}`)).status;

  it('takes a tag away, its manifest stays', async () => {
    const reply = await remove('manifests/v1');
    assert.deepEqual([reply.status, reply.headers['content-length']], [202, '0']);
    assert.equal(await statusOf('manifests/v1'), 404);
    assert.equal(await statusOf('manifests/v2'), 200);
    const again = await remove('manifests/v1');
    assert.deepEqual([again.status, codesOf(again)], [404, ['MANIFEST_UNKNOWN']]);
  });

  it('takes a manifest away with its tags', async () => {
    const path = `manifests/${image.manifest.descriptor.digest}`;
    assert.equal((await remove(path)).status, 202);
    for (const gone of [path, 'manifests/v1', 'manifests/v2']) assert.equal(await statusOf(gone), 404);
    const again = await remove(path);
    assert.deepEqual([again.status, codesOf(again)], [404, ['MANIFEST_UNKNOWN']]);
  });

  it('takes a blob away when no manifest needs it', async () => {
    const path = `blobs/${image.config.descriptor.digest}`;
    const needed = await remove(path);
    assert.deepEqual([needed.status, codesOf(needed)], [405, ['UNSUPPORTED']]);
    assert.equal(needed.headers.allow, 'GET, HEAD');
    assert.equal(await statusOf(path), 200);

    await remove(`manifests/${image.manifest.descriptor.digest}`);
    assert.equal((await remove(path)).status, 202);
    assert.equal(await statusOf(path), 404);
    const again = await remove(path);
    assert.deepEqual([again.status, codesOf(again)], [404, ['BLOB_UNKNOWN']]);
  });

  it('takes a child away, its index stays', async () => {
    const index = makeIndex([image]);
    await served.pushManifest(index.manifest, 'all');
    assert.equal((await remove(`manifests/${image.manifest.descriptor.digest}`)).status, 202);
    assert.equal(await statusOf('manifests/all'), 200);
  });

  const refused: [path: string, status: number, code: string][] = [
    ['manifests/none', 404, 'MANIFEST_UNKNOWN'],
    ['manifests/.x', 404, 'MANIFEST_UNKNOWN'],
    ['manifests/..%2Fx', 404, 'MANIFEST_UNKNOWN'],
    ['manifests/sha256:12', 400, 'DIGEST_INVALID'],
    [`manifests/${digestOf(Buffer.from('none'))}`, 404, 'MANIFEST_UNKNOWN'],
    ['blobs/sha256:12', 400, 'DIGEST_INVALID'],
    [`blobs/${digestOf(Buffer.from('none'))}`, 404, 'BLOB_UNKNOWN'],
    ['tags/list', 405, 'UNSUPPORTED'],
    ['blobs/uploads/', 405, 'UNSUPPORTED'],
    ['blobs/uploads/none', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['blobs/uploads/..', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['blobs/uploads/..%2F..%2Findex.json', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['blobs/uploads/%00', 404, 'BLOB_UPLOAD_UNKNOWN'],
  ];
  for (const [path, status, code] of refused) {
    it(`answers ${status} to ${path.replace(/[0-9a-f]{60}/, '…')}`, async () => {
      const reply = await remove(path);
      assert.deepEqual([reply.status, codesOf(reply)], [status, [code]]);
    });
  }

  it('is not of another repository', async () => {
    const { digest } = image.manifest.descriptor;
    for (const path of ['manifests/v1', `manifests/${digest}`, `blobs/${image.config.descriptor.digest}`]) {
      const reply = await served.ask(`/v2/b/${path}`, { method: 'DELETE' });
      assert.deepEqual([reply.status, codesOf(reply)], [404, ['NAME_UNKNOWN']]);
    }
    assert.equal(await statusOf('manifests/v1'), 200);
    assert.deepEqual(JSON.parse((await served.ask('/v2/_catalog')).body.toString()).repositories, ['a']);
  });
});
