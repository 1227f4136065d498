import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { type AskOptions, codesOf, type Reply } from '../../support/registry-server.js';
import { serveWritable, type WritableServed } from '../../support/writable-server.js';

const TYPE = 'application/octet-stream';
const blob = contentOf(TYPE, randomBytesFrom('pushed', 1000));
const { digest } = blob.descriptor;
const uploads = '/v2/a/blobs/uploads/';

describe('pushing a blob', () => {
  let served: WritableServed;
  beforeEach(async () => {
    served = await serveWritable();
  });
  afterEach(() => served.close());

  const send = (method: string, path: string, body = '', headers: Record<string, string> = {}) =>
    served.ask(path, { method, body, headers });
  const put = (path: string, options: AskOptions = {}) =>
    served.ask(`${path}?digest=${digest}`, { method: 'PUT', ...options });
  const patch = (path: string, from: number, to: number, headers = {}) =>
    served.ask(path, {
      method: 'PATCH',
      headers: { 'Content-Type': TYPE, 'Content-Range': `${from}-${to - 1}`, ...headers },
      body: blob.bytes.subarray(from, to),
    });

  async function assertStored(reply: Reply, expected = blob): Promise<void> {
    const { digest } = expected.descriptor;
    assert.equal(reply.status, 201, reply.body.toString());
    assert.equal(reply.headers.location, `/v2/a/blobs/${digest}`);
    assert.equal(reply.headers['docker-content-digest'], digest);
    assert.equal(reply.headers['content-length'], '0');
    assert.deepEqual((await served.ask(`/v2/a/blobs/${digest}`)).body, expected.bytes);
  }

  function assertState(reply: Reply, status: number, range: string, path: string): void {
    assert.equal(reply.status, status, reply.body.toString());
    assert.equal(reply.headers.range, range);
    assert.equal(reply.headers.location, path);
    assert.equal(reply.headers['docker-upload-uuid'], path.slice(uploads.length));
  }

  it('begins with a place to send it to', async () => {
    const reply = await send('POST', uploads);
    assert.match(reply.headers.location ?? '', /^\/v2\/a\/blobs\/uploads\/[0-9a-f-]{36}$/);
    assertState(reply, 202, '0-0', reply.headers.location ?? '');
    assert.equal(reply.headers['content-length'], '0');
    assert.equal(reply.headers['oci-chunk-min-length'], undefined);
  });

  it('takes all of it in one PUT', async () => {
    await assertStored(await put(await served.begin(), { body: blob.bytes }));
  });

  it('takes all of it in one PATCH of unknown length, and then the digest', async () => {
    const path = await served.begin();
    const headers = { 'Transfer-Encoding': 'chunked', 'Content-Type': TYPE };
    const reply = await served.ask(path, { method: 'PATCH', headers, body: blob.bytes });
    assertState(reply, 202, '0-999', path);
    assertState(await served.ask(path), 204, '0-999', path);
    await assertStored(await put(path));
    assert.deepEqual(codesOf(await served.ask(path)), ['BLOB_UPLOAD_UNKNOWN']);
  });

  it('takes all of it in the POST', async () => {
    await assertStored(await served.pushBlob(blob));
  });

  it('begins an upload for a POST that only announces the digest', async () => {
    const reply = await send('POST', `${uploads}?digest=${digest}`);
    assert.equal(reply.status, 202);
    await assertStored(await put(reply.headers.location ?? '', { body: blob.bytes }));
  });

  it('takes it in pieces, the last with the digest', async () => {
    const path = await served.begin();
    assertState(await patch(path, 0, 400), 202, '0-399', path);
    assertState(await patch(path, 400, 401), 202, '0-400', path);
    assertState(await served.ask(path), 204, '0-400', path);
    const headers = { 'Content-Range': '401-999' };
    await assertStored(await put(path, { headers, body: blob.bytes.subarray(401) }));
  });

  it('takes pieces without ranges one after the other', async () => {
    const path = await served.begin();
    for (const [from, to] of [
      [0, 1],
      [1, 1000],
    ] as const)
      await served.ask(path, { method: 'PATCH', body: blob.bytes.subarray(from, to) });
    await assertStored(await put(path));
  });

  it('takes an empty blob', async () => {
    const empty = contentOf(TYPE, Buffer.alloc(0));
    const path = await served.begin();
    await assertStored(await send('PUT', `${path}?digest=${empty.descriptor.digest}`), empty);
    await assertStored(await served.pushBlob(empty), empty);
  });

  it('keeps a blob under its sha512, where that is what the client names', async () => {
    const sha512 = digestOf(blob.bytes, 'sha512');
    const expected = { ...blob, descriptor: { ...blob.descriptor, digest: sha512 } };
    await assertStored(await served.pushBlob(expected), expected);
    const begun = await send('POST', `${uploads}?digest-algorithm=sha512`);
    assert.equal(begun.status, 202);
    const path = begun.headers.location ?? '';
    await assertStored(
      await served.ask(`${path}?digest=${sha512}`, { method: 'PUT', body: blob.bytes }),
      expected,
    );
    const wrong = await served.ask(`${uploads}?digest=${digestOf(Buffer.from('x'), 'sha512')}`, {
      method: 'POST',
      body: blob.bytes,
    });
    assert.deepEqual([wrong.status, codesOf(wrong)], [400, ['DIGEST_INVALID']]);
  });

  it('refuses an algorithm that nobody has', async () => {
    const reply = await send('POST', `${uploads}?digest-algorithm=md5`);
    assert.deepEqual([reply.status, codesOf(reply)], [400, ['DIGEST_INVALID']]);
  });

  it('refuses pieces out of order with what is there, and goes on after that', async () => {
    const path = await served.begin();
    const ahead = await patch(path, 500, 1000);
    assertState(ahead, 416, '0-0', path);
    assert.deepEqual(codesOf(ahead), ['RANGE_INVALID']);
    await patch(path, 0, 500);
    assertState(await patch(path, 0, 500), 416, '0-499', path);
    assertState(await patch(path, 499, 1000), 416, '0-499', path);
    const tooEarly = await put(path, {
      headers: { 'Content-Range': '501-999' },
      body: blob.bytes.subarray(501),
    });
    assertState(tooEarly, 416, '0-499', path);
    await patch(path, 500, 1000);
    await assertStored(await put(path));
  });

  for (const range of ['bytes 0-999/1000', '0-', '-5', 'a-b', '9-3', '0-99999999999999999999', '']) {
    it(`refuses the Content-Range "${range}"`, async () => {
      const path = await served.begin();
      const reply = await served.ask(path, {
        method: 'PATCH',
        headers: { 'Content-Range': range },
        body: blob.bytes,
      });
      assertState(reply, 416, '0-0', path);
    });
  }

  it('refuses a piece of another length than its range says, before it is read', async () => {
    const path = await served.begin();
    const reply = await patch(path, 0, 400, { 'Content-Range': '0-499' });
    assert.deepEqual([reply.status, codesOf(reply)], [400, ['SIZE_INVALID']]);
    assertState(await served.ask(path), 204, '0-0', path);
  });

  it('refuses a piece of unknown length that turns out longer or shorter than its range', async () => {
    for (const [last, kept] of [
      [499, '0-399'],
      [299, '0-299'],
    ] as const) {
      const path = await served.begin();
      const headers = { 'Content-Range': `0-${last}`, 'Transfer-Encoding': 'chunked' };
      const reply = await patch(path, 0, 400, headers);
      assert.deepEqual([reply.status, codesOf(reply)], [400, ['SIZE_INVALID']]);
      assertState(await served.ask(path), 204, kept, path);
    }
  });

  it('refuses forms and texts', async () => {
    const path = await served.begin();
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'])
      assert.equal((await send('PATCH', path, 'x=y', { 'Content-Type': type })).status, 415, type);
    assertState(await served.ask(path), 204, '0-0', path);
    const reply = await served.ask(path, {
      method: 'PATCH',
      headers: { 'Content-Type': 'Application/Octet-Stream; q=1' },
      body: blob.bytes,
    });
    assert.equal(reply.status, 202);
  });

  it('goes on after a PUT without a digest, or with something else', async () => {
    const path = await served.begin();
    await patch(path, 0, 1000);
    for (const query of ['', '?digest=', '?digest=sha256:12', `?digest=md5:${'0'.repeat(32)}`]) {
      const reply = await send('PUT', path + query);
      assert.deepEqual([reply.status, codesOf(reply)], [400, ['DIGEST_INVALID']], query);
    }
    await assertStored(await put(path));
  });

  it('throws away what has another digest', async () => {
    const path = await served.begin();
    await patch(path, 0, 999);
    const reply = await put(path);
    assert.deepEqual([reply.status, codesOf(reply)], [400, ['DIGEST_INVALID']]);
    assert.deepEqual(codesOf(await served.ask(path)), ['BLOB_UPLOAD_UNKNOWN']);
    assert.equal((await served.ask(`/v2/a/blobs/${digest}`)).status, 404);
    const whole = await served.ask(`${uploads}?digest=${digest}`, { method: 'POST', body: 'other' });
    assert.deepEqual([whole.status, codesOf(whole)], [400, ['DIGEST_INVALID']]);
  });

  it('is given up by a DELETE, once', async () => {
    const path = await served.begin();
    await patch(path, 0, 500);
    assert.equal((await send('DELETE', path)).status, 204);
    for (const method of ['DELETE', 'GET', 'PATCH']) {
      const reply = await send(method, path);
      assert.deepEqual([reply.status, codesOf(reply)], [404, ['BLOB_UPLOAD_UNKNOWN']], method);
    }
    const late = await put(path);
    assert.deepEqual([late.status, codesOf(late)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
  });

  it('belongs to its repository', async () => {
    const path = await served.begin();
    const elsewhere = await served.ask(path.replace('/v2/a/', '/v2/b/'));
    assert.deepEqual([elsewhere.status, codesOf(elsewhere)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
  });

  it('announces the smallest piece', async () => {
    const served = await serveWritable({ chunkMinBytes: 65_536 });
    const reply = await served.ask(uploads, { method: 'POST' });
    assert.equal(reply.headers['oci-chunk-min-length'], '65536');
    await served.close();
  });

  it('is done by many clients at once with the same blob', async () => {
    const replies = await Promise.all(
      Array.from({ length: 8 }, async () => put(await served.begin(), { body: blob.bytes })),
    );
    for (const reply of replies) await assertStored(reply);
  });
});

describe('mounting a blob', () => {
  let served: WritableServed;
  before(async () => {
    served = await serveWritable();
    await served.pushBlob(blob, 'source/repository');
  });
  after(() => served.close());

  const mount = (query: string) => served.ask(`/v2/target/blobs/uploads/?${query}`, { method: 'POST' });

  it('takes it from the repository that is named, or from any', async () => {
    for (const query of [`mount=${digest}&from=source/repository`, `mount=${digest}`]) {
      const reply = await mount(query);
      assert.equal(reply.status, 201);
      assert.equal(reply.headers.location, `/v2/target/blobs/${digest}`);
      assert.equal(reply.headers['docker-content-digest'], digest);
      assert.deepEqual((await served.ask(`/v2/target/blobs/${digest}`)).body, blob.bytes);
    }
  });

  const missed = digestOf(Buffer.from('missed'));
  for (const query of [
    `mount=${digest}&from=none`,
    `mount=${digest}&from=`,
    `mount=${digest}&from=../source/repository`,
    `mount=${missed}&from=source/repository`,
    `mount=${missed}`,
    'mount=bogus&from=source/repository',
    'mount=',
  ]) {
    it(`begins an upload instead for ${query.replace(/[0-9a-f]{60}/, '…')}`, async () => {
      const reply = await mount(query);
      assert.equal(reply.status, 202);
      assert.equal(reply.headers.range, '0-0');
      assert.equal((await served.ask(reply.headers.location ?? '')).status, 204);
    });
  }
});

describe('limits of uploads', () => {
  it('are on how many there are', async () => {
    const served = await serveWritable({ maxSessions: 2 });
    const [first = '', second = ''] = [await served.begin(), await served.begin()];
    const refused = await served.ask(uploads, { method: 'POST' });
    assert.deepEqual([refused.status, codesOf(refused)], [429, ['TOOMANYREQUESTS']]);
    assert.match(refused.headers['retry-after'] ?? '', /^\d+$/);

    await served.ask(first, { method: 'DELETE' });
    const third = await served.begin();
    const complete = await served.ask(`${third}?digest=${digest}`, { method: 'PUT', body: blob.bytes });
    assert.equal(complete.status, 201);
    await served.ask(`${second}?digest=${digest}`, { method: 'PUT', body: 'other' });
    for (const _ of [1, 2, 3]) assert.equal((await served.pushBlob(blob)).status, 201);
    await served.begin();
    await served.begin();
    assert.equal((await served.pushBlob(blob)).status, 429);
    await served.close();
  });

  it('are on how long a blob is, said or not', async () => {
    const served = await serveWritable({ maxBlobBytes: 999 });
    const whole = await served.pushBlob(blob);
    assert.deepEqual([whole.status, codesOf(whole)], [413, ['SIZE_INVALID']]);
    const path = await served.begin();
    const streamed = await served.ask(path, {
      method: 'PATCH',
      headers: { 'Transfer-Encoding': 'chunked' },
      body: blob.bytes,
    });
    assert.deepEqual([streamed.status, codesOf(streamed)], [413, ['SIZE_INVALID']]);
    const piece = await served.ask(await served.begin(), {
      method: 'PATCH',
      headers: { 'Content-Range': '0-999', 'Transfer-Encoding': 'chunked' },
      body: blob.bytes,
    });
    assert.equal(piece.status, 413);
    const fits = contentOf(TYPE, blob.bytes.subarray(1));
    assert.equal((await served.pushBlob(fits)).status, 201);
    await served.close();
  });
});
