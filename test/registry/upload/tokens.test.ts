import assert from 'node:assert/strict';
import { startTokenServer } from '../../support/token-server.js';
import { assertHeld, BLOB, LARGE, useUploads } from './uploading.js';

const { startRegistry, connect, upload, closing } = useUploads();

describe('an upload with tokens', () => {
  async function startTokenRegistry(
    options: Parameters<typeof startTokenServer>[0] = {},
    refuseFrom = Number.POSITIVE_INFINITY,
  ) {
    const tokens = await startTokenServer(options);
    closing.push(tokens.close);
    let sent = 0;
    const registry = await startRegistry({
      refuse(request) {
        if (request.method === 'PATCH' && ++sent === refuseFrom) tokens.expireAll();
        const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
        const [, name = ''] = /^\/v2\/(.+)\/(blobs|manifests)\//.exec(pathname) ?? [];
        const actions = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'pull,push';
        const from = searchParams.get('from');
        const needed = [
          `repository:${name}:${actions}`,
          ...(from === null ? [] : [`repository:${from}:pull`]),
        ];
        const challenge = needed.map((scope) => tokens.challengeFor(request, scope)).find(Boolean);
        return challenge === undefined
          ? undefined
          : { status: 401, headers: { 'www-authenticate': challenge } };
      },
    });
    return { tokens, registry };
  }

  it('goes on with a new token when the old one is refused in the middle', async () => {
    const { tokens, registry } = await startTokenRegistry({}, 2);
    await upload(registry.host, LARGE, { chunkBytes: 2_000_000 });
    await assertHeld(registry, LARGE);
    assert.deepEqual(tokens.requests, ['GET repository:a/b:pull,push', 'GET repository:a/b:pull,push']);
  });

  it('asks for both repositories to mount, and does without when only one is granted', async () => {
    const { tokens, registry } = await startTokenRegistry({
      grant: (repository, actions) => (repository === 'base' ? [] : actions),
    });
    const client = connect();
    const name = { registry: registry.host, repository: 'a/b' };
    assert.deepEqual(await client.mountBlob(name, BLOB.descriptor.digest, 'base'), { type: 'refused' });
    assert.deepEqual(tokens.requests.slice(0, 1), ['GET repository:a/b:pull,push repository:base:pull']);
    await upload(registry.host, BLOB, {}, client);
    await assertHeld(registry);
    assert.ok(tokens.requests.length <= 3, tokens.requests.join('; '));
  });
});
