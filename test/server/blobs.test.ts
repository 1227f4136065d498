import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { digestOf } from '../../src/content/digest.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { ReadonlyStore } from '../../src/store/store.js';
import { contentOf, pushAll, randomBytesFrom } from '../support/images.js';
import { codesOf, exchangeRaw, type Reply, type Served, serve } from '../support/registry-server.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('blob', 200_000));
const empty = contentOf('application/octet-stream', Buffer.alloc(0));
const { digest } = blob.descriptor;
const path = `/v2/a/blobs/${digest}`;

describe('the blob endpoint', () => {
  let served: Served;
  before(async () => {
    const store = createMemoryStore();
    await pushAll(store, [blob, empty]);
    served = await serve({ a: store });
  });
  after(() => served.close());

  it('sends the whole with what clients check it by', async () => {
    const reply = await served.ask(path);
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.body, blob.bytes);
    assertHeaders(reply, {
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=31536000',
      'content-length': '200000',
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      'docker-distribution-api-version': 'registry/2.0',
      etag: `"${digest}"`,
      'x-content-type-options': 'nosniff',
    });
  });

  it('sends HEAD the same headers and nothing more', async () => {
    for (const target of [
      path,
      `/v2/a/blobs/${empty.descriptor.digest}`,
      `/v2/a/blobs/${digestOf(Buffer.from('x'))}`,
    ]) {
      const [got, head] = [await served.ask(target), await served.ask(target, { method: 'HEAD' })];
      assert.equal(head.status, got.status);
      assert.equal(head.body.length, 0);
      const { date: _, ...expected } = got.headers;
      assertHeaders(head, expected);
    }
  });

  it('sends an empty blob', async () => {
    const reply = await served.ask(`/v2/a/blobs/${empty.descriptor.digest}`);
    assert.deepEqual([reply.status, reply.headers['content-length'], reply.body.length], [200, '0', 0]);
  });

  const ranges: [header: string, start: number, end: number][] = [
    ['bytes=0-0', 0, 0],
    ['bytes=100-131171', 100, 131_171],
    ['bytes=199999-', 199_999, 199_999],
    ['bytes=-1000', 199_000, 199_999],
    ['bytes=0-999999', 0, 199_999],
  ];
  for (const [header, start, end] of ranges) {
    it(`sends the part that "${header}" asks for`, async () => {
      const reply = await served.ask(path, { headers: { Range: header } });
      assert.equal(reply.status, 206);
      assert.equal(reply.headers['content-range'], `bytes ${start}-${end}/200000`);
      assert.equal(reply.headers['content-length'], String(end - start + 1));
      assert.ok(reply.body.equals(blob.bytes.subarray(start, end + 1)));
    });
  }

  it('refuses a range outside with the size, and a body as long as it says', async () => {
    for (const header of ['bytes=200000-', 'bytes=9-1', 'bytes=x']) {
      const reply = await served.ask(path, { headers: { Range: header } });
      assert.equal(reply.status, 416);
      assert.deepEqual(codesOf(reply), ['RANGE_INVALID']);
      assertHeaders(reply, {
        'content-range': 'bytes */200000',
        'content-length': String(reply.body.length),
      });
    }
  });

  it('sends the whole for several ranges, for an outdated If-Range, and for HEAD with a range', async () => {
    const several = await served.ask(path, { headers: { Range: 'bytes=0-1,4-5' } });
    const outdated = await served.ask(path, { headers: { Range: 'bytes=0-1', 'If-Range': '"other"' } });
    const head = await served.ask(path, { method: 'HEAD', headers: { Range: 'bytes=0-1' } });
    for (const reply of [several, outdated, head]) {
      assert.deepEqual([reply.status, reply.headers['content-length']], [200, '200000']);
    }
    const current = await served.ask(path, { headers: { Range: 'bytes=0-1', 'If-Range': `"${digest}"` } });
    assert.equal(current.status, 206);
  });

  it('answers 304 to a client that has it, before any range', async () => {
    for (const validator of [`"${digest}"`, `W/"${digest}"`, digest, '*', `"other", "${digest}"`]) {
      const reply = await served.ask(path, { headers: { 'If-None-Match': validator, Range: 'bytes=5-' } });
      assert.deepEqual([reply.status, reply.body.length], [304, 0]);
      assertHeaders(reply, { etag: `"${digest}"`, 'docker-content-digest': digest });
      assert.equal(reply.headers['content-length'], undefined);
    }
    assert.equal((await served.ask(path, { headers: { 'If-None-Match': '"other"' } })).status, 200);
  });

  it('says which of repository, digest and blob is wrong', async () => {
    const absent = digestOf(Buffer.from('absent'));
    const expected: [path: string, status: number, code: string][] = [
      [`/v2/none/blobs/${digest}`, 404, 'NAME_UNKNOWN'],
      [`/v2/a/blobs/${absent}`, 404, 'BLOB_UNKNOWN'],
      ['/v2/a/blobs/sha256:12', 400, 'DIGEST_INVALID'],
    ];
    for (const [target, status, code] of expected) {
      const reply = await served.ask(target);
      assert.deepEqual([reply.status, codesOf(reply)], [status, [code]]);
    }
  });
});

