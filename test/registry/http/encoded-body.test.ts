import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { isLadingError } from '../../../src/errors.js';
import { randomBytesFrom } from '../../support/images.js';
import { collect } from '../http-server.js';
import { blob, manifest, useRepository } from '../repository.js';

const { start, connect } = useRepository();

/** Sends bytes in chunks, so that there is no Content-Length. */
const answering = (bytes: Buffer, headers: Record<string, string>) =>
  start((_, response) => {
    response.writeHead(200, headers);
    response.write(bytes.subarray(0, 10));
    response.end(bytes.subarray(10));
  });

describe('documents that come compressed though they were asked for as they are', () => {
  const text = manifest.toString();
  const ways: [what: string, bytes: Buffer, headers: Record<string, string>][] = [
    ['in gzip', gzipSync(manifest), { 'content-encoding': 'gzip' }],
    ['in x-gzip', gzipSync(manifest), { 'content-encoding': 'x-gzip' }],
    ['in gzip that no header tells of', gzipSync(manifest), {}],
    ['in Brotli', brotliCompressSync(manifest), { 'content-encoding': 'br' }],
    ['in deflate', deflateSync(manifest), { 'content-encoding': 'deflate' }],
    ['in deflate without the header of zlib', deflateRawSync(manifest), { 'content-encoding': 'deflate' }],
    ['in gzip twice', gzipSync(gzipSync(manifest)), { 'content-encoding': 'gzip, gzip' }],
    ['in Brotli, then in gzip', gzipSync(brotliCompressSync(manifest)), { 'content-encoding': 'br, gzip' }],
    ['in an encoding by another case', gzipSync(manifest), { 'content-encoding': 'GZIP' }],
    ['as they are, under a header that says deflate', manifest, { 'content-encoding': 'deflate' }],
    ['as they are, under a header that says gzip', manifest, { 'content-encoding': 'gzip' }],
    ['as they are, under a header that says br', manifest, { 'content-encoding': 'br' }],
  ];
  for (const [what, bytes, headers] of ways) {
    it(`are read: ${what}`, async () => {
      const { name } = await answering(bytes, headers);
      assert.equal((await connect().getManifest(name, '1')).bytes.toString(), text);
    });
  }

  it('are read as lists too', async () => {
    const { name } = await answering(gzipSync('{"tags":["a"]}'), { 'content-encoding': 'gzip' });
    assert.deepEqual(await collect(connect().listTags(name)), ['a']);
  });

  it('are not larger when decompressed than they may be as they are', async () => {
    const { name } = await answering(gzipSync(Buffer.alloc(5_000_000)), { 'content-encoding': 'gzip' });
    await assert.rejects(connect().getManifest(name, '1'), (error) => isLadingError(error, 'TOO_LARGE'));
  });

  it('are asked for again when they are not whole', async () => {
    const { server, name } = await answering(gzipSync(manifest).subarray(0, -6), {
      'content-encoding': 'gzip',
    });
    await assert.rejects(connect({ retries: 1 }).getManifest(name, '1'), { code: 'CUT_SHORT' });
    assert.equal(server.requests.length, 2);
  });
});

describe('JSON that is announced as something else', () => {
  for (const type of ['text/html', 'text/html; charset=utf-8', 'text/plain', 'application/octet-stream']) {
    it(`is a manifest all the same: ${type}`, async () => {
      const { name } = await start((_, response) => {
        response.writeHead(200, { 'content-type': type }).end(manifest);
      });
      const answer = await connect().getManifest(name, '1');
      assert.ok(answer.bytes.equals(manifest));
      assert.notEqual(answer.mediaType, 'text/html');
    });
  }
});

describe('blobs that come compressed though they were asked for as they are', () => {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', padding: 'x'.repeat(300) }));
  const layer = gzipSync(randomBytesFrom('a layer', 200_000));

  const ways: [what: string, stored: Buffer, sent: Buffer, isCompressed: boolean | undefined][] = [
    ['a config in gzip', config, gzipSync(config), false],
    ['a config as it is, under a header that lies', config, config, false],
    ['a layer in gzip once more', layer, gzipSync(layer), true],
    ['a layer as it is, under a header that lies', layer, layer, true],
    ['a layer as it is, of a type that tells nothing', layer, layer, undefined],
  ];
  for (const [what, stored, sent, isCompressed] of ways) {
    it(`are given as they are stored: ${what}`, async () => {
      const { name } = await answering(sent, { 'content-encoding': 'gzip' });
      const body = await connect().getBlob(name, blob, { size: stored.length, isCompressed });
      assert.ok((await buffer(body)).equals(stored));
    });
  }

  const encodings: [encoding: string, compress: (bytes: Buffer) => Buffer][] = [
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
  ];
  for (const [encoding, compress] of encodings) {
    for (const [what, stored, isCompressed] of [
      ['a config', config, false],
      ['a layer', layer, true],
    ] as const)
      it(`are given as they are stored: ${what} in ${encoding} (${compress.name}), and under a header that lies`, async () => {
        for (const sent of [compress(stored), stored]) {
          const { name } = await answering(sent, { 'content-encoding': encoding });
          const body = await connect().getBlob(name, blob, { size: stored.length, isCompressed });
          assert.ok((await buffer(body)).equals(stored));
        }
      });
  }

  it('go on from a byte of what is stored', async () => {
    const { name } = await answering(gzipSync(config), { 'content-encoding': 'gzip' });
    const body = await connect().getBlob(name, blob, {
      size: config.length,
      isCompressed: false,
      start: 100,
    });
    assert.ok((await buffer(body)).equals(config.subarray(100)));
  });

  it('end as a broken connection does when they are cut within', async () => {
    const { name } = await answering(gzipSync(config).subarray(0, -20), { 'content-encoding': 'gzip' });
    const body = await connect().getBlob(name, blob, { size: config.length, isCompressed: false });
    await assert.rejects(buffer(body), { code: 'CUT_SHORT' });
  });
});
