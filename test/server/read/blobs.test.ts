import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { digestOf } from '../../../src/content/digest.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source } from '../../../src/store/store.js';
import { contentOf, pushAll, randomBytesFrom } from '../../support/images.js';
import { codesOf, exchangeRaw, type Reply, type Served, serve } from '../../support/registry-server.js';

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
    for (const header of ['bytes=200000-', 'bytes=9-1', 'bytes=x', 'bytes=200000-,-0', 'bytes=0-1,x']) {
      const reply = await served.ask(path, { headers: { Range: header } });
      assert.equal(reply.status, 416);
      assert.deepEqual(codesOf(reply), ['RANGE_INVALID']);
      assertHeaders(reply, {
        'content-range': 'bytes */200000',
        'content-length': String(reply.body.length),
      });
    }
  });

  const severals: [header: string, parts: [start: number, end: number][]][] = [
    [
      'bytes=0-1,4-5',
      [
        [0, 1],
        [4, 5],
      ],
    ],
    [
      'bytes=199990-,100-131171, 0-0',
      [
        [199_990, 199_999],
        [100, 131_171],
        [0, 0],
      ],
    ],
    [
      'bytes=-1,10-19,300000-,15-29',
      [
        [199_999, 199_999],
        [10, 29],
      ],
    ],
  ];
  for (const [header, expected] of severals) {
    it(`sends the parts that "${header}" asks for, each with its place`, async () => {
      const reply = await served.ask(path, { headers: { Range: header } });
      assert.deepEqual([reply.status, reply.complete], [206, true]);
      assert.equal(reply.headers['content-range'], undefined);
      assertHeaders(reply, { etag: `"${digest}"`, 'content-length': String(reply.body.length) });
      assert.deepEqual(
        partsOf(reply),
        expected.map(([start, end]) => ({
          head: {
            'content-type': 'application/octet-stream',
            'content-range': `bytes ${start}-${end}/200000`,
          },
          body: blob.bytes.subarray(start, end + 1),
        })),
      );
    });
  }

  it('sends one part without a frame where only one of several ranges is left', async () => {
    for (const header of ['bytes=0-9,5-99', 'bytes=0-99,200000-', 'bytes=50-99,0-49']) {
      const reply = await served.ask(path, { headers: { Range: header } });
      assert.equal(reply.status, 206);
      assertHeaders(reply, { 'content-range': 'bytes 0-99/200000', 'content-length': '100' });
      assert.ok(reply.body.equals(blob.bytes.subarray(0, 100)));
    }
  });

  it('sends the whole for an outdated or weak If-Range, and for HEAD with a range', async () => {
    for (const range of ['bytes=0-1', 'bytes=0-1,4-5', 'bytes=200000-']) {
      const requests = [
        { headers: { Range: range, 'If-Range': '"other"' } },
        { headers: { Range: range, 'If-Range': `W/"${digest}"` } },
        { headers: { Range: range, 'If-Range': 'Thu, 01 Jan 2026 00:00:00 GMT' } },
        { method: 'HEAD', headers: { Range: range } },
      ];
      for (const request of requests) {
        const reply = await served.ask(path, request);
        assert.deepEqual([reply.status, reply.headers['content-length']], [200, '200000']);
      }
    }
    const current = await served.ask(path, { headers: { Range: 'bytes=0-1', 'If-Range': `"${digest}"` } });
    assert.equal(current.status, 206);
  });

  it('answers 304 to a client that has it, before any range', async () => {
    for (const validator of [
      `"${digest}"`,
      `W/"${digest}"`,
      digest,
      '*',
      `"other", "${digest}"`,
      `W/"other",W/"${digest}" , "third"`,
    ]) {
      const reply = await served.ask(path, { headers: { 'If-None-Match': validator, Range: 'bytes=5-' } });
      assert.deepEqual([reply.status, reply.body.length], [304, 0]);
      assertHeaders(reply, { etag: `"${digest}"`, 'docker-content-digest': digest });
      assert.equal(reply.headers['content-length'], undefined);
    }
    for (const validator of ['"other"', '', ',', '"other", W/"third"', `"${digest}x"`])
      assert.equal((await served.ask(path, { headers: { 'If-None-Match': validator } })).status, 200);
    const head = await served.ask(path, { method: 'HEAD', headers: { 'If-None-Match': `"${digest}"` } });
    assert.equal(head.status, 304);
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

  /** Serves a store with the blob and with some methods replaced by `changes`. */
  async function serveChanged(changes: Partial<Source>): Promise<{ served: Served; errors: unknown[] }> {
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
    it(`answers 500, or cuts the connection, when the store ${what}`, async () => {
      const changed = await serveChanged({ fetch: async () => Readable.from(chunks()) });
      const received = await exchangeRaw(
        changed.served.port,
        `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      const [head = '', body = ''] = received.split('\r\n\r\n', 2);
      assert.ok(body.length < 200_000, `${body.length} bytes`);
      assert.ok(head.startsWith('HTTP/1.1 500 ') || head.includes('\r\nContent-Length: 200000\r\n'), head);
      await changed.served.close();
      assert.ok(changed.errors[0] instanceof Error);
    });
  }

  const ranges: [what: string, size: number, range: string, outcome: unknown[]][] = [
    ['answers 500 when a later part of several', 1000, 'bytes=0-9,100-109', [500, true]],
    ['cuts the connection when a part far behind', 1_000_000, 'bytes=0-9,100-800000,900000-', [206, false]],
  ];
  for (const [what, size, range, outcome] of ranges) {
    it(`${what} cannot be read`, async () => {
      const store = createMemoryStore();
      const content = contentOf('application/octet-stream', randomBytesFrom('ranges', size));
      await pushAll(store, [content]);
      const fetch: Source['fetch'] = async (descriptor, options = {}) => {
        if (options.start === (size > 1000 ? 900_000 : 100)) throw new Error('disk on fire');
        return store.fetch(descriptor, options);
      };
      const errors: unknown[] = [];
      const changed = await serve(
        { a: { ...store, fetch } },
        { onRequest: ({ error }) => errors.push(error) },
      );
      const reply = await changed.ask(`/v2/a/blobs/${content.descriptor.digest}`, {
        headers: { Range: range },
      });
      assert.deepEqual([reply.status, reply.complete], outcome);
      await changed.close();
      assert.match(String(errors[0]), /disk on fire/);
    });
  }

  it('answers 500 without a word about why when the store fails before the head', async () => {
    const fetch = async () => Promise.reject(new Error('/secret/path is broken'));
    for (const changes of [{ fetch }, { sizeOf: fetch }]) {
      const changed = await serveChanged(changes);
      const reply = await changed.served.ask(path);
      assert.deepEqual([reply.status, codesOf(reply)], [500, ['UNKNOWN']]);
      assert.ok(!reply.body.includes('secret'));
      await changed.served.close();
      assert.match(String(changed.errors[0]), /secret/);
    }
  });

  it('does not know a blob whose bytes are gone', async () => {
    const { served } = await serveChanged({ sizeOf: async () => undefined });
    assert.deepEqual(codesOf(await served.ask(path)), ['BLOB_UNKNOWN']);
    assert.equal((await served.ask(path, { method: 'HEAD' })).status, 404);
  });

  it('reads no more than a range needs', async () => {
    let destroyed = false;
    let given = 0;
    const fetch: Source['fetch'] = async (_, { start, length } = {}) => {
      assert.deepEqual([start, length], [50_000, 10_000]);
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

/** Parses a multipart/byteranges body and accounts for every byte. (RFC 2046, 5.1.1) */
function partsOf({ headers, body }: Reply): { head: Record<string, string>; body: Buffer }[] {
  const [, boundary = ''] =
    /^multipart\/byteranges; boundary=([0-9a-f]{32})$/.exec(headers['content-type'] ?? '') ?? [];
  assert.notEqual(boundary, '');
  const text = `\r\n${body.toString('latin1')}`;
  const [preamble, ...parts] = text.split(`\r\n--${boundary}`);
  assert.deepEqual([preamble, parts.pop()], ['', '--\r\n']);
  return parts.map((part) => {
    const end = part.indexOf('\r\n\r\n');
    const fields = part
      .slice(2, end)
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string]); // the result is compared below
    return {
      head: Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value])),
      body: Buffer.from(part.slice(end + 4), 'latin1'),
    };
  });
}

function assertHeaders(reply: Reply, expected: NodeJS.Dict<string | string[]>): void {
  const actual = Object.fromEntries(Object.keys(expected).map((name) => [name, reply.headers[name]]));
  assert.deepEqual(actual, { ...expected });
}
