import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { EMPTY_LAYER } from '../../../src/manifest/convert/empty-layer.js';
import { createSigningKey, signSchema1 } from '../../../src/manifest/convert/sign-schema1.js';
import { manifestDigest } from '../../../src/manifest/manifest.js';
import {
  type Content,
  contentOf,
  jsonContent,
  type MadeImage,
  makeImage,
  makeIndex,
  makeReferrer,
} from '../../support/images.js';
import { codesOf, type Reply } from '../../support/registry-server.js';
import { serveWritable, type WritableServed } from '../../support/writable-server.js';

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

describe('pushing a manifest', () => {
  let served: WritableServed;
  let oci: MadeImage;
  let docker: MadeImage;
  before(async () => {
    oci = await makeImage({ seed: 1 });
    docker = await makeImage({ seed: 2, format: 'docker' });
  });
  beforeEach(async () => {
    served = await serveWritable();
    await served.pushAll([...oci.layers, oci.config, ...docker.layers, docker.config]);
  });
  afterEach(() => served.close());

  const get = (reference: string) => served.ask(`/v2/a/manifests/${reference}`);
  const put = (content: Content, reference?: string) => served.pushManifest(content, reference);

  function assertRefused(reply: Reply, status: number, ...codes: string[]): void {
    assert.deepEqual([reply.status, codesOf(reply)], [status, codes]);
  }

  async function assertServed(reference: string, { bytes, descriptor }: Content): Promise<void> {
    const reply = await get(reference);
    assert.equal(reply.status, 200, reference);
    assert.deepEqual(reply.body, bytes);
    assert.equal(reply.headers['content-type'], descriptor.mediaType);
    assert.equal(reply.headers['docker-content-digest'], descriptor.digest);
  }

  it('keeps its bytes under its digest, and under the tag that is named', async () => {
    for (const { manifest } of [oci, docker]) {
      const reply = await put(manifest, 'v1');
      assert.equal(reply.status, 201);
      assert.equal(reply.headers.location, `/v2/a/manifests/${manifest.descriptor.digest}`);
      assert.equal(reply.headers['docker-content-digest'], manifest.descriptor.digest);
      assert.equal(reply.headers['oci-subject'], undefined);
      assert.equal(reply.headers['oci-tag'], undefined);
      assert.equal(reply.headers['content-length'], '0');
      await assertServed('v1', manifest);
      await assertServed(manifest.descriptor.digest, manifest);
    }
    assert.equal((await get(oci.manifest.descriptor.digest)).status, 200);
  });

  it('needs no tag', async () => {
    assert.equal((await put(oci.manifest)).status, 201);
    await assertServed(oci.manifest.descriptor.digest, oci.manifest);
    assert.deepEqual(JSON.parse((await served.ask('/v2/a/tags/list')).body.toString()).tags, []);
  });

  it('takes several tags beside a digest, and says which', async () => {
    const reply = await put(oci.manifest, `${oci.manifest.descriptor.digest}?tag=a&tag=b&tag=a`);
    assert.equal(reply.status, 201);
    assert.equal(reply.headers['oci-tag'], 'a, b');
    for (const tag of ['a', 'b']) await assertServed(tag, oci.manifest);
    assertRefused(
      await put(oci.manifest, `${oci.manifest.descriptor.digest}?tag=a&tag=../b`),
      400,
      'TAG_INVALID',
    );
  });

  it('keeps it under its sha512, where that is what the client names', async () => {
    const digest = digestOf(oci.manifest.bytes, 'sha512');
    const reply = await put(oci.manifest, `${digest}?tag=long`);
    assert.equal(reply.status, 201);
    assert.equal(reply.headers['docker-content-digest'], digest);
    const expected = { ...oci.manifest, descriptor: { ...oci.manifest.descriptor, digest } };
    await assertServed(digest, expected);
    await assertServed('long', expected);
  });

  it('moves a tag', async () => {
    await put(oci.manifest, 'v1');
    await put(docker.manifest, 'v1');
    await assertServed('v1', docker.manifest);
    await assertServed(oci.manifest.descriptor.digest, oci.manifest);
  });

  it('is told its type by the document, where the header says nothing', async () => {
    for (const type of [
      'application/json',
      'text/plain; charset=utf-8',
      'application/octet-stream',
      undefined,
    ]) {
      const path = `/v2/a/manifests/${oci.manifest.descriptor.digest}`;
      const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
      const reply = await served.ask(path, { method: 'PUT', headers, body: oci.manifest.bytes });
      assert.equal(reply.status, 201, type);
    }
    await assertServed(oci.manifest.descriptor.digest, oci.manifest);
  });

  it('refuses a type that is not that of the document, or of no manifest', async () => {
    const { bytes } = docker.manifest;
    for (const type of [
      MEDIA_TYPE.ociManifest,
      MEDIA_TYPE.dockerManifestList,
      MEDIA_TYPE.ociConfig,
      'text/html',
    ])
      assertRefused(await put(contentOf(type, bytes), 'v1'), 400, 'MANIFEST_INVALID');
    assert.equal((await get('v1')).status, 404);
  });

  it('refuses names that are none', async () => {
    assertRefused(await put(oci.manifest, '.hidden'), 400, 'TAG_INVALID');
    assertRefused(await put(oci.manifest, '..%2F..%2Fx'), 400, 'TAG_INVALID');
    assertRefused(await put(oci.manifest, 'x'.repeat(129)), 400, 'TAG_INVALID');
    assertRefused(await put(oci.manifest, 'sha256:baddigeststring'), 400, 'DIGEST_INVALID');
    assertRefused(await put(oci.manifest, `md5:${'0'.repeat(32)}`), 400, 'DIGEST_INVALID');
  });

  it('refuses bytes of another digest', async () => {
    assertRefused(await put(oci.manifest, docker.manifest.descriptor.digest), 400, 'DIGEST_INVALID');
    assertRefused(await put(oci.manifest, digestOf(Buffer.from('x'), 'sha512')), 400, 'DIGEST_INVALID');
    const spaced = { ...oci.manifest, bytes: Buffer.concat([oci.manifest.bytes, Buffer.from('  ')]) };
    assertRefused(await put(spaced), 400, 'DIGEST_INVALID');
  });

  const invalid: [what: string, text: (valid: Record<string, unknown>) => string][] = [
    ['nothing', () => ''],
    ['no JSON', () => '{'],
    ['two documents', (valid) => JSON.stringify(valid) + JSON.stringify(valid)],
    ['a list', () => '[]'],
    ['a byte order mark', (valid) => `\ufeff${JSON.stringify(valid)}`],
    ['a manifest and an index in one', (valid) => JSON.stringify({ ...valid, manifests: [] })],
    ['an index for those who ignore case', (valid) => JSON.stringify({ ...valid, Manifests: null })],
    ['a member twice', (valid) => JSON.stringify(valid).replace('{', '{"config":{},')],
    ['another version', (valid) => JSON.stringify({ ...valid, schemaVersion: 3 })],
    ['no config', (valid) => JSON.stringify({ ...valid, config: undefined })],
    [
      'a digest that leads out of the store',
      (valid) =>
        JSON.stringify({ ...valid, layers: [{ mediaType: 'x', size: 1, digest: 'sha256:../../x' }] }),
    ],
    [
      'a negative size',
      (valid) => JSON.stringify({ ...valid, config: { ...(valid.config as object), size: -1 } }),
    ],
    ['depth without end', () => '['.repeat(100_000)],
  ];
  for (const [what, text] of invalid) {
    it(`refuses ${what}`, async () => {
      const bytes = Buffer.from(text(JSON.parse(oci.manifest.bytes.toString())));
      assertRefused(await put(contentOf(MEDIA_TYPE.ociManifest, bytes), 'bad'), 400, 'MANIFEST_INVALID');
      assert.equal((await get('bad')).status, 404);
    });
  }

  it('refuses what is too large, whether it says so or not', async () => {
    const bytes = Buffer.alloc(MAX_MANIFEST_BYTES + 1, ' ');
    assertRefused(await put(contentOf(MEDIA_TYPE.ociManifest, bytes), 'big'), 413, 'MANIFEST_INVALID');
    const streamed = await served.ask('/v2/a/manifests/big', {
      method: 'PUT',
      headers: { 'Transfer-Encoding': 'chunked' },
      body: bytes,
    });
    assertRefused(streamed, 413, 'MANIFEST_INVALID');
    const padding = ' '.repeat(MAX_MANIFEST_BYTES - oci.manifest.bytes.length);
    const largest = contentOf(MEDIA_TYPE.ociManifest, Buffer.from(oci.manifest.bytes + padding));
    assert.equal((await put(largest)).status, 201);

    const strict = await serveWritable({ maxManifestBytes: 100 });
    assertRefused(await strict.pushManifest(oci.manifest), 413, 'MANIFEST_INVALID');
    await strict.close();
  });

  it('names every blob that is missing, once each', async () => {
    const { manifest, config, layers } = await makeImage({ seed: 3, layers: [10, 20, 30] });
    const [first, second, third] = layers;
    assert.ok(first && second && third);
    await served.pushBlob(second);
    const reply = await put(manifest, 'v1');
    assert.equal(reply.status, 400);
    assert.deepEqual(
      JSON.parse(reply.body.toString()).errors,
      [config, first, third].map(({ descriptor }) => ({
        code: 'MANIFEST_BLOB_UNKNOWN',
        message: 'blob unknown to registry',
        detail: descriptor.digest,
      })),
    );
    assert.equal((await get('v1')).status, 404);
  });

  it('does not take a blob of another repository, or a manifest, for one of its own', async () => {
    const image = await makeImage({ seed: 4 });
    await served.pushAll(image.all, 'other');
    assert.equal((await put(image.manifest)).status, 400);
    await served.pushAll([...image.layers, image.config]);
    assert.equal((await put(image.manifest)).status, 201);
    const index = makeIndex([image]);
    await served.pushBlob(oci.manifest);
    assert.equal((await put(index.manifest)).status, 201);
    assertRefused(await put(makeIndex([oci]).manifest), 400, 'MANIFEST_BLOB_UNKNOWN');
  });

  it('refuses a manifest that is wrong about the length of a blob', async () => {
    const document = JSON.parse(oci.manifest.bytes.toString());
    document.layers[0].size += 1;
    assertRefused(await put(jsonContent(MEDIA_TYPE.ociManifest, document)), 400, 'MANIFEST_INVALID');
  });

  it('wants the children of an index, unless it may be sparse', async () => {
    const index = makeIndex([oci, docker]);
    await put(oci.manifest);
    const reply = await put(index.manifest, 'all');
    assertRefused(reply, 400, 'MANIFEST_BLOB_UNKNOWN');
    assert.equal(JSON.parse(reply.body.toString()).errors[0].detail, docker.manifest.descriptor.digest);
    await put(docker.manifest);
    assert.equal((await put(index.manifest, 'all')).status, 201);
    await assertServed('all', index.manifest);
    assert.equal((await put(makeIndex([index]).manifest, 'nested')).status, 201);
    assert.equal((await put(makeIndex([]).manifest, 'empty')).status, 201);
  });

  it('takes sparse manifests where it may, but none without its config', async () => {
    const sparse = await serveWritable({ allowSparse: true });
    const index = makeIndex([oci, docker]);
    await sparse.pushAll([oci.config, oci.manifest]);
    assert.equal((await sparse.pushManifest(index.manifest, 'all')).status, 201);
    assert.deepEqual((await sparse.ask('/v2/a/manifests/all')).body, index.manifest.bytes);
    assert.equal((await sparse.ask(`/v2/a/manifests/${docker.manifest.descriptor.digest}`)).status, 404);
    assertRefused(await sparse.pushManifest(docker.manifest), 400, 'MANIFEST_BLOB_UNKNOWN');
    await sparse.close();
  });

  it('needs no foreign layer that says where it is', async () => {
    const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const layer = { mediaType, size: 5, digest: digestOf(Buffer.from('windows')) };
    const document = JSON.parse(docker.manifest.bytes.toString());
    const withLayer = (layer: object) =>
      jsonContent(MEDIA_TYPE.dockerManifest, { ...document, layers: [layer, ...document.layers] });
    const urls = ['https://mcr.example.com/layer'];
    assert.equal((await put(withLayer({ ...layer, urls }))).status, 201);
    assertRefused(await put(withLayer(layer)), 400, 'MANIFEST_BLOB_UNKNOWN');
    const ordinary = { ...layer, urls, mediaType: MEDIA_TYPE.dockerLayerGzip };
    assertRefused(await put(withLayer(ordinary)), 400, 'MANIFEST_BLOB_UNKNOWN');
  });

  it('lists a manifest with a subject among its referrers at once, the subject being there or not', async () => {
    const subject = oci.manifest.descriptor;
    const referrer = makeReferrer(subject, {
      artifactType: 'text/x-note',
      payload: 'note',
      annotations: { 'org.example.about': 'this' },
    });
    await served.pushAll([...referrer.layers, referrer.config]);
    const reply = await put(referrer.manifest);
    assert.equal(reply.status, 201);
    assert.equal(reply.headers['oci-subject'], subject.digest);
    const list = async (query = '') =>
      JSON.parse((await served.ask(`/v2/a/referrers/${subject.digest}${query}`)).body.toString()).manifests;
    const entry = {
      ...referrer.manifest.descriptor,
      artifactType: 'text/x-note',
      annotations: { 'org.example.about': 'this' },
    };
    assert.deepEqual(await list(), [entry]);
    assert.deepEqual(await list('?artifactType=text/x-note'), [entry]);
    assert.deepEqual(await list('?artifactType=other'), []);
    await served.ask(`/v2/a/manifests/${entry.digest}`, { method: 'DELETE' });
    assert.deepEqual(await list(), []);
  });

  it('has no referrers in a repository that nobody pushed to, which is no error', async () => {
    const reply = await served.ask(`/v2/new/referrers/${digestOf(Buffer.from('x'))}`);
    assert.equal(reply.status, 200);
    assert.deepEqual(JSON.parse(reply.body.toString()).manifests, []);
    assertRefused(await served.ask('/v2/new/tags/list'), 404, 'NAME_UNKNOWN');
  });
});

