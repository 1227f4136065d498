import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { digestOf } from '../../../src/content/digest.js';
import { isLadingError, RegistryError } from '../../../src/errors.js';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/registry/client.js';
import type { RetryEvent } from '../../../src/registry/http/request.js';
import { collect, type Handler, sendError, sendJSON, serve, type TestServer } from '../http-server.js';

const servers: TestServer[] = [];
const clients: { close(): Promise<void> }[] = [];

async function start(handler: Handler): Promise<TestServer> {
  const server = await serve(handler);
  servers.push(server);
  return server;
}

function connect(options: RegistryClientOptions = {}) {
  const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {}, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const blob = digestOf(Buffer.from('content'));
const credentials = async () => ({ username: 'me', password: 'secret', source: 'a test' });

/** Requires Basic, then redirects to `location`. */
function redirecting(location: () => string, status = 307): Handler {
  return (request, response) => {
    if (request.headers.authorization === undefined)
      sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' });
    else response.writeHead(status, { location: location() }).end();
  };
}

describe('redirects', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it(`are followed to another origin without credentials, the range kept (${status})`, async () => {
      const storage = await start((_, response) => {
        response.writeHead(206, { 'content-range': 'bytes 3-6/7' }).end('tent');
      });
      const registry = await start(redirecting(() => `${storage.origin}/blob?X-Amz-Signature=s`, status));
      const client = connect({ credentials });
      const name = { registry: registry.host, repository: 'a' };
      assert.equal(await text(await client.getBlob(name, blob, { start: 3, size: 7 })), 'tent');
      assert.equal(storage.headers[0]?.authorization, undefined);
      assert.equal(storage.headers[0]?.range, 'bytes=3-');
    });
  }

  it('keep credentials within the origin', async () => {
    const registry = await start((request, response) => {
      if (request.url === '/data' && request.headers.authorization !== undefined) response.end('content');
      else redirecting(() => '/data')(request, response);
    });
    const stream = await connect({ credentials }).getBlob({ registry: registry.host, repository: 'a' }, blob);
    assert.equal(await text(stream), 'content');
  });

  it('do not get the credentials back when a later hop returns to the registry', async () => {
    const storage = await start((_, response) => {
      response.writeHead(307, { location: `${registry.origin}/data` }).end();
    });
    const registry = await start((request, response) => {
      if (request.url === '/data') response.end(request.headers.authorization ?? 'none');
      else redirecting(() => storage.origin)(request, response);
    });
    const stream = await connect({ credentials }).getBlob({ registry: registry.host, repository: 'a' }, blob);
    assert.equal(await text(stream), 'none');
  });

  it('are not answered with credentials when the other origin asks for them', async () => {
    const trap = await start((_, response) =>
      sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' }),
    );
    const registry = await start(redirecting(() => trap.origin));
    await assert.rejects(
      connect({ credentials }).getBlob({ registry: registry.host, repository: 'a' }, blob),
      (error) => isLadingError(error, 'UNAUTHORIZED') && error.message.includes(`redirected to ${trap.host}`),
    );
    assert.equal(trap.requests.length, 1);
    assert.equal(trap.headers[0]?.authorization, undefined);
  });

  it('come to an end', async () => {
    const registry = await start((_, response) => {
      response.writeHead(307, { location: '/again' }).end();
    });
    await assert.rejects(
      connect().getBlob({ registry: registry.host, repository: 'a' }, blob),
      (error) => isLadingError(error, 'REGISTRY') && /more than 10 redirects/.test(error.message),
    );
    assert.equal(registry.requests.length, 11);
  });

  for (const location of ['file:///etc/passwd', 'http://[bad', 'ftp://x/']) {
    it(`are refused to ${location}`, async () => {
      const registry = await start((_, response) => {
        response.writeHead(307, { location }).end();
      });
      await assert.rejects(connect().getBlob({ registry: registry.host, repository: 'a' }, blob), (error) =>
        isLadingError(error, 'REGISTRY'),
      );
    });
  }
});

describe('repetitions', () => {
  it('wait as long as the server says, then as long as it takes', async () => {
    const answers: Handler[] = [
      (_, response) => sendError(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '7' }),
      (_, response) =>
        sendError(response, 503, 'UNAVAILABLE', { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }),
      (request) => request.socket.destroy(),
      (_, response) => sendJSON(response, {}),
    ];
    const registry = await start((request, response) => answers.shift()?.(request, response));
    const events: RetryEvent[] = [];
    const waits: number[] = [];
    const client = connect({
      onRetry: (event) => events.push(event),
      wait: async (delayMs) => void waits.push(delayMs),
    });
    await client.getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.equal(waits[0], 7000);
    assert.ok((waits[1] ?? 0) >= 500, 'a date in the past names no wait');
    assert.ok((waits[2] ?? 0) >= 1000);
    assert.deepEqual(
      events.map(({ attempt, url }) => [attempt, url]),
      [1, 2, 3].map((attempt) => [attempt, `${registry.origin}/v2/a/manifests/1`]),
    );
  });

  it('cover a small body that broke off', async () => {
    let first = true;
    const registry = await start((_, response) => {
      response.writeHead(200, { 'content-length': 2 });
      if (first) response.write('{', () => response.destroy());
      else response.end('{}');
      first = false;
    });
    const { bytes } = await connect().getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.equal(bytes.toString(), '{}');
    assert.equal(registry.requests.length, 2);
  });

  it('end after the number that was asked for, with the last failure', async () => {
    const registry = await start((_, response) => sendError(response, 500, 'UNKNOWN'));
    await assert.rejects(
      connect({ retries: 2 }).getManifest({ registry: registry.host, repository: 'a' }, '1'),
      (error) => error instanceof RegistryError && error.status === 500 && error.code === 'REGISTRY',
    );
    assert.equal(registry.requests.length, 3);
    const client = connect({ retries: 2 });
    await assert.rejects(client.getBlob({ registry: registry.host, repository: 'a' }, blob, { retries: 0 }));
    assert.equal(registry.requests.length, 4);
  });

  for (const [status, code] of [
    [400, 'REFUSED'],
    [403, 'DENIED'],
    [404, 'NOT_FOUND'],
  ] as const) {
    it(`do not happen after ${status}`, async () => {
      const registry = await start((_, response) => sendError(response, status, 'X'));
      await assert.rejects(
        connect().getManifest({ registry: registry.host, repository: 'a' }, '1'),
        (error) => isLadingError(error, code),
      );
      assert.equal(registry.requests.length, 1);
    });
  }

  it('end at once when the run is aborted while it waits', async () => {
    const registry = await start((_, response) =>
      sendError(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '60' }),
    );
    const controller = new AbortController();
    const client = createRegistryClient({
      plainHTTP: true,
      onRetry: () => setImmediate(() => controller.abort()),
    });
    clients.push(client);
    await assert.rejects(
      client.getManifest({ registry: registry.host, repository: 'a' }, '1', { signal: controller.signal }),
      (error) => isLadingError(error, 'ABORTED'),
    );
  });
});

