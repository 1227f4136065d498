import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { isLadingError } from '../../../src/errors.js';
import { sendError, sendJSON } from '../http-server.js';
import { answerToken, credentials, useAuthentication } from './authenticating.js';

const { start, bearerRegistry, connect } = useAuthentication();

describe('authentication by Bearer', () => {
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

  it('takes a token that comes compressed, and tells the reason of a refusal that does', async () => {
    const headers = { 'content-encoding': 'gzip' };
    let isOpen = true;
    const tokens = await start((_, response) => {
      const document = isOpen ? { token: 't' } : { details: 'account locked' };
      response.writeHead(isOpen ? 200 : 403, headers).end(gzipSync(JSON.stringify(document)));
    });
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    const get = () => connect().getManifest({ registry: registry.host, repository: 'a' }, '1');
    await get();
    isOpen = false;
    await assert.rejects(get(), { code: 'DENIED', message: /access denied \(account locked\)/ });
  });

  it('takes nothing compressed for a token that is not whole or larger than any', async () => {
    const whole = gzipSync(JSON.stringify({ token: 't', filling: 'x'.repeat(2 * 1024 * 1024) }));
    const cut = gzipSync(JSON.stringify({ token: 't' })).subarray(0, 20);
    for (const answer of [whole, cut]) {
      const tokens = await start((_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(answer);
      });
      const registry = await bearerRegistry(
        () => `Bearer realm="${tokens.origin}/token"`,
        () => 't',
      );
      await assert.rejects(connect().getManifest({ registry: registry.host, repository: 'a' }, '1'), {
        code: 'REGISTRY',
        message: /does not contain a token/,
      });
    }
  });

  it('never sends a token that could not stand in a header', async () => {
    const tokens = await start((_, response) => answerToken(response, 'a\r\nx: y'));
    const registry = await bearerRegistry(
      () => `Bearer realm="${tokens.origin}/token"`,
      () => 't',
    );
    await assert.rejects(
      connect().getManifest({ registry: registry.host, repository: 'a' }, '1'),
      (error) => isLadingError(error, 'REGISTRY') && /does not contain a token/.test(error.message),
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