describe('pushing a schema1 manifest', () => {
  const payload = Buffer.from(
    JSON.stringify({
      schemaVersion: 1,
      name: 'a',
      tag: '1',
      architecture: 'amd64',
      fsLayers: [{ blobSum: EMPTY_LAYER.digest }],
      history: [{ v1Compatibility: JSON.stringify({ id: '0'.repeat(64), created: '2013-11-21T02:05:56Z' }) }],
    }),
  );
  const signed = signedContent();
  let served: WritableServed;
  beforeEach(async () => {
    served = await serveWritable();
  });
  afterEach(() => served.close());

  function signedContent(): Content {
    const bytes = signSchema1(payload, createSigningKey());
    const mediaType = MEDIA_TYPE.dockerSchema1Signed;
    return { bytes, descriptor: { mediaType, digest: manifestDigest(bytes, mediaType), size: bytes.length } };
  }

  const pushLayer = () => served.pushBlob(contentOf('application/octet-stream', EMPTY_LAYER.bytes));

  it('names it by the digest of what is signed', async () => {
    await pushLayer();
    for (const reference of ['1', signed.descriptor.digest]) {
      const reply = await served.pushManifest(signed, reference);
      assert.equal(reply.status, 201, reply.body.toString());
      assert.equal(reply.headers['docker-content-digest'], digestOf(payload));
    }
    const again = signedContent();
    assert.equal((await served.pushManifest(again, '2')).status, 201);
    for (const reference of ['1', '2', digestOf(payload)])
      assert.deepEqual((await served.ask(`/v2/a/manifests/${reference}`)).body, again.bytes);
  });

  it('wants its layers', async () => {
    const reply = await served.pushManifest(signed, '1');
    assert.deepEqual([reply.status, codesOf(reply)], [400, ['MANIFEST_BLOB_UNKNOWN']]);
  });

  it('refuses one that is not signed, or signed otherwise', async () => {
    await pushLayer();
    const text = signed.bytes.toString();
    const [, signature = ''] = /"signature": ?"([^"]+)"/.exec(text) ?? [];
    const forged = Buffer.from(
      text.replace(
        signature,
        signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')),
      ),
    );
    const unsigned = contentOf(MEDIA_TYPE.dockerSchema1, payload);
    for (const content of [unsigned, { ...signed, bytes: forged }]) {
      const reply = await served.pushManifest(content, '1');
      assert.deepEqual([reply.status, codesOf(reply)], [400, ['MANIFEST_UNVERIFIED']]);
    }
  });
});
