import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { isLadingError } from '../../src/errors.js';
import { type Handler, serve, type TestServer } from './http-server.js';
import { blob, content, useRepository } from './repository.js';

const { start, connect } = useRepository();
const size = content.byteLength;

/** Serves parts of the blob as a registry or a bucket with ranges does. */
const sendRange: Handler = (request, response) => {
  const [, first, last] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []).map(Number);
  if (first === undefined || last === undefined) response.end(content);
  else
    response
      .writeHead(206, { 'content-range': `bytes ${first}-${last}/${size}` })
      .end(content.subarray(first, last + 1));
};

describe('getBlobRange', () => {
  it('gives this part and no more', async () => {
    const { server, name } = await start(sendRange);
    const client = connect();
    assert.equal(await text(await client.getBlobRange(name, blob, { start: 0, length: 4, size })), '0123');
    assert.equal(await text(await client.getBlobRange(name, blob, { start: 6, length: 4, size })), '6789');
    assert.deepEqual(
      server.headers.map(({ range }) => range),
      ['bytes=0-3', 'bytes=6-9'],
    );
  });

  const wrong: [what: string, status: number, headers: Record<string, string>, body: string][] = [
    ['the whole blob', 200, {}, '0123456789'],
    ['another part', 206, { 'content-range': 'bytes 3-6/10' }, '3456'],
    ['a shorter part', 206, { 'content-range': 'bytes 2-4/10' }, '234'],
    ['a part of something else', 206, { 'content-range': 'bytes 2-5/11' }, '2345'],
    ['another length', 206, { 'content-range': 'bytes 2-5/10', 'content-length': '3' }, '234'],
    [
      'an encoded part',
      206,
      { 'content-range': 'bytes 2-5/10', 'content-encoding': 'gzip', 'content-length': '4' },
      '2345',
    ],
    ['several parts', 206, { 'content-type': 'multipart/byteranges; boundary=x' }, '--x--'],
    ['416', 416, { 'content-range': 'bytes */3' }, ''],
  ];
  for (const [what, status, headers, body] of wrong) {
    it(`refuses ${what}, and does not ask for everything`, async () => {
      const { server, name } = await start((_, response) => response.writeHead(status, headers).end(body));
      await assert.rejects(
        connect().getBlobRange(name, blob, { start: 2, length: 4, size }),
        (error) => isLadingError(error, 'REGISTRY') || isLadingError(error, 'REFUSED'),
      );
      assert.equal(server.requests.length, 1);
    });
  }

  it('fails where a body without a length is longer', async () => {
    const { name } = await start((_, response) => {
      response.writeHead(206, { 'content-range': 'bytes 2-5/10' });
      response.write('23');
      response.end('456');
    });
    const body = await connect().getBlobRange(name, blob, { start: 2, length: 4, size });
    await assert.rejects(text(body), (error) => isLadingError(error, 'CUT_SHORT'));
  });

  describe('of a blob in a bucket', () => {
    let bucket: TestServer;
    let answer: Handler;
    beforeEach(async () => {
      answer = sendRange;
      bucket = await serve((request, response) => answer(request, response));
    });
    afterEach(() => bucket.close());

    const startRegistry = ({ asksForLogin = false } = {}) => {
      let redirects = 0;
      return start((request, response) => {
        if (asksForLogin && request.headers.authorization === undefined)
          response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
        else response.writeHead(307, { location: `${bucket.origin}/object?signature=${++redirects}` }).end();
      });
    };

    it('asks the registry once, and sends no credentials to the bucket', async () => {
      const { server, name } = await startRegistry({ asksForLogin: true });
      const credentials = async () => ({ username: 'someone', password: 'secret', source: 'the test' });
      const client = connect({ credentials });
      for (const first of [0, 4])
        assert.equal(
          await text(await client.getBlobRange(name, blob, { start: first, length: 2, size })),
          `${first}${first + 1}`,
        );
      const known = server.headers.map(({ authorization }) => authorization !== undefined);
      assert.deepEqual(known, [false, true]);
      assert.deepEqual(bucket.requests, ['GET /object?signature=1', 'GET /object?signature=1']);
      assert.ok(bucket.headers.every(({ authorization }) => authorization === undefined));
    });

    for (const status of [403, 404, 307, 500]) {
      it(`asks the registry again after ${status}`, async () => {
        const { server, name } = await startRegistry();
        const client = connect();
        await text(await client.getBlobRange(name, blob, { start: 0, length: 2, size }));
        answer = (request, response) => {
          if (request.url?.endsWith('=1'))
            response.writeHead(status, status === 307 ? { location: '/elsewhere' } : {}).end();
          else sendRange(request, response);
        };
        for (const first of [2, 4, 6])
          assert.equal(
            await text(await client.getBlobRange(name, blob, { start: first, length: 2, size })),
            `${first}${first + 1}`,
          );
        assert.equal(server.requests.length, 2);
      });
    }

    it('does not ask the registry for another place where the bucket is busy', async () => {
      const { server, name } = await startRegistry();
      const client = connect({ wait: async () => undefined });
      await text(await client.getBlobRange(name, blob, { start: 0, length: 2, size }));
      for (const status of [429, 503]) {
        answer = (_, response) => response.writeHead(status).end();
        const asking = client.getBlobRange(name, blob, { start: 2, length: 2, size, retries: 0 });
        await assert.rejects(asking, { status });
      }
      answer = sendRange;
      assert.equal(await text(await client.getBlobRange(name, blob, { start: 2, length: 2, size })), '23');
      assert.deepEqual([server.requests.length, bucket.requests.length], [1, 4]);
    });

    it('asks the registry again after a broken connection', async () => {
      const { server, name } = await startRegistry();
      const client = connect({ wait: async () => undefined });
      await text(await client.getBlobRange(name, blob, { start: 0, length: 2, size }));
      answer = (request, response) => {
        if (request.url?.endsWith('=1')) response.destroy();
        else sendRange(request, response);
      };
      const body = await client.getBlobRange(name, blob, { start: 2, length: 2, size });
      assert.equal(await text(body), '23');
      assert.equal(server.requests.length, 2);
    });
  });
});
