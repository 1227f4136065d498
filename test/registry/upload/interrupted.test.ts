import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import type { UploadSession } from '../../../src/registry/client.js';
import { nth } from '../../support/fault-proxy.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { openerOf } from '../../support/openers.js';
import { assertHeld, BLOB, useUploads } from './uploading.js';

const { startRegistry, startProxy, connect, upload } = useUploads();

describe('an upload', () => {
  it('takes "0-0" for nothing, and for one byte where one was confirmed', async () => {
    const registry = await startRegistry();
    let cuts = 0;
    const proxy = await startProxy(registry, ({ method, headers }) =>
      method === 'PATCH' && headers['content-range'] === '1-999' && cuts++ === 0
        ? { isBuffered: true, cutRequestAfter: 100 }
        : undefined,
    );
    let session: UploadSession | undefined;
    const onSession = (latest: UploadSession | undefined) => {
      session = latest;
    };
    const client = connect();
    const name = { registry: proxy.host, repository: 'a/b' };
    session = { location: '', offset: 0, isCut: false };
    const response = await fetch(`http://${proxy.host}/v2/a/b/blobs/uploads/`, { method: 'POST' });
    const location = new URL(response.headers.get('location') ?? '', response.url).href;
    const first = await fetch(location, { method: 'PATCH', body: BLOB.bytes.subarray(0, 1) });
    session = {
      location: new URL(first.headers.get('location') ?? '', response.url).href,
      offset: 1,
      isCut: false,
    };
    const push = () => client.uploadBlob(name, BLOB.descriptor, openerOf(BLOB.bytes), { session, onSession });
    await assert.rejects(push(), { code: 'CUT_SHORT' });
    assert.equal(session?.isCut, true);
    await push();
    await assertHeld(registry);
    assert.equal(registry.requests.filter((line) => line.endsWith(' 1-999')).length, 1);
  });

  it('begins anew, a few times, when the registry knows it no longer', async () => {
    let forgotten = 0;
    const registry = await startRegistry({
      refuse: ({ method }) => (method === 'PUT' && forgotten++ < 2 ? { status: 404 } : undefined),
    });
    await upload(registry.host);
    await assertHeld(registry);
    const never = await startRegistry({
      refuse: ({ method }) => (method === 'PUT' ? { status: 404 } : undefined),
    });
    await assert.rejects(upload(never.host), { code: 'NOT_FOUND' });
    assert.equal(never.requests.filter((line) => line.startsWith('POST')).length, 3);
  });

  for (const status of [500, 502, 503, 429]) {
    it(`fails with what can be tried again on ${status}, and the next goes on with it`, async () => {
      const registry = await startRegistry();
      const proxy = await startProxy(
        registry,
        nth('PUT', 1, { answer: { status, headers: { 'retry-after': '7' } } }),
      );
      let session: UploadSession | undefined;
      const options = {
        onSession: (latest: UploadSession | undefined) => {
          session = latest;
        },
      };
      await assert.rejects(upload(proxy.host, BLOB, options), { status, retryAfterMs: 7000 });
      await upload(proxy.host, BLOB, { ...options, session });
      await assertHeld(registry);
      assert.equal(registry.requests.filter((line) => line.startsWith('POST')).length, 1);
    });
  }

  it('ends with TIMEOUT when the registry stops taking bytes, or does not answer a piece', async () => {
    const registry = await startRegistry();
    const taking = await startProxy(registry, nth('PUT', 1, { stall: 'request' }));
    const big = contentOf('text/plain', randomBytesFrom('stalled', 20_000_000));
    const client = connect({ stallTimeoutMs: 200 });
    const pieces = async () => {
      const name = { registry: taking.host, repository: 'a/b' };
      await client.uploadBlob(name, big.descriptor, async ({ start = 0 } = {}) =>
        Readable.from(chunked(big.bytes.subarray(start))),
      );
    };
    await assert.rejects(pieces(), { code: 'TIMEOUT' });
    const answering = await startProxy(registry, nth('PATCH', 1, { stall: 'answer' }));
    const piece = upload(answering.host, BLOB, { chunkBytes: 400 }, client);
    await assert.rejects(piece, { code: 'TIMEOUT' });
  });

  it('ends with ABORTED when it is told to', async () => {
    const registry = await startRegistry();
    const stopping = new AbortController();
    const proxy = await startProxy(registry, ({ method }) => {
      if (method === 'PUT') setImmediate(() => stopping.abort());
      return method === 'PUT' ? { stall: 'answer' } : undefined;
    });
    await assert.rejects(upload(proxy.host, BLOB, { signal: stopping.signal }), { code: 'ABORTED' });
  });
});

function* chunked(bytes: Buffer): Iterable<Buffer> {
  for (let start = 0; start < bytes.length; start += 64 * 1024)
    yield bytes.subarray(start, start + 64 * 1024);
}
