import assert from 'node:assert/strict';
import { isLadingError } from '../../../src/errors.js';
import { sendError, sendJSON } from '../http-server.js';
import { credentials, useAuthentication } from './authenticating.js';

const { start, connect } = useAuthentication();

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
        /from a test were refused/.test(error.hint ?? '') &&
        error.remedy === 'login' &&
        error.remedyFor === registry.host,
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
        error.hint?.startsWith(`lading found no credentials for ${registry.host} to log in with;`) === true &&
        error.remedy === 'login' &&
        error.remedyFor === registry.host,
    );
    assert.equal(registry.requests.length, 1);
  });
});
