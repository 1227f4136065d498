import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { sendError, sendJSON } from '../http-server.js';
import { answerToken, credentials, useAuthentication } from './authenticating.js';

const { start, bearerRegistry, connect } = useAuthentication();

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URL(request.url ?? '/', 'http://x').searchParams;
}

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
});
