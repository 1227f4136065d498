import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect as connectSocket, createServer as createSocketServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { digestOf } from '../../../src/content/digest.js';
import { isLadingError } from '../../../src/errors.js';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/registry/client.js';
import { type Certificate, makeCertificate } from '../../support/certificates.js';
import { type Handler, sendJSON, serve, type TestServer } from '../http-server.js';

const servers: { close(): Promise<void> }[] = [];
const clients: { close(): Promise<void> }[] = [];

async function start(handler: Handler, certificate?: Certificate): Promise<TestServer> {
  const server = await serve(handler, certificate);
  servers.push(server);
  return server;
}

function connect(options: RegistryClientOptions = {}) {
  const client = createRegistryClient({ environment: {}, wait: async () => {}, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const blob = digestOf(Buffer.from('content'));
const answer: Handler = (_, response) => sendJSON(response, {});

describe('https and http', () => {
  let certificate: Certificate;

  before(async () => {
    certificate = makeCertificate();
  });

  it('falls back to http on loopback when TLS is not spoken, found out once', async () => {
    const registry = await start(answer);
    const client = connect();
    await Promise.all(Array.from({ length: 4 }, () => client.ping(registry.host)));
    assert.deepEqual(registry.requests, Array(4).fill('GET /v2/'));
  });

  it('asks by http at once when the user says so', async () => {
    const registry = await start(answer, certificate);
    await assert.rejects(connect({ plainHTTP: true, retries: 0 }).ping(registry.host), (error) =>
      isLadingError(error, 'UNREACHABLE'),
    );
    assert.equal(registry.requests.length, 0);
  });

  it('refuses a certificate of an unknown authority, without a second try and with two ways out', async () => {
    const registry = await start(answer, certificate);
    const attempts: number[] = [];
    await assert.rejects(
      connect({ onRetry: ({ attempt }) => attempts.push(attempt) }).ping(registry.host),
      (error) =>
        isLadingError(error, 'UNREACHABLE') &&
        error.message.startsWith(`cannot reach ${registry.host}: its certificate is signed by an unknown`) &&
        /Trust the authority.*turn the check off/.test(error.hint ?? '') &&
        error.remedy === 'caFile' &&
        error.cause !== undefined,
    );
    assert.deepEqual(attempts, []);
    assert.equal(registry.requests.length, 0);
  });

  it('trusts an authority that it is given, and anything when the check is off', async () => {
    const registry = await start(answer, certificate);
    await connect({ ca: certificate.cert }).ping(registry.host);
    await connect({ tlsVerify: false }).ping(registry.host);
    assert.equal(registry.requests.length, 2);
  });

  it('says that a certificate is for another name', async () => {
    const other = makeCertificate(['other.invalid']);
    const registry = await start(answer, other);
    await assert.rejects(
      connect({ ca: other.cert }).ping(registry.host),
      (error) => isLadingError(error, 'UNREACHABLE') && /another name/.test(error.message),
    );
    assert.equal(registry.requests.length, 0);
  });

  it('never follows a redirect from https to http', async () => {
    const trap = await start(answer);
    const registry = await start((_, response) => {
      response.writeHead(307, { location: `${trap.origin}/blob` }).end();
    }, certificate);
    await assert.rejects(
      connect({ ca: certificate.cert }).getBlob({ registry: registry.host, repository: 'a' }, blob),
      (error) => isLadingError(error, 'REGISTRY') && /from https to http/.test(error.message),
    );
    assert.equal(trap.requests.length, 0);
  });

  it('says which file is at fault when a client certificate cannot be used', async () => {
    const registry = await start(answer, certificate);
    await assert.rejects(connect({ cert: 'x', key: 'y' }).ping(registry.host), (error) =>
      isLadingError(error, 'USAGE'),
    );
  });
});

describe('a registry that cannot be reached', () => {
  it('is named at once when nothing listens', async () => {
    const registry = await start(answer);
    await registry.close();
    const waits: number[] = [];
    const client = connect({ retries: 2, wait: async (delayMs) => void waits.push(delayMs) });
    await assert.rejects(
      client.ping(registry.host),
      (error) =>
        isLadingError(error, 'UNREACHABLE') &&
        error.message === `cannot reach ${registry.host}: connection refused` &&
        /registry runs/.test(error.hint ?? ''),
    );
    assert.deepEqual(waits, []);
  });

  it('is not asked again when there is no such host', async () => {
    const attempts: number[] = [];
    const client = connect({ onRetry: ({ attempt }) => attempts.push(attempt) });
    await assert.rejects(client.ping('no-such-host.invalid'), (error) => isLadingError(error, 'UNREACHABLE'));
    assert.ok(attempts.length === 0 || attempts.length === 5); // without a name server it may be EAI_AGAIN
  });

  it('ends with ABORTED when the run is aborted before or while it is asked', async () => {
    const controller = new AbortController();
    const registry = await start(() => controller.abort());
    const client = connect({ plainHTTP: true });
    await assert.rejects(client.ping(registry.host, { signal: controller.signal }), (error) =>
      isLadingError(error, 'ABORTED'),
    );
    await assert.rejects(client.ping(registry.host, { signal: controller.signal }), (error) =>
      isLadingError(error, 'ABORTED'),
    );
    assert.equal(registry.requests.length, 1);
  });

  it('fails when it says nothing for too long', async () => {
    const registry = await start(() => {});
    await assert.rejects(
      connect({ plainHTTP: true, stallTimeoutMs: 50, retries: 0 }).ping(registry.host),
      (error) => isLadingError(error, 'TIMEOUT') && error.message.includes(registry.host),
    );
  });
});

describe('a connection', () => {
  it('is kept after a HEAD', async () => {
    const sockets = new Set<unknown>();
    const registry = await start((request, response) => {
      sockets.add(request.socket);
      response.writeHead(200, { 'content-length': 7 });
      response.end(request.method === 'HEAD' ? undefined : 'content');
    });
    const client = connect({ plainHTTP: true });
    const name = { registry: registry.host, repository: 'a' };
    for (const _ of [1, 2, 3]) assert.deepEqual(await client.headBlob(name, blob), { size: 7 });
    assert.equal(await text(await client.getBlob(name, blob)), 'content');
    // The pool opens a second connection if the first is not back yet.
    assert.ok(sockets.size <= 2, `${sockets.size} connections`);
  });

  it('is given up where a body comes with the answer to a HEAD', async () => {
    let connections = 0;
    const server = createSocketServer((socket) => {
      connections++;
      socket.on('error', () => socket.destroy());
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontent'));
    });
    servers.push({ close: async () => void server.close() });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo; // the server listens on a port
    const client = connect({ plainHTTP: true });
    const name = { registry: `127.0.0.1:${port}`, repository: 'a' };
    for (const _ of [1, 2]) assert.deepEqual(await client.headBlob(name, blob), { size: 7 });
    assert.equal(await text(await client.getBlob(name, blob)), 'content');
    assert.equal(connections, 3);
  });
});

describe('a body', () => {
  const name = (registry: TestServer) => ({ registry: registry.host, repository: 'a' });

  it('that breaks off fails with CUT_SHORT, however it is read', async () => {
    const registry = await start((_, response) => {
      response.writeHead(200, { 'content-length': 7 });
      response.write('con', () => response.destroy());
    });
    const client = connect({ plainHTTP: true });
    const readings = [
      async () => text(await client.getBlob(name(registry), blob)),
      async () =>
        pipeline(await client.getBlob(name(registry), blob), async (source) => {
          for await (const _ of source);
        }),
      async () => {
        const stream = await client.getBlob(name(registry), blob);
        await new Promise((_, reject) => stream.on('error', reject).resume());
      },
    ];
    for (const read of readings) {
      await assert.rejects(
        read(),
        (error) => isLadingError(error, 'CUT_SHORT') && error.message.includes(registry.host),
      );
    }
  });

  it('that stalls fails with TIMEOUT', async () => {
    const registry = await start((_, response) => {
      response.writeHead(200, { 'content-length': 7 });
      response.write('con');
    });
    const client = connect({ plainHTTP: true, stallTimeoutMs: 50 });
    const stream = await client.getBlob(name(registry), blob);
    await assert.rejects(text(stream), (error) => isLadingError(error, 'TIMEOUT'));
  });

  it('that is aborted fails with ABORTED', async () => {
    const registry = await start((_, response) => {
      response.writeHead(200, { 'content-length': 7 });
      response.write('con');
    });
    const controller = new AbortController();
    const client = connect({ plainHTTP: true });
    const stream = await client.getBlob(name(registry), blob, { signal: controller.signal });
    const read = text(stream);
    controller.abort();
    await assert.rejects(read, (error) => isLadingError(error, 'ABORTED'));
  });

  it('may be left before its end without an error', async () => {
    const registry = await start((_, response) => {
      response.writeHead(200, { 'content-length': 7 });
      response.write('con');
    });
    const client = connect({ plainHTTP: true });
    const stream = await client.getBlob(name(registry), blob);
    const closed = new Promise<void>((resolve, reject) => stream.on('close', resolve).on('error', reject));
    stream.destroy();
    await closed;
    for await (const _ of await client.getBlob(name(registry), blob)) break;
    assert.equal(registry.requests.length, 2);
  });

  it('keeps the error that its reader ends it with', async () => {
    const registry = await start((_, response) => {
      response.writeHead(200, { 'content-length': 7 });
      response.write('con');
    });
    const client = connect({ plainHTTP: true });
    const broken = pipeline(await client.getBlob(name(registry), blob), async () => {
      throw new Error('disk full');
    });
    await assert.rejects(broken, /disk full/);
  });
});

describe('a proxy', () => {
  let proxy: Server;
  let environment: NodeJS.ProcessEnv;
  const seen: string[] = [];

  /** A proxy for absolute URLs and tunnels; it always connects to the test's server, whatever the host. */
  let target: TestServer;

  before(async () => {
    proxy = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
      sendJSON(response, { by: 'proxy' });
    });
    proxy.on('connect', (request, socket) => {
      seen.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
      const upstream = connectSocket(Number(target.host.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = proxy.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    environment = { HTTPS_PROXY: `http://user:p%40ss@127.0.0.1:${port}`, HTTP_PROXY: `127.0.0.1:${port}` };
  });

  after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });

  beforeEach(() => void seen.splice(0));

  it('carries https through a tunnel, with its own credentials', async () => {
    const certificate = makeCertificate();
    target = await start(answer, certificate);
    await connect({ environment, tlsVerify: false }).ping('reg.invalid:5000');
    const authorization = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    assert.deepEqual(seen, [`CONNECT reg.invalid:5000 ${authorization}`]);
    assert.deepEqual(target.requests, ['GET /v2/']);
    assert.equal(target.headers[0]?.['proxy-authorization'], undefined);
  });

  it('checks the certificate of the registry behind the tunnel', async () => {
    const certificate = makeCertificate();
    target = await start(answer, certificate);
    await assert.rejects(
      connect({ environment, ca: certificate.cert, retries: 0 }).ping('reg.invalid'),
      (error) => isLadingError(error, 'UNREACHABLE') && /another name/.test(error.message),
    );
    assert.equal(target.requests.length, 0);
  });

  it('is asked by absolute URL for http', async () => {
    await connect({ environment, plainHTTP: true }).ping('reg.invalid:5000');
    assert.deepEqual(seen, ['GET http://reg.invalid:5000/v2/']);
  });

  it('is left out for what NO_PROXY names', async () => {
    await assert.rejects(
      connect({ environment: { ...environment, NO_PROXY: '.invalid' }, retries: 0 }).ping('reg.invalid'),
    );
    assert.deepEqual(seen, []);
  });
});
