import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { digestOf } from '../../../src/content/digest.js';
import { isLadingError } from '../../../src/errors.js';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/registry/client.js';
import { createTransport } from '../../../src/registry/http/transport.js';
import { type Certificate, makeCertificate } from '../../support/certificates.js';
import { withGrowingTime } from '../../support/growing-time.js';
import { type Handler, sendJSON, serve } from '../http-server.js';

const content = randomBytes(3_500_000);
const blob = digestOf(content);
const size = content.byteLength;
const closables: { close(): unknown }[] = [];

async function start(handler: Handler, certificate?: Certificate) {
  const server = await serve(handler, certificate);
  closables.push(server);
  return { server, name: { registry: server.host, repository: 'a' } };
}

/** A server that sends these bytes on each connection. */
async function startRaw(answer: string | Buffer) {
  const server: Server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end(answer));
  });
  closables.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { registry: `127.0.0.1:${(server.address() as AddressInfo).port}`, repository: 'a' }; // the server listens on a port
}

function connect(options: RegistryClientOptions = {}) {
  const client = createRegistryClient({
    plainHTTP: true,
    environment: {},
    retries: 0,
    bulkBytes: 1,
    wait: async () => {},
    ...options,
  });
  closables.unshift(client);
  return client;
}

afterEach(async () => {
  for (const closable of closables.splice(0)) await closable.close();
});

const sendContent: Handler = (request, response) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const range = start === 0 ? {} : { 'content-range': `bytes ${start}-${size - 1}/${size}` };
  response.writeHead(start === 0 ? 200 : 206, { 'content-length': size - start, ...range });
  response.end(content.subarray(start));
};

/** Reads a body; returns its bytes, and the error with which it ended. */
async function drain(body: Readable): Promise<{ bytes: Buffer; error: unknown }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), error: undefined };
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error };
  }
}

