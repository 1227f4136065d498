import assert from 'node:assert/strict';
import { maxBody } from '../../support/fault-proxy.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { openerOf } from '../../support/openers.js';
import { assertHeld, BLOB, LARGE, steps, useUploads } from './uploading.js';

const { startRegistry, startProxy, connect, upload } = useUploads();

describe('an upload', () => {
  it('comes in pieces when it is asked to, at the latest location', async () => {
    const registry = await startRegistry();
    const sessions: (number | undefined)[] = [];
    const opener = openerOf(BLOB.bytes);
    const name = { registry: registry.host, repository: 'a/b' };
    await connect().uploadBlob(name, BLOB.descriptor, opener, {
      chunkBytes: 400,
      onSession: (session) => void sessions.push(session?.offset),
    });
    await assertHeld(registry);
    assert.deepEqual(steps(registry), ['POST', 'PATCH 0-399', 'PATCH 400-799', 'PATCH 800-999', 'PUT']);
    assert.deepEqual(sessions, [0, 400, 800, 1000, undefined]);
    assert.deepEqual(opener.starts, [0], 'the source is opened once');
  });

  it('comes in pieces of the size that the registry asks for', async () => {
    const registry = await startRegistry({ minChunkBytes: 600 });
    await upload(registry.host, BLOB, { chunkBytes: 100 });
    await assertHeld(registry);
    assert.deepEqual(steps(registry), ['POST', 'PATCH 0-599', 'PATCH 600-999', 'PUT']);
  });

  for (const patchStatus of [200, 201, 204]) {
    it(`goes on after a piece that is answered with ${patchStatus} and a range that makes no sense`, async () => {
      const registry = await startRegistry({ patchStatus, rangeOf: () => '0-99' });
      await upload(registry.host, BLOB, { chunkBytes: 300 });
      await assertHeld(registry);
    });
  }

  it('comes in pieces after a 413, also the next one at once', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, maxBody(1024 * 1024));
    const client = connect();
    await upload(proxy.host, LARGE, {}, client);
    await assertHeld(registry, LARGE);
    const refusals = () => proxy.passed.filter(({ status }) => status === 413).length;
    const before = refusals();
    assert.ok(before > 0 && before <= 3, String(before));
    const other = contentOf('text/plain', randomBytesFrom('another', 3_000_000));
    await upload(proxy.host, other, {}, client);
    await assertHeld(registry, other);
    assert.equal(refusals(), before);
  });

  it('says what to do about a limit that is too small for pieces', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, maxBody(1000));
    await assert.rejects(upload(proxy.host, LARGE), { status: 413, hint: /client_max_body_size/ });
  });

  it('goes in pieces where a whole is refused with 405, and whole where pieces are', async () => {
    const wholeRefused = await startRegistry({
      refuse: ({ method, headers }) =>
        method === 'PUT' && headers['content-length'] !== '0' ? { status: 405 } : undefined,
    });
    await upload(wholeRefused.host);
    await assertHeld(wholeRefused);
    const piecesRefused = await startRegistry({
      refuse: ({ method }) => (method === 'PATCH' ? { status: 405 } : undefined),
    });
    await upload(piecesRefused.host, BLOB, { chunkBytes: 300 });
    await assertHeld(piecesRefused);
    assert.equal(steps(piecesRefused).at(-1), 'PUT');
  });

  it('asks once after a 416, believes its own count then, and at last sends all in a new upload', async () => {
    let refusals = 0;
    const once = await startRegistry({
      refuse: ({ method }, count) => (method === 'PATCH' && count === 3 ? { status: 416 } : undefined),
    });
    await upload(once.host, BLOB, { chunkBytes: 400 });
    await assertHeld(once);
    assert.deepEqual(steps(once), [
      'POST',
      'PATCH 0-399',
      'PATCH 400-799',
      'GET',
      'PATCH 400-799',
      'PATCH 800-999',
      'PUT',
    ]);

    const stuck = await startRegistry({
      rangeOf: () => '0-99',
      refuse: ({ method }, count) => (method === 'PATCH' && count === 3 ? { status: 416 } : undefined),
    });
    await upload(stuck.host, BLOB, { chunkBytes: 400 });
    await assertHeld(stuck);
    assert.deepEqual(steps(stuck).slice(2), [
      'PATCH 400-799',
      'GET',
      'PATCH 100-499',
      'PATCH 400-799',
      'PATCH 800-999',
      'PUT',
    ]);

    const never = await startRegistry({
      refuse: ({ method }) => (method === 'PATCH' && ++refusals > 0 ? { status: 416 } : undefined),
    });
    await upload(never.host, BLOB, { chunkBytes: 400 });
    await assertHeld(never);
    assert.deepEqual(
      steps(never).filter((step) => step !== 'HEAD'),
      ['POST', 'PATCH 0-399', 'GET', 'PATCH 0-399', 'POST', 'PUT'],
    );
    assert.equal(refusals, 2);
  });
});
