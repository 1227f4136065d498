import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source } from '../../../src/store/store.js';
import { withGrowingTime } from '../../support/growing-time.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { codesOf, exchangeRaw, type Served, serve } from '../../support/registry-server.js';
import { serveWritable } from '../../support/writable-server.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('limits', 1000));
const blobPath = `/v2/a/blobs/${blob.descriptor.digest}`;
const head = (line: string, ...fields: string[]): string =>
  [`${line} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n');

/** A repository that sends its blob when the test says so. */
function held(): { store: Source; body: PassThrough; asked: Promise<void> } {
  const body = new PassThrough();
  let tell: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const store: Source = {
    ...createMemoryStore(),
    sizeOf: async () => blob.descriptor.size,
    fetch: async () => {
      tell();
      return body;
    },
  };
  return { store, body, asked };
}

describe('a server with limits', () => {
  it('refuses a URL that is longer than may be', async () => {
    const served = await serve({}, { limits: { maxTargetLength: 20 } });
    const reply = await served.ask(`/v2/${'a'.repeat(17)}`);
    await served.close();
    assert.deepEqual([reply.status, codesOf(reply)], [414, ['UNSUPPORTED']]);
  });

  it('refuses a head that is longer than may be', async () => {
    const served = await serve({}, { limits: { maxHeaderBytes: 200 } });
    const received = await exchangeRaw(served.port, head('GET /v2/', `X: ${'x'.repeat(300)}`));
    await served.close();
    assert.match(received, /^HTTP\/1\.1 431 /);
  });

  it('answers 503 beyond the requests that may be under way, and still tells how it is', async () => {
    const { store, body, asked } = held();
    const served = await serve({ a: store }, { limits: { maxRequests: 1 } });
    const first = served.ask(blobPath);
    await asked;
    const second = await served.ask('/v2/');
    assert.deepEqual([second.status, codesOf(second)], [503, ['UNAVAILABLE']]);
    assert.equal(second.headers['retry-after'], '1');
    assert.equal((await served.ask('/healthz')).status, 200);
    body.end(blob.bytes);
    assert.deepEqual((await first).body, blob.bytes);
    assert.equal((await served.ask('/v2/')).status, 200);
    await served.close();
  });

  it('answers 429 beyond the uploads that may be under way, and reads go on', async () => {
    const served = await serveWritable({}, { limits: { maxUploads: 1 } });
    const location = await served.begin();
    const first = request({
      host: '127.0.0.1',
      port: served.port,
      path: location,
      method: 'PATCH',
      agent: false,
    });
    first.setHeader('Content-Length', 10);
    first.setHeader('Expect', '100-continue');
    first.flushHeaders();
    await once(first, 'continue'); // the server reads the body now
    const second = await served.ask('/v2/a/blobs/uploads/', { method: 'POST' });
    assert.deepEqual([second.status, codesOf(second)], [429, ['TOOMANYREQUESTS']]);
    assert.equal((await served.ask('/v2/')).status, 200);
    first.end('0123456789');
    const [response] = await once(first, 'response');
    assert.equal(response.statusCode, 202);
    response.resume();
    await once(response, 'end');
    assert.equal((await served.ask('/v2/a/blobs/uploads/', { method: 'POST' })).status, 202);
    await served.close();
  });

  it('closes connections beyond those that may be', async () => {
    const served = await serve({}, { limits: { maxConnections: 1 } });
    const first = connect(served.port, '127.0.0.1');
    await once(first, 'connect');
    const second = connect(served.port, '127.0.0.1');
    second.on('error', () => undefined);
    second.resume();
    await once(second, 'close');
    assert.equal(second.bytesRead, 0);
    first.write(head('GET /v2/'));
    assert.match((await once(first, 'data')).toString(), /^HTTP\/1\.1 200 /);
    first.destroy();
    await served.close();
  });
});

describe('a slow client', () => {
  it('gets 408 when the head of its request does not come to its end, though it trickles', async () => {
    const served = await serve({}, { limits: { headMs: 60 } });
    const socket = connect(served.port, '127.0.0.1');
    const trickle = setInterval(() => socket.write('X: y\r\n'), 10);
    socket.on('error', () => undefined);
    socket.write('GET /v2/ HTTP/1.1\r\n');
    const [received] = await once(socket, 'data');
    clearInterval(trickle);
    socket.destroy();
    await served.close();
    assert.match(received.toString(), /^HTTP\/1\.1 408 .*"the request took too long to arrive"/s);
  });

  async function untilCut(served: Served, sent: string): Promise<void> {
    const socket = connect(served.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(sent);
    socket.resume();
    await once(socket, 'close');
  }

  it('is cut when its body stands still', () =>
    withGrowingTime(50, async (idleMs) => {
      const served = await serveWritable({}, { limits: { idleMs } });
      try {
        await untilCut(served, `${head(`PATCH ${await served.begin()}`, 'Content-Length: 1000')}begin`);
        assert.equal((await served.ask('/v2/')).status, 200);
      } finally {
        await served.close();
      }
    }));

  it('is cut when it asks for nothing more', () =>
    withGrowingTime(50, async (idleMs) => {
      const served = await serve({}, { limits: { idleMs } });
      try {
        await untilCut(served, head('GET /v2/'));
        assert.equal((await served.ask('/v2/')).status, 200);
      } finally {
        await served.close();
      }
    }));

  it('is cut when it does not read its answer', async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    const endless = new PassThrough({
      read() {
        this.push(chunk);
      },
    });
    const { store } = held();
    const served = await serve(
      {
        a: {
          ...store,
          sizeOf: async () => 1e12,
          fetch: async () => endless,
        },
      },
      { limits: { idleMs: 50 } },
    );
    const socket = connect(served.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(head(`GET ${blobPath}`));
    endless.on('error', () => undefined);
    await new Promise((resolve) => endless.once('close', resolve)); // the client has read nothing
    assert.equal(endless.destroyed, true);
    assert.equal((await served.ask('/v2/')).status, 200);
    socket.resume(); // it is told of the end behind what came before it
    if (!socket.closed) await once(socket, 'close');
    assert.ok(socket.bytesRead < 1e9, 'the answer was cut');
    socket.destroy();
    await served.close();
  });

  it('is not cut while its body moves, however long that takes', () =>
    withGrowingTime(100, async (ms) => {
      const served = await serveWritable({}, { limits: { idleMs: ms, headMs: ms } });
      try {
        const path = await served.begin();
        assert.equal(await statusOfTrickle({ port: served.port, path, pieces: 12, pauseMs: ms / 4 }), 202);
      } finally {
        await served.close();
      }
    }));

  /** Sends a body byte by byte with pauses, and returns the status of the answer. */
  async function statusOfTrickle(options: {
    port: number;
    path: string;
    pieces: number;
    pauseMs: number;
  }): Promise<number | undefined> {
    const { port, path, pieces, pauseMs } = options;
    const sent = request({ host: '127.0.0.1', port, path, method: 'PATCH', agent: false });
    sent.setHeader('Content-Length', pieces);
    sent.flushHeaders();
    let left = pieces;
    const moving = setInterval(() => {
      sent.write('x');
      left--;
      if (left > 0) return;
      clearInterval(moving);
      sent.end();
    }, pauseMs);
    try {
      const [response]: IncomingMessage[] = await once(sent, 'response');
      await response?.resume().toArray();
      return response?.statusCode;
    } finally {
      clearInterval(moving);
      sent.on('error', () => undefined).destroy();
    }
  }

  it('is not cut while it is the server that is slow', () =>
    withGrowingTime(20, async (idleMs) => {
      const { store, body, asked } = held();
      const served = await serve({ a: store }, { limits: { idleMs } });
      try {
        const answer = served.ask(blobPath);
        await Promise.race([asked, answer]); // rejects if the connection is cut before the server has the request
        // Slow clients that get cut show that the timeout has passed.
        for (let i = 0; i < 3; i++)
          await untilCut(served, head('PUT /v2/a/manifests/x', 'Content-Length: 1'));
        body.end(blob.bytes);
        assert.deepEqual((await answer).body, blob.bytes);
      } finally {
        await served.close();
      }
    }));
});

describe('requests that a client sends without waiting for answers', () => {
  it('take no place where they follow one whose answer ends the connection', async () => {
    const served = await serve({}, { limits: { maxRequests: 1 } });
    const socket = connect(served.port, '127.0.0.1');
    socket.write(head('GET /v2/', 'Content-Length: 10'));
    await once(socket, 'data'); // the server answers before it has the body
    socket.write(`${'x'.repeat(10)}${head('GET /v2/')}`);
    socket.resume();
    await once(socket, 'close');
    const { status } = await served.ask('/v2/');
    await served.close();
    assert.equal(status, 200);
  });

  it('end the connection when they are too many to be remembered', async () => {
    const { store, body, asked } = held();
    const served = await serve({ a: store }, { limits: { maxRequests: 10 } });
    const socket = connect(served.port, '127.0.0.1');
    socket.write(head(`GET ${blobPath}`));
    await asked;
    socket.write(head('GET /v2/').repeat(10));
    const reply = await served.ask('/v2/');
    assert.equal(socket.readyState, 'open');
    socket.write(head('GET /v2/').repeat(2));
    socket.resume();
    await once(socket, 'close');
    assert.equal((await served.ask('/v2/')).status, reply.status);
    body.end();
    await served.close();
  });
});

describe('leave to send a body', () => {
  it('is given to a push that is allowed', async () => {
    const served = await serveWritable();
    const path = `/v2/a/blobs/uploads/?digest=${blob.descriptor.digest}`;
    const sent = request({ host: '127.0.0.1', port: served.port, path, method: 'POST', agent: false });
    sent.setHeader('Content-Length', blob.bytes.length);
    sent.setHeader('Expect', '100-continue');
    sent.flushHeaders();
    await once(sent, 'continue');
    sent.end(blob.bytes);
    const [response] = await once(sent, 'response');
    assert.equal(response.statusCode, 201);
    response.resume();
    await once(response, 'end');
    await served.close();
  });

  it('is not given to one that is refused, whose connection then ends', async () => {
    const served = await serve({ a: createMemoryStore() });
    const fields = ['Content-Length: 1000', 'Expect: 100-continue'];
    const received = await exchangeRaw(served.port, head('POST /v2/a/blobs/uploads/', ...fields));
    assert.match(received, /^HTTP\/1\.1 405 /);
    assert.match(received, /^Connection: close\r$/m);
    await served.close();
  });
});