describe('mirrors', () => {
  it('are asked in order before the registry, and told whose content is meant', async () => {
    const order: string[] = [];
    const named = (name: string, status: number) =>
      start((request, response) => {
        order.push(`${name} ${request.url}`);
        if (status === 200) sendJSON(response, { name });
        else sendError(response, status, 'X');
      });
    const [missing, failing, registry] = [
      await named('m1', 404),
      await named('m2', 503),
      await named('own', 200),
    ];
    const client = connect({ mirrors: { [registry.host]: [missing.host, failing.host] } });
    const { bytes } = await client.getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.equal(bytes.toString(), '{"name":"own"}');
    const ns = encodeURIComponent(registry.host);
    assert.deepEqual(order, [
      `m1 /v2/a/manifests/1?ns=${ns}`,
      `m2 /v2/a/manifests/1?ns=${ns}`,
      'own /v2/a/manifests/1',
    ]);
  });

  it('get the credentials of their own name', async () => {
    const mirror = await start((request, response) => {
      if (request.headers.authorization === undefined)
        sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' });
      else sendJSON(response, {});
    });
    const asked: string[] = [];
    const client = connect({
      mirrors: { 'reg.invalid': [mirror.host] },
      credentials: async (registry) => {
        asked.push(registry);
        return { username: 'm', password: 'p', source: 'a test' };
      },
    });
    await client.getManifest({ registry: 'reg.invalid', repository: 'a' }, '1');
    assert.deepEqual(asked, [mirror.host]);
  });

  it('are left alone for the rest of the run when they cannot be reached, and their words count less', async () => {
    const gone = await start(() => {});
    await gone.close();
    const page = await start((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>login');
    });
    const registry = await start((_, response) => sendError(response, 404, 'MANIFEST_UNKNOWN'));
    const client = connect({ mirrors: { [registry.host]: [gone.host, page.host] } });
    for (let run = 0; run < 2; run += 1) {
      await assert.rejects(
        client.getManifest({ registry: registry.host, repository: 'a' }, '1'),
        (error) => isLadingError(error, 'NOT_FOUND') && error.message.includes(registry.host),
      );
    }
    assert.equal(registry.requests.length, 2);
  });

  it('are asked last for lists, since a cache lists only what it has seen', async () => {
    const mirror = await start((_, response) => sendJSON(response, { tags: ['cached'] }));
    const registry = await start((_, response) => sendJSON(response, { tags: ['a', 'b'] }));
    const client = connect({ mirrors: { [registry.host]: [mirror.host] } });
    const tags = await collect(client.listTags({ registry: registry.host, repository: 'a' }));
    assert.deepEqual(tags, ['a', 'b']);
    assert.equal(mirror.requests.length, 0);
  });
});

describe('what a registry tells besides', () => {
  it('passes on each warning once, and every rate limit', async () => {
    const registry = await start((_, response) =>
      sendJSON(
        response,
        {},
        {
          headers: {
            warning: '299 - "old \u00e9"',
            'ratelimit-limit': '100;w=21600',
            'ratelimit-remaining': '99;w=21600',
          },
        },
      ),
    );
    const warnings: string[] = [];
    const limits: unknown[] = [];
    const client = connect({
      onWarning: (warning) => warnings.push(warning),
      onRateLimit: (limit) => limits.push(limit),
    });
    for (const tag of ['1', '2']) await client.getManifest({ registry: registry.host, repository: 'a' }, tag);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]?.startsWith(`${registry.host}: old `));
    assert.deepEqual(limits[1], { registry: registry.host, limit: 100, remaining: 99, windowSeconds: 21600 });
  });

  it('refuses names that would lead elsewhere', async () => {
    const client = connect();
    const names = [
      { registry: 'reg.example/x', repository: 'a' },
      { registry: 'user@reg.example', repository: 'a' },
      { registry: 'reg.example', repository: '../a' },
      { registry: 'reg.example', repository: 'a?b' },
    ];
    for (const name of names) {
      await assert.rejects(client.getManifest(name, '1'), (error) =>
        isLadingError(error, 'INVALID_REFERENCE'),
      );
    }
    await assert.rejects(client.getManifest({ registry: 'reg.example', repository: 'a' }, '../1'), (error) =>
      isLadingError(error, 'INVALID_REFERENCE'),
    );
  });
});
