import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { isLadingError } from '../../src/errors.js';
import { createRegistryClient, type RegistryClientOptions } from '../../src/registry/client.js';
import type { Credential } from '../../src/registry/credential.js';
import { type Handler, sendError, sendJSON, serve, type TestServer } from './http-server.js';

const servers: TestServer[] = [];
const clients: { close(): Promise<void> }[] = [];

async function start(handler: Handler): Promise<TestServer> {
  const server = await serve(handler);
  servers.push(server);
  return server;
}

function connect(options: RegistryClientOptions = {}) {
  const client = createRegistryClient({ plainHTTP: true, retries: 0, environment: {}, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const known: Credential = { username: 'me', password: 'p:w', source: 'a test' };
const credentials = async () => known;

/** A registry that serves a manifest to whoever has the token `valid()`. */
async function bearerRegistry(challenge: () => string, valid: () => string): Promise<TestServer> {
  return start((request, response) => {
    if (request.headers.authorization === `Bearer ${valid()}`) sendJSON(response, {});
    else sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': challenge() });
  });
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URL(request.url ?? '/', 'http://x').searchParams;
}

const answerToken = (response: ServerResponse, token: string, more: object = {}) =>
  sendJSON(response, { token, ...more });

describe('authentication by Basic', () => {
  it('is sent after a challenge only, and from then on at once', async () => {
    const registry = await start((request, response) => {
      const expected = `Basic ${Buffer.from('me:p:w').toString('base64')}`;
      if (request.headers.authorization === expected) sendJSON(response, {});
      else sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' });
    });
    const client = connect({ credentials });
    for (const repository of ['a', 'b'])
      await client.getManifest({ registry: registry.host, repository }, '1');
    assert.deepEqual(registry.requests, [
      'GET /v2/a/manifests/1',
      'GET /v2/a/manifests/1',
      'GET /v2/b/manifests/1',
    ]);
    assert.equal(registry.headers[0]?.authorization, undefined);
  });

  it('says where the credentials came from that were refused', async () => {
    const registry = await start((_, response) =>
      sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' }),
    );
    await assert.rejects(
      connect({ credentials }).getManifest({ registry: registry.host, repository: 'a' }, '1'),
      (error) =>
        isLadingError(error, 'UNAUTHORIZED') &&
        /^tag "1" of 127\.0\.0\.1:\d+\/a: not authorized \(UNAUTHORIZED: unauthorized\)$/.test(
          error.message,
        ) &&
        /from a test were refused/.test(error.hint ?? ''),
    );
    assert.equal(registry.requests.length, 2);
  });

  it('says that none were found', async () => {
    const registry = await start((_, response) =>
      sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' }),
    );
    await assert.rejects(
      connect().getManifest({ registry: registry.host, repository: 'a' }, '1'),
      (error) =>
        isLadingError(error, 'UNAUTHORIZED') &&
        (error.hint ?? '').startsWith(
          `lading found no credentials for ${registry.host}; log in with docker login, or pass --creds / --authfile.`,
        ),
    );
    assert.equal(registry.requests.length, 1);
  });
});

describe('authentication by Bearer', () => {
  it('asks for a token anonymously where there are no credentials', async () => {
    const tokens = await start((_, response) => answerToken(response, 't'));
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token?a=b",service="s",scope="repository:a:pull"`,
      () => 't',
    );
    await connect().getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.deepEqual(tokens.requests, ['GET /token?a=b&service=s&scope=repository%3Aa%3Apull']);
    assert.equal(tokens.headers[0]?.authorization, undefined);
  });

  it('sends user and password to the token service and only the token to the registry', async () => {
    const tokens = await start((request, response) => {
      assert.equal(request.headers.authorization, `Basic ${Buffer.from('me:p:w').toString('base64')}`);
      assert.equal(queryOf(request).get('account'), 'me');
      sendJSON(response, { access_token: 'better', token: 'worse' });
    });
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 'better',
    );
    await connect({ credentials }).getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.deepEqual(
      registry.headers.map(({ authorization }) => authorization),
      [undefined, 'Bearer better'],
    );
  });

  it('exchanges an identity token by POST, and uses the one that replaces it', async () => {
    const forms: URLSearchParams[] = [];
    const tokens = await start(async (request, response) => {
      forms.push(new URLSearchParams(await text(request)));
      sendJSON(response, { access_token: 't', refresh_token: 'second' });
    });
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token",service="s"`,
      () => 't',
    );
    const identity = { username: '<token>', identityToken: 'first', source: 'a test' };
    const client = connect({ credentials: async () => identity });
    for (const repository of ['a', 'b'])
      await client.getManifest({ registry: registry.host, repository }, '1');
    assert.deepEqual(
      forms.map((form) => Object.fromEntries(form)),
      ['first', 'second'].map((refresh_token, index) => ({
        grant_type: 'refresh_token',
        refresh_token,
        client_id: 'lading',
        service: 's',
        scope: `repository:${index === 0 ? 'a' : 'b'}:pull`,
      })),
    );
  });

  it('gives the identity token as a password where POST is unknown', async () => {
    const tokens = await start((request, response) => {
      if (request.method === 'POST') sendError(response, 404, 'NOT_FOUND');
      else if (request.headers.authorization === `Basic ${Buffer.from('u:id').toString('base64')}`)
        answerToken(response, 't');
      else sendError(response, 401, 'UNAUTHORIZED');
    });
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    const identity = { username: 'u', identityToken: 'id', source: 'a test' };
    const client = connect({ credentials: async () => identity });
    await client.getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.deepEqual(
      tokens.requests.map((line) => line.split(' ')[0]),
      ['POST', 'GET'],
    );
  });

  it('sends a registry token as it is', async () => {
    const registry = await bearerRegistry(
      () => 'Bearer realm="https://auth.invalid/token"',
      () => 'ready',
    );
    const client = connect({ credentials: async () => ({ registryToken: 'ready', source: 'a test' }) });
    await client.getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.equal(registry.requests.length, 2);
  });

  it('shares one token between requests that come at once', async () => {
    const waiting: (() => void)[] = [];
    const tokens = await start((_, response) => waiting.push(() => answerToken(response, 't')));
    const registry = await bearerRegistry(
      () => {
        // The token service answers once all eight have been refused.
        if (registry.requests.length === 8) setImmediate(() => waiting.forEach((answer) => void answer()));
        return `Bearer realm="${tokens.origin}/token",scope="repository:a:pull"`;
      },
      () => 't',
    );
    const client = connect();
    const name = { registry: registry.host, repository: 'a' };
    await Promise.all(Array.from({ length: 8 }, (_, index) => client.getManifest(name, `${index}`)));
    assert.equal(tokens.requests.length, 1);
    await client.getManifest(name, 'later');
    assert.equal(tokens.requests.length, 1);
    assert.equal(registry.requests.length, 17);
  });

  it('does not fail the others when one of those who wait is aborted', async () => {
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let release = () => {};
    const tokens = await start((_, response) => {
      release = () => answerToken(response, 't');
      answer();
    });
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    const client = connect();
    const name = { registry: registry.host, repository: 'a' };
    const controller = new AbortController();
    const first = client.getManifest(name, '1', { signal: controller.signal });
    await asked;
    const second = client.getManifest(name, '2');
    controller.abort();
    await assert.rejects(first, (error) => isLadingError(error, 'ABORTED'));
    release();
    await second;
    assert.equal(tokens.requests.length, 1);
  });

  it('fetches another token before the old one expires', async () => {
    let now = 0;
    const tokens = await start((_, response) => answerToken(response, 't', { expires_in: '300' }));
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    const client = connect({ now: () => now });
    const name = { registry: registry.host, repository: 'a' };
    for (const [time, fetched] of [
      [0, 1],
      [269_000, 1],
      [271_000, 2],
    ] as const) {
      now = time;
      await client.getManifest(name, '1');
      assert.equal(tokens.requests.length, fetched, `${time}`);
    }
    assert.equal(registry.requests.length, 4);
  });

  it('fetches another token once when a good one is refused, not counted as a retry', async () => {
    let current = 0;
    const tokens = await start((_, response) => answerToken(response, `t${current}`));
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token",error="invalid_token"`,
      () => `t${current}`,
    );
    const client = connect();
    const name = { registry: registry.host, repository: 'a' };
    await client.getManifest(name, '1');
    current = 1;
    await Promise.all([client.getManifest(name, '2'), client.getManifest(name, '3')]);
    assert.equal(tokens.requests.length, 2);
  });

  it('does not go round in circles when no token is good enough', async () => {
    let count = 0;
    const tokens = await start((_, response) => answerToken(response, `t${count++}`));
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token",error="insufficient_scope"`,
      () => 'never',
    );
    await assert.rejects(
      connect({ credentials }).getManifest({ registry: registry.host, repository: 'a' }, '1'),
      (error) => isLadingError(error, 'UNAUTHORIZED'),
    );
    assert.equal(registry.requests.length, 2);
  });

  it('asks for what it needs and for what the challenge adds, and remembers both', async () => {
    const tokens = await start((_, response) => answerToken(response, 't'));
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token",scope="repository:proxy/a:pull aws"`,
      () => 't',
    );
    const client = connect();
    const name = { registry: registry.host, repository: 'a' };
    await client.getManifest(name, '1');
    await client.getManifest(name, '2');
    assert.equal(tokens.requests.length, 1);
    assert.deepEqual(
      new URL(tokens.requests[0]?.split(' ')[1] ?? '', tokens.origin).searchParams.getAll('scope'),
      ['aws', 'repository:a:pull', 'repository:proxy/a:pull'],
    );
  });

  it('tells what was asked, and as whom, when the token service refuses', async () => {
    const tokens = await start((_, response) =>
      sendJSON(response, { details: 'incorrect username or password' }, { status: 401 }),
    );
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    await assert.rejects(
      connect({ credentials, retries: 3 }).getManifest({ registry: registry.host, repository: 'a' }, '1'),
      (error) =>
        isLadingError(error, 'UNAUTHORIZED') &&
        /^tag "1" of .*: token service http.*\/token: not authorized \(incorrect username/.test(
          error.message,
        ) &&
        /from a test were refused/.test(error.hint ?? ''),
    );
    assert.equal(tokens.requests.length, 1);
  });

  it('does not take a token service that is missing for a missing image', async () => {
    const tokens = await start((_, response) => sendError(response, 404, 'NOT_FOUND'));
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    await assert.rejects(
      connect().headManifest({ registry: registry.host, repository: 'a' }, '1'),
      (error) => isLadingError(error, 'REGISTRY') && /token service/.test(error.message),
    );
  });

  it('asks the base endpoint when a 401 has no challenge, once', async () => {
    const tokens = await start((_, response) => answerToken(response, 't'));
    const registry = await start((request, response) => {
      if (request.headers.authorization === 'Bearer t') sendJSON(response, {});
      else if (request.url === '/v2/')
        sendJSON(response, {}, { headers: { 'www-authenticate': `bearer realm=${tokens.origin}/token` } });
      else sendError(response, 401, 'UNAUTHORIZED');
    });
    const client = connect();
    const name = { registry: registry.host, repository: 'a' };
    await Promise.all([client.getManifest(name, '1'), client.getManifest(name, '2')]);
    assert.equal(registry.requests.filter((line) => line === 'GET /v2/').length, 1);
  });

  it('prefers Bearer to Basic, and takes Basic when the realm must not be asked', async () => {
    const registry = await start((request, response) => {
      if (request.headers.authorization?.startsWith('Basic ')) sendJSON(response, {});
      else
        sendError(response, 401, 'UNAUTHORIZED', {
          'www-authenticate': ['Basic realm="x"', 'Bearer realm="null://x/token"'],
        });
    });
    await connect({ credentials }).getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.equal(registry.requests.length, 2);
  });

  it('answers a 403 that says the scope is insufficient', async () => {
    const tokens = await start((_, response) => answerToken(response, 't'));
    const registry = await start((request, response) => {
      if (request.headers.authorization === 'Bearer t') sendJSON(response, {});
      else
        sendError(response, 403, 'DENIED', {
          'www-authenticate': `Bearer realm="${tokens.origin}/",error="insufficient_scope"`,
        });
    });
    await connect().getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.equal(tokens.requests.length, 1);
  });

  it('never sends a token that could not stand in a header', async () => {
    const tokens = await start((_, response) => answerToken(response, 'a\r\nx: y'));
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    await assert.rejects(
      connect().getManifest({ registry: registry.host, repository: 'a' }, '1'),
      (error) => isLadingError(error, 'REGISTRY') && /holds no token/.test(error.message),
    );
  });

  it('does not carry credentials along when the token service redirects to another origin', async () => {
    const trap = await start((_, response) => answerToken(response, 't'));
    const tokens = await start((_, response) => {
      response.writeHead(307, { location: `${trap.origin}/token` }).end();
    });
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    await connect({ credentials }).getManifest({ registry: registry.host, repository: 'a' }, '1');
    assert.notEqual(tokens.headers[0]?.authorization, undefined);
    assert.equal(trap.headers[0]?.authorization, undefined);
  });
});