describe('a large blob', () => {
  let certificate: Certificate;

  before(async () => {
    certificate = makeCertificate();
  });

  for (const scheme of ['http', 'https']) {
    it(`comes over a connection of its own by ${scheme}, whole and from any byte`, async () => {
      const { server, name } = await start(sendContent, scheme === 'https' ? certificate : undefined);
      const client = connect(scheme === 'https' ? { plainHTTP: false, ca: certificate.cert } : {});
      const whole = await buffer(await client.getBlob(name, blob, { size }));
      const rest = await buffer(await client.getBlob(name, blob, { size, start: 1_234_567 }));
      assert.ok(whole.equals(content));
      assert.ok(rest.equals(content.subarray(1_234_567)));
      const asked = server.headers.filter(({ 'accept-encoding': encoding }) => encoding === 'identity');
      assert.deepEqual(
        asked.slice(-2).map(({ connection, range }) => [connection, range]),
        [
          ['close', undefined],
          ['close', 'bytes=1234567-'],
        ],
      );
    });
  }

  it('is not taken from a server whose certificate is not trusted', async () => {
    const { server, name } = await start(sendContent, certificate);
    const client = connect({ plainHTTP: false });
    await assert.rejects(client.getBlob(name, blob, { size }), { code: 'UNREACHABLE' });
    assert.deepEqual(server.requests, []);
    const trusting = connect({ plainHTTP: false, tlsVerify: false });
    assert.ok((await buffer(await trusting.getBlob(name, blob, { size }))).equals(content));
  });

  it('waits for its reader', async () => {
    const { name } = await start(sendContent);
    await withGrowingTime(30, async (stallTimeoutMs) => {
      const body = await connect({ stallTimeoutMs }).getBlob(name, blob, { size });
      const chunks: Buffer[] = [];
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        // Longer than the stall timeout, which does not apply while the reader does not read.
        await new Promise((resolve) => setTimeout(resolve, stallTimeoutMs + 10));
        assert.ok(body.readableLength <= 1024 * 1024, 'one chunk at most waits');
      }
      assert.ok(Buffer.concat(chunks).equals(content));
    });
  });

  it('that comes in small pieces is passed on as it comes', async () => {
    const pieces = [content.subarray(0, 10), content.subarray(10, 1000), content.subarray(1000, 1_500_000)];
    let response: ServerResponse | undefined;
    const { name } = await start((_, opened) => {
      response = opened;
      opened.writeHead(200, { 'content-length': 1_500_000 });
      opened.write(pieces[0]);
    });
    const body = await connect().getBlob(name, blob, { size: 1_500_000 });
    const came: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      came.push(chunk);
      bytes += chunk.byteLength;
      if (bytes === 10) response?.write(pieces[1]);
      if (bytes === 1000) response?.end(pieces[2]);
    }
    assert.ok(Buffer.concat(came).equals(content.subarray(0, 1_500_000)));
  });

  it('that is cut off gives all that came, and then says so', async () => {
    const { server, name } = await start((_, response) => {
      response.writeHead(200, { 'content-length': size });
      response.write(content.subarray(0, 2_500_000), () => response.destroy());
    });
    const { bytes, error } = await drain(await connect().getBlob(name, blob, { size }));
    assert.ok(isLadingError(error, 'CUT_SHORT'));
    assert.ok(error.message.includes(server.host));
    assert.ok(bytes.equals(content.subarray(0, 2_500_000)));
  });

  it('that stalls gives what came, and fails with TIMEOUT', async () => {
    const { name } = await start((_, response) => {
      response.writeHead(200, { 'content-length': size });
      response.write(content.subarray(0, 2_500_000));
    });
    await withGrowingTime(50, async (stallTimeoutMs) => {
      const { bytes, error } = await drain(await connect({ stallTimeoutMs }).getBlob(name, blob, { size }));
      assert.ok(isLadingError(error, 'TIMEOUT'));
      assert.ok(bytes.equals(content.subarray(0, 2_500_000)));
    });
  });

  it('fails with TIMEOUT where no answer comes', async () => {
    const { name } = await start(() => {});
    await assert.rejects(connect({ stallTimeoutMs: 50 }).getBlob(name, blob, { size }), { code: 'TIMEOUT' });
  });

  it('fails with TIMEOUT where the head of the answer drips for ever', async () => {
    const dripping = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.write('HTTP/1.1 200 OK\r\nX: ');
      const drops = setInterval(() => socket.write('x'), 5);
      socket.on('close', () => clearInterval(drops));
    });
    closables.push(dripping);
    await once(dripping.listen(0, '127.0.0.1'), 'listening');
    const registry = `127.0.0.1:${(dripping.address() as AddressInfo).port}`; // the server listens on a port
    const asked = connect({ stallTimeoutMs: 50 }).getBlob({ registry, repository: 'a' }, blob, { size });
    await assert.rejects(asked, { code: 'TIMEOUT' });
  });

  it('shares the connections of others where as many as allowed have their own', async () => {
    const connections: (string | undefined)[] = [];
    const { server } = await start((request, response) => {
      connections.push(request.headers.connection);
      sendContent(request, response);
    });
    const transport = createTransport({ bulkBytes: 1, mostBulk: 1, environment: {} });
    const url = new URL(`http://${server.host}/v2/a/blobs/${blob}`);
    const get = () => transport.send({ method: 'GET', url, headers: {}, expectedBytes: size });
    const own = await get();
    const sharing = await get();
    for (const { body } of [own, sharing]) assert.equal((await buffer(body)).length, size);
    assert.deepEqual(connections, ['close', 'keep-alive']);
    await transport.close();
  });

  it('may fail before anybody reads it, and says so to who reads it then', async () => {
    const { server } = await start((_, response) => {
      response.writeHead(200, { 'content-length': size }).flushHeaders();
    });
    const transport = createTransport({ bulkBytes: 1, environment: {} });
    const url = new URL(`http://${server.host}/v2/a/blobs/${blob}`);
    const { body } = await transport.send({ method: 'GET', url, headers: {}, expectedBytes: size });
    await transport.close();
    while (!body.destroyed) await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(buffer(body));
  });

  it('is not asked for in a run that is aborted already', async () => {
    const { server } = await start(sendContent);
    const transport = createTransport({ bulkBytes: 1, environment: {} });
    const url = new URL(`http://${server.host}/v2/a/blobs/${blob}`);
    const signal = AbortSignal.abort();
    const asked = transport.send({ method: 'GET', url, headers: {}, expectedBytes: size, signal });
    await assert.rejects(asked, { code: 'ABORTED' });
    assert.deepEqual(server.requests, []);
    await transport.close();
  });

  it('is not reached where nothing listens, or where the connection is closed at once', async () => {
    const { server, name } = await start(sendContent);
    await server.close();
    await assert.rejects(connect().getBlob(name, blob, { size }), {
      code: 'UNREACHABLE',
      message: `cannot reach ${name.registry}: connection refused`,
    });
    await assert.rejects(connect().getBlob(await startRaw(''), blob, { size }), { code: 'UNREACHABLE' });
  });

  it('ends with ABORTED when the run is aborted, before the answer and within it', async () => {
    for (const isAnswered of [false, true]) {
      const controller = new AbortController();
      const { signal } = controller;
      const { name } = await start((_, response) => {
        if (!isAnswered) return controller.abort();
        response.writeHead(200, { 'content-length': size });
        response.write(content.subarray(0, 1_500_000));
      });
      const reading = connect()
        .getBlob(name, blob, { size, signal })
        .then(async (body) => {
          for await (const _ of body) controller.abort();
        });
      await assert.rejects(reading, { code: 'ABORTED' });
    }
  });

  it('ends when the client is closed', async () => {
    const { name } = await start((_, response) => {
      response.writeHead(200, { 'content-length': size });
      response.write(content.subarray(0, 10));
    });
    const client = connect();
    const reading = drain(await client.getBlob(name, blob, { size }));
    await client.close();
    assert.ok(isLadingError((await reading).error, 'CUT_SHORT'));
  });

  it('may be left at any time', async () => {
    const { server, name } = await start(sendContent);
    const body = await connect().getBlob(name, blob, { size });
    body.destroy();
    await once(body, 'close');
    assert.equal(server.requests.length, 1);
  });

  it('has no more bytes than were announced', async () => {
    const name = await startRaw('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n');
    assert.equal((await buffer(await connect().getBlob(name, blob, { size: 3 }))).toString(), 'abc');
  });

  it('is the HTTP library’s when the answer is not plain, which is found out once', async () => {
    const { server, name } = await start((_, response) => {
      response.write(content.subarray(0, 9)); // sent in chunks, so without a length
      response.end(content.subarray(9));
    });
    const client = connect();
    for (const requests of [2, 3]) {
      assert.ok((await buffer(await client.getBlob(name, blob, { size }))).equals(content));
      assert.equal(server.requests.length, requests);
    }
  });

  it('is the HTTP library’s when the head never ends', async () => {
    const name = await startRaw(`HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(20_000)}`);
    await assert.rejects(connect().getBlob(name, blob, { size }), { code: 'UNREACHABLE' });
  });

  it('is the HTTP library’s where there is a proxy', async () => {
    const { server: proxy } = await start(sendContent);
    const name = { registry: 'registry.invalid', repository: 'a' };
    const client = connect({ environment: { HTTP_PROXY: proxy.origin } });
    assert.ok((await buffer(await client.getBlob(name, blob, { size }))).equals(content));
    assert.deepEqual(proxy.requests, [`GET http://registry.invalid/v2/a/blobs/${blob}`]);
  });

  it('is the HTTP library’s below the size that is worth it', async () => {
    const { server, name } = await start(sendContent);
    const client = connect({ bulkBytes: size + 1 });
    assert.ok((await buffer(await client.getBlob(name, blob, { size }))).equals(content));
    assert.notEqual(server.headers[0]?.connection, 'close');
  });

  it('is followed to storage, which is told no credentials', async () => {
    const { server: storage } = await start(sendContent);
    const { server, name } = await start((request, response) => {
      if (request.headers.authorization === undefined) {
        return sendJSON(response, {}, { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } });
      }
      response.writeHead(307, { location: `${storage.origin}/there?x=1`, 'content-length': 0 }).end();
    });
    const client = connect({
      credentials: async () => ({ username: 'me', password: 'secret', source: 'a test' }),
    });
    assert.ok((await buffer(await client.getBlob(name, blob, { size }))).equals(content));
    assert.equal(server.headers.at(-1)?.authorization?.startsWith('Basic '), true);
    assert.deepEqual(storage.requests, ['GET /there?x=1']);
    assert.equal(storage.headers[0]?.authorization, undefined);
    assert.equal(storage.headers[0]?.connection, 'close');
  });

  it('is refused in the words of the registry', async () => {
    const { server, name } = await start((_, response) =>
      sendJSON(response, { errors: [{ code: 'BLOB_UNKNOWN', message: 'gone' }] }, { status: 404 }),
    );
    await assert.rejects(connect().getBlob(name, blob, { size }), { code: 'NOT_FOUND' });
    assert.equal(server.requests.length, 1);
  });

  it('is not asked for with a credential that would be a header of its own', async () => {
    const { server, name } = await start((_, response) =>
      sendJSON(response, {}, { status: 401, headers: { 'www-authenticate': 'Bearer realm="http://x"' } }),
    );
    const token = 'a\r\nX-Injected: b';
    const client = connect({
      credentials: async () => ({ registryToken: token, source: 'a test' }),
    });
    await assert.rejects(client.getBlob(name, blob, { size }));
    assert.ok(server.headers.every((headers) => headers['x-injected'] === undefined));
  });
});
