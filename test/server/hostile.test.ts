import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Source } from '../../src/store/store.js';
import { contentOf, pushAll, randomBytesFrom } from '../support/images.js';
import { exchangeRaw, type Served, serve } from '../support/registry-server.js';

const chunked = (body: string) =>
  `PUT /v2/a/manifests/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
const blob = contentOf('application/octet-stream', randomBytesFrom('hostile', 1000));
const blobPath = `/v2/a/blobs/${blob.descriptor.digest}`;

describe('a hostile client', () => {
  let served: Served;
  beforeEach(async () => {
    const store = createMemoryStore();
    await pushAll(store, [blob]);
    served = await serve({ a: store }, { limits: { headMs: 500 } });
  });
  afterEach(() => served.close());

  const head = (line: string, ...fields: string[]) =>
    [`${line} HTTP/1.1`, 'Host: a', 'Connection: close', ...fields, '', ''].join('\r\n');
  const attacks: [what: string, sent: string, status: number][] = [
    ['a path out of the tree', head('GET /v2/a/blobs/../../../etc/passwd'), 404],
    ['an encoded path out of the tree', head('GET /v2/a/manifests/%2e%2e%2f%2e%2e%2fetc%2fpasswd'), 404],
    ['dots for a repository', head('GET /v2/../../a/tags/list'), 400],
    ['an encoded slash in a name', head('GET /v2/x%2Fa/tags/list'), 400],
    ['an encoded NUL', head('GET /v2/a/manifests/v1%00'), 404],
    ['a raw NUL', head('GET /v2/a\0/tags/list'), 400],
    ['a backslash', head('GET /v2/a\\..\\b/tags/list'), 400],
    ['bytes that are no UTF-8', head('GET /v2/\xff\xfe/tags/list'), 400],
    ['an escape that is none', head('GET /v2/a/manifests/%zz'), 404],
    ['a fragment', head('GET /v2/a#/tags/list'), 400],
    ['a header that does not end', head('GET /v2/', `X: ${'x'.repeat(100_000)}`), 431],
    ['a path that does not end', head(`GET /v2/${'a/'.repeat(50_000)}tags/list`), 431],
    ['a thousand header fields', head('GET /v2/', ...Array(1000).fill('X-Field: 0123456789')), 431],
    ['something else than HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    ['a method of its own', head('STEAL /v2/'), 400],
    ['two lengths', head('PUT /v2/a/manifests/x', 'Content-Length: 1', 'Content-Length: 2'), 400],
    [
      'a length beside chunks',
      head('PUT /v2/a/manifests/x', 'Content-Length: 1', 'Transfer-Encoding: chunked'),
      400,
    ],
    ['two hosts', head('GET /v2/', 'Host: b'), 400],
    ['one host twice', head('GET /v2/', 'hOST: a'), 400],
    ['no host', 'GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['no host beside a whole URL', 'GET http://a/v2/ HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['a host that is none', 'GET /v2/ HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n', 400],
    ['a host with a path', 'GET /v2/ HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n', 400],
    ['no host by the protocol that had none', 'GET /v2/ HTTP/1.0\r\n\r\n', 200],
    ['an empty host', 'GET /v2/ HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n', 200],
    ['an address with a port', 'GET /v2/ HTTP/1.1\r\nHost: [::1]:5000\r\nConnection: close\r\n\r\n', 200],
    ['a header field split in two', head('GET /v2/', 'X: a\rY: b'), 400],
    ['a repository like a member of every object', head('GET /v2/constructor/tags/list'), 404],
    ['a protocol to change to', head('GET /v2/', 'Upgrade: websocket'), 200],
    ['an expectation that nobody can meet', head('GET /v2/', 'Expect: 200-ok'), 200],
    ['many small ranges', head(`GET ${blobPath}`, `Range: bytes=${'0-,'.repeat(3000)}0-`), 200],
  ];
  for (const [what, sent, status] of attacks) {
    it(`gets ${status} for ${what}, and the server lives on`, async () => {
      const received = await exchangeRaw(served.port, sent);
      assert.match(received, new RegExp(`^HTTP/1\\.1 ${status} `));
      const [fields = '', body = ''] = received.split('\r\n\r\n', 2);
      assert.match(fields, /^X-Content-Type-Options: nosniff\r?$/m);
      assert.match(fields, new RegExp(`^Content-Length: ${body.length}\r?$`, 'm'));
      if (status >= 400) assert.match(body, /^\{"errors":\[\{"code":"[A-Z_]+","message":"[^"]+"/);
      assert.equal((await served.ask('/v2/')).status, 200);
    });
  }

  const cut: [what: string, start: string, more: string][] = [
    ['a tunnel', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', ''],
    ['extensions of a chunk', chunked('1;'), 'x'.repeat(1000)],
    ['a length of a chunk', chunked('1'), '0'.repeat(1000)],
    ['trailers', chunked('0\r\n'), `X: ${'x'.repeat(1000)}\r\n`],
    ['empty lines', '', '\r\n'.repeat(500)],
  ];
  for (const [what, start, more] of cut) {
    it(`is cut off for ${what} without end, and the server lives on`, async () => {
      const socket = connect(served.port, '127.0.0.1');
      socket.on('error', () => undefined); // either side may end it
      socket.resume();
      socket.write(start);
      const trickle = (): void => {
        if (more !== '' && !socket.destroyed) socket.write(more, () => setImmediate(trickle));
      };
      trickle();
      await once(socket, 'close');
      // The kernel buffers some megabytes on both sides before the server reads them.
      assert.equal((await served.ask('/v2/')).status, 200);
    });
  }

  it('gets the answers to requests sent at once in their order', async () => {
    const targets = ['/v2/', blobPath, '/v2/a/tags/list', '/v2/none/tags/list'];
    const sent = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
    const received = await exchangeRaw(served.port, sent + head('GET /v2/_catalog'));
    const statuses = [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    assert.deepEqual(statuses, ['200', '200', '200', '404', '200']);
    assert.ok(received.endsWith('{"repositories":["a"]}'));
  });
});

describe('a client that goes away', () => {
  /** A repository whose blob never ends, and the state of its streams. */
  function endless(): { store: Source; fetched: Readable[] } {
    const fetched: Readable[] = [];
    const descriptor = { ...blob.descriptor, size: 1e12 };
    const chunk = Buffer.alloc(65_536);
    const store: Source = {
      ...createMemoryStore(),
      sizeOf: async () => descriptor.size,
      fetch: async () => {
        const stream = new Readable({
          read() {
            this.push(chunk);
          },
        });
        fetched.push(stream);
        return stream;
      },
    };
    return { store, fetched };
  }

  const request = `GET ${blobPath} HTTP/1.1\r\nHost: a\r\n\r\n`;

  it('stops the reading of what it wanted', async () => {
    const { store, fetched } = endless();
    const served = await serve({ a: store });
    const socket = connect(served.port, '127.0.0.1');
    socket.write(request);
    await once(socket, 'data');
    const [stream] = fetched;
    assert.ok(stream);
    socket.destroy();
    await new Promise((resolve) => stream.once('close', resolve));
    assert.equal(stream.destroyed, true);
    await served.close();
  });

  it('aborts what its store is still waiting for', async () => {
    let tell: (signal: AbortSignal) => void = () => {};
    const asked = new Promise<AbortSignal>((resolve) => {
      tell = resolve;
    });
    const store: Source = {
      ...createMemoryStore(),
      sizeOf: (_, { signal } = {}) =>
        new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
          if (signal !== undefined) tell(signal);
        }),
    };
    const served = await serve({ a: store });
    const socket = connect(served.port, '127.0.0.1');
    socket.write(request);
    const signal = await asked;
    assert.equal(signal.aborted, false);
    socket.destroy();
    if (!signal.aborted) await once(signal, 'abort');
    assert.equal((await served.ask('/v2/')).status, 200);
    await served.close();
  });

  it('destroys a stream that was opened too late', async () => {
    const late = Readable.from([blob.bytes]);
    let opened: () => void = () => {};
    const opening = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const store: Source = {
      ...createMemoryStore(),
      sizeOf: async () => blob.descriptor.size,
      fetch: async (_, { signal } = {}) => {
        opened();
        await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        return late;
      },
    };
    const served = await serve({ a: store });
    const socket = connect(served.port, '127.0.0.1');
    socket.write(request);
    await opening;
    socket.destroy();
    await new Promise((resolve) => late.once('close', resolve));
    assert.equal(late.destroyed, true);
    await served.close();
  });

  it('has only one of its requests under way, however many it sent', async () => {
    const { store, fetched } = endless();
    const served = await serve({ a: store });
    const socket = connect(served.port, '127.0.0.1');
    socket.write(request.repeat(100));
    await once(socket, 'data');
    socket.destroy();
    await served.close();
    assert.equal(fetched.length, 1);
  });

  it('is not told of its garbage in the middle of an answer', async () => {
    const { store } = endless();
    const served = await serve({ a: store });
    const socket = connect(served.port, '127.0.0.1');
    socket.write(request);
    let received = '';
    socket.on('data', (chunk) => {
      if (received === '') socket.write('garbage\r\n\r\n');
      received += chunk.toString('latin1');
    });
    socket.on('error', () => socket.destroy()); // a reset is fine too
    await new Promise((resolve) => socket.once('close', resolve));
    assert.equal(received.match(/HTTP\/1\.1/g)?.length, 1);
    await served.close();
  });
});
