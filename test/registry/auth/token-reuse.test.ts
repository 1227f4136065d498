import assert from 'node:assert/strict';
import { isLadingError } from '../../../src/errors.js';
import { answerToken, credentials, useAuthentication } from './authenticating.js';

const { start, bearerRegistry, connect } = useAuthentication();

describe('authentication by Bearer', () => {
  it('shares one token between requests that come at once', async () => {
    const waiting: (() => void)[] = [];
    const tokens = await start((_, response) => waiting.push(() => answerToken(response, 't')));
    const registry = await bearerRegistry(
      () => {
        // The token service answers when all eight requests have been refused.
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
});