describe('the blob endpoint over a store in trouble', () => {
  let served: Served | undefined;
  afterEach(() => served?.close());

  /** A store that holds the blob, except for what `changes` makes of it. */
  async function serveChanged(
    changes: Partial<ReadonlyStore>,
  ): Promise<{ served: Served; errors: unknown[] }> {
    const store = createMemoryStore();
    await pushAll(store, [blob]);
    const errors: unknown[] = [];
    served = await serve({ a: { ...store, ...changes } }, { onRequest: ({ error }) => errors.push(error) });
    return { served, errors };
  }

  const half = blob.bytes.subarray(0, 100_000);
  const wrongBodies: [what: string, chunks: () => Iterable<Buffer>][] = [
    ['gives too little', () => [half]],
    ['gives nothing', () => []],
    ['gives a byte too much', () => [blob.bytes, Buffer.from('!')]],
    ['gives too much at once', () => [Buffer.concat([blob.bytes, half])]],
    [
      'fails half way',
      function* () {
        yield half;
        throw new Error('disk on fire');
      },
    ],
    [
      'fails after its last byte',
      function* () {
        yield blob.bytes;
        throw new Error('disk on fire');
      },
    ],
  ];
  for (const [what, chunks] of wrongBodies) {
    it(`cuts the connection when the store ${what}`, async () => {
      const changed = await serveChanged({ fetch: async () => Readable.from(chunks()) });
      const received = await exchangeRaw(changed.served.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const [, body = ''] = received.split('\r\n\r\n', 2);
      assert.ok(body.length < 200_000, `${body.length} bytes`);
      assert.ok(received === '' || received.includes('Content-Length: 200000\r\n'));
      await changed.served.close();
      assert.ok(changed.errors[0] instanceof Error);
    });
  }

  it('answers 500 without a word about why when the store fails before the head', async () => {
    const fetch = async () => Promise.reject(new Error('/secret/path is broken'));
    for (const changes of [{ fetch }, { resolveBlob: fetch }, { exists: fetch }]) {
      const changed = await serveChanged(changes);
      const reply = await changed.served.ask(path);
      assert.deepEqual([reply.status, codesOf(reply)], [500, ['UNKNOWN']]);
      assert.ok(!reply.body.includes('secret'));
      await changed.served.close();
      assert.match(String(changed.errors[0]), /secret/);
    }
  });

  it('does not know a blob whose bytes are gone', async () => {
    const { served } = await serveChanged({ exists: async () => false });
    assert.deepEqual(codesOf(await served.ask(path)), ['BLOB_UNKNOWN']);
    assert.equal((await served.ask(path, { method: 'HEAD' })).status, 404);
  });

  it('reads no more than a range needs', async () => {
    let destroyed = false;
    let given = 0;
    const fetch: ReadonlyStore['fetch'] = async (_, { start } = {}) => {
      assert.equal(start, 50_000);
      return new Readable({
        read() {
          given += 1000;
          this.push(blob.bytes.subarray(given - 1000 + 50_000, given + 50_000));
        },
        destroy(error, callback) {
          destroyed = true;
          callback(error);
        },
        highWaterMark: 1000,
      });
    };
    const changed = await serveChanged({ fetch });
    const reply = await changed.served.ask(path, { headers: { Range: 'bytes=50000-59999' } });
    assert.equal(reply.complete, true);
    assert.ok(reply.body.equals(blob.bytes.subarray(50_000, 60_000)));
    assert.ok(given <= 20_000, `${given} bytes were read`);
    assert.equal(destroyed, true);
    await changed.served.close();
    assert.deepEqual(changed.errors, [undefined]);
  });
});

function assertHeaders(reply: Reply, expected: NodeJS.Dict<string | string[]>): void {
  const actual = Object.fromEntries(Object.keys(expected).map((name) => [name, reply.headers[name]]));
  assert.deepEqual(actual, { ...expected });
}
