import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { sendError } from './http-server.js';
import { blob, content, useRepository } from './repository.js';

const { start, connect } = useRepository();
const size = content.length;
const REST = `bytes 4-${size - 1}/${size}`;

/** Sends the whole correctly, but a range as the test says. */
async function startWith(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  return start((request, response) => {
    if (request.headers.range !== undefined) answer(response, request);
    else response.writeHead(200, { 'content-length': size }).end(content);
  });
}

const part =
  (first: number, last = size - 1, total: number | string = size) =>
  (response: ServerResponse) => {
    const range = `bytes ${first}-${last}/${total}`;
    response.writeHead(206, { 'content-range': range }).end(content.subarray(first, last + 1));
  };

describe('a range that a server mishandles', () => {
  const wrong: [what: string, answer: (response: ServerResponse) => void][] = [
    ...[400, 401, 403, 404, 405, 406, 409, 410, 412, 416, 422, 501].map((status): (typeof wrong)[number] => [
      String(status),
      (response) => sendError(response, status, 'X'),
    ]),
    ['206 without Content-Range', (response) => void response.writeHead(206).end(content.subarray(4))],
    ['206 of another total', part(4, size - 1, size + 5)],
    ['206 from a later byte', part(6)],
    [
      '206 of several parts',
      (response) =>
        void response.writeHead(206, { 'content-type': 'multipart/byteranges; boundary=x' }).end('--x--'),
    ],
    [
      '206 of something compressed',
      (response) => {
        const bytes = gzipSync(content);
        const headers = {
          'content-range': `bytes 4-${bytes.length - 1}/${bytes.length}`,
          'content-encoding': 'gzip',
        };
        response.writeHead(206, headers).end(bytes.subarray(4));
      },
    ],
    [
      '206 of the rest, with the whole in it',
      (response) =>
        void response
          .writeHead(206, { 'content-range': `bytes 4-${size - 1}/${size}`, 'content-length': size })
          .end(content),
    ],
    ['204', (response) => void response.writeHead(204).end()],
  ];
  for (const [what, answer] of wrong) {
    it(`is asked for as a whole, once: ${what}`, async () => {
      const { server, name } = await startWith(answer);
      const body = await connect().getBlob(name, blob, { start: 4, size });
      assert.equal((await buffer(body)).toString(), content.subarray(4).toString());
      assert.deepEqual(
        server.headers.filter((_, place) => server.requests[place]?.includes(blob)).map(({ range }) => range),
        ['bytes=4-', undefined],
      );
    });
  }

  const vain: [what: string, answer: (response: ServerResponse) => void][] = [
    ['429', (response) => sendError(response, 429, 'TOOMANYREQUESTS')],
    ['503', (response) => sendError(response, 503, 'UNAVAILABLE')],
    ['206 without a byte', (response) => void response.writeHead(206, { 'content-range': REST }).end()],
    [
      'a body that is cut after a byte',
      (response) => {
        response.writeHead(206, { 'content-range': REST, 'content-length': size - 4 });
        response.write(content.subarray(4, 5), () => response.destroy());
      },
    ],
  ];
  for (const [what, answer] of vain) {
    it(`is given up after four tries that brought nothing: ${what}`, async () => {
      const { server, name } = await startWith(answer);
      const client = connect();
      const read = async (): Promise<Buffer> =>
        buffer(await client.getBlob(name, blob, { start: 4, size, retries: 0 }));
      for (let tries = 0; tries < 4; tries += 1) {
        const failed = await read().then(
          ({ length }) => length < size - 4,
          () => true,
        );
        assert.ok(failed);
      }
      assert.equal((await read()).toString(), content.subarray(4).toString());
      assert.deepEqual(
        server.headers.map(({ range }) => range),
        [...Array(4).fill('bytes=4-'), undefined],
      );
    });
  }

  it('ends where the blob does, whatever more comes: the next try takes it from the beginning', async () => {
    const { name } = await startWith((response) => {
      response.writeHead(206, { 'content-range': REST, 'transfer-encoding': 'chunked' }).end(content);
    });
    const body = await connect().getBlob(name, blob, { start: 4, size });
    await assert.rejects(buffer(body), { code: 'CUT_SHORT' });
  });

  for (const status of [201, 202, 206]) {
    it(`is not needed to see the whole in an answer with status ${status}`, async () => {
      const { name } = await start((_, response) => {
        const headers = { 'content-range': `bytes 0-${size - 1}/${size}` };
        response.writeHead(status, status === 206 ? headers : {}).end(content);
      });
      const body = await connect().getBlob(name, blob, { size });
      assert.equal((await buffer(body)).toString(), content.toString());
    });
  }

  for (const first of [0, 1, 3]) {
    it(`is used where it begins earlier, at byte ${first}`, async () => {
      const { server, name } = await startWith(part(first));
      const body = await connect().getBlob(name, blob, { start: 4, size });
      assert.equal((await buffer(body)).toString(), content.subarray(4).toString());
      assert.equal(server.requests.length, 1);
    });
  }

  for (const status of [500, 502, 504]) {
    it(`is left out of the next try after ${status}, which its caller makes`, async () => {
      const { server, name } = await startWith((response) => sendError(response, status, 'X'));
      const client = connect();
      const ask = () => client.getBlob(name, blob, { start: 4, size, retries: 0 });
      await assert.rejects(ask(), { status });
      assert.equal((await buffer(await ask())).toString(), content.subarray(4).toString());
      assert.equal(server.requests.length, 2);
    });
  }

  for (const status of [429, 503]) {
    it(`is not what ${status} is about at first`, async () => {
      const { server, name } = await startWith((response) => sendError(response, status, 'X'));
      const client = connect();
      await assert.rejects(client.getBlob(name, blob, { start: 4, size, retries: 0 }), { status });
      assert.deepEqual(
        server.headers.filter((_, place) => server.requests[place]?.includes(blob)).map(({ range }) => range),
        ['bytes=4-'],
      );
    });
  }
});
