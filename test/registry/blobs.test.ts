import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { isLadingError } from '../../src/errors.js';
import { type Handler, sendError } from './http-server.js';
import { blob, content, manifestDigest, useRepository } from './repository.js';

const { start, connect } = useRepository();

/** Serves the blob as a registry with ranges does. */
const sendRange: Handler = (request, response) => {
  const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (request.headers.range === undefined) response.end(content);
  else
    response
      .writeHead(206, { 'content-range': `bytes ${first}-${content.byteLength - 1}/${content.byteLength}` })
      .end(content.subarray(first));
};

describe('getBlob', () => {
  it('gives everything, without a range', async () => {
    const { server, name } = await start(sendRange);
    assert.equal(await text(await connect().getBlob(name, blob, { size: 10 })), '0123456789');
    assert.equal(server.headers[0]?.range, undefined);
  });

  it('goes on from a byte by a range', async () => {
    const { server, name } = await start(sendRange);
    assert.equal(await text(await connect().getBlob(name, blob, { start: 4, size: 10 })), '456789');
    assert.equal(server.headers[0]?.range, 'bytes=4-');
  });

  it('skips what a server sends that knows no ranges, wherever its chunks end', async () => {
    const { name } = await start((_, response) => {
      response.writeHead(200);
      const write = (at: number) => {
        if (at === content.byteLength) response.end();
        else response.write(content.subarray(at, at + 1), () => setImmediate(write, at + 1));
      };
      write(0);
    });
    for (const start of [1, 5, 9]) {
      const stream = await connect().getBlob(name, blob, { start, size: 10 });
      assert.equal(await text(stream), '0123456789'.slice(start));
    }
  });

  it('skips within one chunk too', async () => {
    const { name } = await start((_, response) => response.end(content));
    assert.equal(await text(await connect().getBlob(name, blob, { start: 4, size: 10 })), '456789');
  });

  it('fails when the body ends before the byte to go on from', async () => {
    const { name } = await start((_, response) => response.end('012'));
    await assert.rejects(connect({ retries: 0 }).getBlob(name, blob, { start: 4, size: 10 }), (error) =>
      isLadingError(error, 'CUT_SHORT'),
    );
  });

  it('asks for nothing when all bytes are there', async () => {
    const { server, name } = await start(sendRange);
    assert.equal(await text(await connect().getBlob(name, blob, { start: 10, size: 10 })), '');
    assert.deepEqual(server.requests, []);
  });

  const wrong: [what: string, status: number, headers: Record<string, string>, start: number][] = [
    ['a later start', 206, { 'content-range': 'bytes 5-9/10' }, 4],
    ['another total', 206, { 'content-range': 'bytes 4-10/11' }, 4],
    ['no Content-Range', 206, {}, 4],
    ['a part that nobody asked for', 206, { 'content-range': 'bytes 0-3/10' }, 0],
    ['an empty success', 204, {}, 0],
    ['416', 416, { 'content-range': 'bytes */3', 'content-length': '9999' }, 4],
  ];
  for (const [what, status, headers, start_] of wrong) {
    it(`refuses ${what}, without a range too`, async () => {
      const { server, name } = await start((_, response) => {
        response.writeHead(status, headers);
        if (headers['content-length'] === undefined) response.end();
        else response.write('range', () => response.destroy()); // as distribution 2.8 does
      });
      await assert.rejects(connect().getBlob(name, blob, { start: start_, size: 10 }), (error) =>
        isLadingError(error, 'REGISTRY'),
      );
      assert.deepEqual(
        server.headers.map(({ range }) => range),
        start_ === 0 ? [undefined] : [`bytes=${start_}-`, undefined],
      );
    });
  }
});

describe('headBlob', () => {
  it('tells the size, or that there is none', async () => {
    const { server, name } = await start((request, response) => {
      if (request.url?.endsWith(blob)) response.writeHead(200, { 'content-length': 10 }).end();
      else sendError(response, 404, 'BLOB_UNKNOWN');
    });
    const client = connect();
    assert.deepEqual(await client.headBlob(name, blob), { size: 10 });
    assert.equal(await client.headBlob(name, manifestDigest), undefined);
    assert.equal(server.requests.length, 2);
  });

  it('reads the head of a GET where HEAD is not allowed', async () => {
    const { name } = await start((request, response) => {
      if (request.method === 'HEAD') sendError(response, 405, 'UNSUPPORTED');
      else {
        response.writeHead(200, { 'content-length': 10 });
        response.flushHeaders();
      }
    });
    assert.deepEqual(await connect().headBlob(name, blob), { size: 10 });
  });
});
