import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type EventEmitter, once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createRegistryServer } from '../../src/server/server.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Source } from '../../src/store/store.js';
import { contentOf, pushAll, randomBytesFrom } from '../support/images.js';
import { ask, codesOf, serve } from '../support/registry-server.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('server', 1000));
const path = `/v2/a/blobs/${blob.descriptor.digest}`;

describe('createRegistryServer', () => {
  it('answers the version check', async () => {
    const served = await serve({});
    const reply = await served.ask('/v2/');
    await served.close();
    assert.deepEqual([reply.status, reply.body.toString()], [200, '{}']);
    assert.equal(reply.headers['docker-distribution-api-version'], 'registry/2.0');
  });

  it('refuses the catalog where nobody can list the repositories', async () => {
    const server = createRegistryServer({ openRepository: async () => undefined });
    const { port } = await server.listen({ port: 0 });
    const reply = await ask(port, '/v2/_catalog');
    await server.close();
    assert.deepEqual([reply.status, codesOf(reply)], [404, ['UNSUPPORTED']]);
  });

  it('refuses writing without reading what is sent', async () => {
    const served = await serve({ a: createMemoryStore() });
    for (const [method, target] of [
      ['PUT', '/v2/a/manifests/latest'],
      ['POST', '/v2/a/blobs/uploads/'],
      ['DELETE', path],
    ] as const) {
      const reply = await served.ask(target, { method });
      assert.deepEqual([reply.status, codesOf(reply)], [405, ['UNSUPPORTED']]);
    }
    await served.close();
  });

  it('says in one line why it cannot listen', async () => {
    const served = await serve({});
    const second = createRegistryServer({ openRepository: async () => undefined });
    await assert.rejects(second.listen({ port: served.port }), {
      code: 'IO',
      message: new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${served.port}: another program listens there$`),
      hint: /another port/,
    });
    await served.close();
    await second.listen({ port: served.port });
    await second.close();
    await assert.rejects(second.listen({ host: '2001:db8::1', port: 5000 }), {
      code: 'IO',
      message: /^cannot listen on \[2001:db8::1\]:5000: this machine has no such address$/,
    });
  });

  for (const [what, fail] of [
    ['throws', () => assert.fail('no space\nleft')],
    ['rejects', async () => assert.fail('no space\nleft')],
  ] as const) {
    it(`goes on when onRequest ${what}, and says so once`, async () => {
      const warnings: string[] = [];
      const seen: string[] = [];
      const served = await serve(
        {},
        {
          onRequest(entry) {
            seen.push(entry.url);
            return fail();
          },
          onWarning: (message) => warnings.push(message),
        },
      );
      for (const target of ['/v2/', '/healthz', '/v2/']) assert.equal((await served.ask(target)).status, 200);
      await served.close();
      assert.deepEqual(seen, ['/v2/', '/healthz', '/v2/']);
      assert.equal(warnings.length, 1);
      assert.match(warnings.join(), /^onRequest failed; .*: no space\\x0aleft$/);
    });
  }

  it('goes on when a connection cannot be accepted', async () => {
    const servers: EventEmitter[] = [];
    const onStart = (message: unknown): void => {
      servers.push((message as { server: EventEmitter }).server); // documented in `node:http`
    };
    subscribe('http.server.request.start', onStart);
    const served = await serve({});
    await served.ask('/v2/');
    unsubscribe('http.server.request.start', onStart);
    servers[0]?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    assert.equal((await served.ask('/v2/')).status, 200);
    await served.close();
  });

  it('tells of every request, without secrets and control characters', async () => {
    const lines: string[] = [];
    const store = createMemoryStore();
    await pushAll(store, [blob]);
    const served = await serve(
      { a: store },
      {
        onRequest: ({
          method,
          url,
          status,
          bytes,
          complete,
          remoteAddress,
          userAgent,
          durationMs,
          error,
        }) => {
          assert.ok(durationMs >= 0);
          lines.push([method, url, status, bytes, complete, remoteAddress, userAgent, error].join(' '));
        },
      },
    );
    const headers = { 'User-Agent': 'test\x85' };
    await served.ask(path, { headers });
    await served.ask(path, { method: 'HEAD', headers });
    await served.ask('/v2/../x?n=1&access_token=hunter2', { headers });
    await served.ask('http://user:hunter2@b/v2/', { headers });
    await served.ask('http://user:hunter2@hunter2@b/v2/', { headers });
    await served.close();
    const { length } = JSON.stringify({
      errors: [{ code: 'UNSUPPORTED', message: 'no such endpoint' }],
    });
    assert.deepEqual(lines, [
      `GET ${path} 200 1000 true 127.0.0.1 test\\x85 `,
      `HEAD ${path} 200 0 true 127.0.0.1 test\\x85 `,
      `GET /v2/../x?n=1&access_token=REDACTED 404 ${length} true 127.0.0.1 test\\x85 `,
      'GET http://b/v2/ 200 2 true 127.0.0.1 test\\x85 ',
      'GET http://b/v2/ 200 2 true 127.0.0.1 test\\x85 ',
    ]);
  });
});

describe('closing the server', () => {
  /** A repository whose blob ends when the test ends `body`. */
  function slow(): { store: Source; body: PassThrough } {
    // Two chunks, because the server holds back the latest one.
    const body = new PassThrough({ objectMode: true });
    body.write(blob.bytes.subarray(0, 400));
    body.write(blob.bytes.subarray(400, 600));
    const store: Source = {
      ...createMemoryStore(),
      sizeOf: async () => blob.descriptor.size,
      fetch: async () => body,
    };
    return { store, body };
  }

  it('lets an answer under way come to its end, and accepts nothing new', async () => {
    const { store, body } = slow();
    const served = await serve({ a: store });
    const agent = new Agent({ keepAlive: true });
    const request = get({ host: '127.0.0.1', port: served.port, path, agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const closed = served.close();
    await assert.rejects(served.ask('/v2/'), { code: 'ECONNREFUSED' });
    body.end(blob.bytes.subarray(600));
    assert.deepEqual(await buffer(response), blob.bytes);
    await closed;
    agent.destroy();
  });

  it('cuts what does not end in time', async () => {
    const { store, body } = slow();
    const destroyed = new Promise((resolve) => body.once('close', resolve));
    const served = await serve({ a: store }, { drainMs: 1 });
    const request = get({ host: '127.0.0.1', port: served.port, path, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await served.close();
    await assert.rejects(buffer(response), { code: 'ECONNRESET' });
    await destroyed;
    assert.equal(body.destroyed, true);
  });

  it('does not wait for connections on which nothing is asked', async () => {
    const served = await serve({}, { drainMs: 60_000 });
    const agent = new Agent({ keepAlive: true });
    const request = get({ host: '127.0.0.1', port: served.port, path: '/v2/', agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const { socket } = response;
    await buffer(response);
    assert.equal(socket.closed, false);
    await served.close();
    if (!socket.closed) await once(socket, 'close');
    agent.destroy();
    await assert.rejects(served.ask('/v2/'), { code: 'ECONNREFUSED' });
  });

  it('can be done twice, and before it has listened', async () => {
    const server = createRegistryServer({ openRepository: async () => undefined });
    await server.close();
    const { port } = await server.listen({ port: 0 });
    assert.equal((await ask(port, '/v2/')).status, 200);
    await Promise.all([server.close(), server.close()]);
    await server.close();
    await assert.rejects(ask(port, '/v2/'), { code: 'ECONNREFUSED' });
  });
});
