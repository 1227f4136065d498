import assert from 'node:assert/strict';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { digestOf } from '../../../src/content/digest.js';
import { LadingError } from '../../../src/errors.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source, Store } from '../../../src/store/store.js';
import {
  contentOf,
  type MadeImage,
  type MadeIndex,
  makeImage,
  makeIndex,
  pushAll,
} from '../../support/images.js';
import { codesOf, type Served, serve } from '../../support/registry-server.js';

describe('the manifest endpoint', () => {
  let store: Store;
  let served: Served;
  let oci: MadeImage;
  let docker: MadeImage;
  let index: MadeIndex;
  before(async () => {
    store = createMemoryStore();
    oci = await makeImage({ seed: 1 });
    docker = await makeImage({ seed: 2, format: 'docker' });
    index = makeIndex([oci, docker]);
    await pushAll(store, index.all);
    await store.tag(oci.manifest.descriptor, 'oci');
    await store.tag(docker.manifest.descriptor, 'docker');
    await store.tag(index.manifest.descriptor, 'all');
    served = await serve({ 'some/repository': store });
  });
  after(() => served.close());

  it('sends the stored bytes with their own type by tag and by digest, whatever is accepted', async () => {
    const named: [reference: string, made: MadeImage | MadeIndex][] = [
      ['oci', oci],
      ['docker', docker],
      ['all', index],
    ];
    for (const [tag, { manifest }] of named) {
      const { mediaType, digest, size } = manifest.descriptor;
      for (const reference of [tag, digest]) {
        for (const headers of [{}, { Accept: '*/*' }, { Accept: mediaType }, { Accept: 'text/html' }]) {
          const reply = await served.ask(`/v2/some/repository/manifests/${reference}`, { headers });
          assert.equal(reply.status, 200);
          assert.deepEqual(reply.body, manifest.bytes);
          assert.equal(reply.headers['content-type'], mediaType);
          assert.equal(reply.headers['content-length'], String(size));
          assert.equal(reply.headers['docker-content-digest'], digest);
          assert.equal(reply.headers.etag, `"${digest}"`);
        }
      }
    }
  });

  it('sends HEAD the same headers and nothing more', async () => {
    for (const reference of ['all', 'none']) {
      const path = `/v2/some/repository/manifests/${reference}`;
      const [got, head] = [await served.ask(path), await served.ask(path, { method: 'HEAD' })];
      assert.equal(head.status, got.status);
      assert.deepEqual({ ...head.headers, date: '' }, { ...got.headers, date: '' });
      assert.equal(head.body.length, 0);
    }
  });

  it('answers 304 to a client that has it', async () => {
    const headers = { 'If-None-Match': `"${oci.manifest.descriptor.digest}"` };
    assert.equal((await served.ask('/v2/some/repository/manifests/oci', { headers })).status, 304);
    assert.equal((await served.ask('/v2/some/repository/manifests/docker', { headers })).status, 200);
  });

  it('says which of repository, reference and manifest is wrong', async () => {
    const layer = oci.layers[0]?.descriptor.digest ?? '';
    const expected: [path: string, status: number, code: string][] = [
      ['/v2/other/manifests/oci', 404, 'NAME_UNKNOWN'],
      ['/v2/some/repository/manifests/none', 404, 'MANIFEST_UNKNOWN'],
      [`/v2/some/repository/manifests/${digestOf(Buffer.from('none'))}`, 404, 'MANIFEST_UNKNOWN'],
      // The conformance tests of the specification request this tag and expect 404.
      ['/v2/some/repository/manifests/.INVALID_MANIFEST_NAME', 404, 'MANIFEST_UNKNOWN'],
      [`/v2/some/repository/manifests/${'x'.repeat(129)}`, 404, 'MANIFEST_UNKNOWN'],
      ['/v2/some/repository/manifests/', 404, 'MANIFEST_UNKNOWN'],
      ['/v2/some/repository/manifests/..%2Fx', 404, 'MANIFEST_UNKNOWN'],
      ['/v2/some/repository/manifests/sha256:12', 400, 'DIGEST_INVALID'],
      [`/v2/some/repository/manifests/blake3:${'0'.repeat(64)}`, 400, 'DIGEST_INVALID'],
      [`/v2/some/repository/manifests/${layer}`, 404, 'MANIFEST_UNKNOWN'],
    ];
    for (const [path, status, code] of expected) {
      const reply = await served.ask(path);
      assert.deepEqual([reply.status, codesOf(reply)], [status, [code]], path);
    }
  });

  it('does not know a child that a sparse index only names', async () => {
    const gone = oci.manifest.descriptor.digest;
    const sparse: Source = {
      ...store,
      sizeOf: async (content) => (content.digest === gone ? undefined : store.sizeOf(content)),
      fetch: async (descriptor, options) => {
        if (descriptor.digest === gone) throw new LadingError('NOT_FOUND', 'gone');
        return store.fetch(descriptor, options);
      },
    };
    const lossy: Source = { ...sparse, sizeOf: async ({ size }) => size };
    const served = await serve({ sparse, lossy });
    try {
      for (const name of ['sparse', 'lossy']) {
        assert.equal((await served.ask(`/v2/${name}/manifests/all`)).status, 200);
        assert.deepEqual(codesOf(await served.ask(`/v2/${name}/manifests/${gone}`)), ['MANIFEST_UNKNOWN']);
      }
    } finally {
      await served.close();
    }
  });

  it('never gives a client a type that the store made up', async () => {
    const page = contentOf('text/html\r\nX-Evil: 1', Buffer.from('<script>'));
    const resolve = async (): Promise<Descriptor> => page.descriptor;
    const served = await serve({ evil: { ...store, resolve } });
    try {
      assert.deepEqual(codesOf(await served.ask('/v2/evil/manifests/latest')), ['MANIFEST_UNKNOWN']);
    } finally {
      await served.close();
    }
  });
});
