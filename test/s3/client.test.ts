import assert from 'node:assert/strict';
import { text as textOf } from 'node:stream/consumers';
import { payloadOf } from '../../src/s3/client.js';
import { type Fault, startFakeS3 } from '../support/fake-s3.js';
import { failureOf, useClient } from './use-client.js';

const BYTES = Buffer.from('the bytes of an object');

describe('the client of buckets', () => {
  const used = useClient();

  /** Lets the first requests that fit fail. */
  const failOnce = (fault: Fault, times = 1, fits = (_: string, __: string) => true): void => {
    let left = times;
    used.fake.fail(({ method, key = '' }) => (fits(method, key) && left-- > 0 ? fault : undefined));
  };
  const put = (key: string, condition = {}) => used.client.put(key, payloadOf(BYTES), { condition });

  it('writes an object, and reads all or a part of it', async () => {
    const written = await used.client.put('a/b+c d', payloadOf(BYTES));
    assert.equal(used.fake.objects.get('a/b+c d')?.etag, written?.etag);
    const head = await used.client.head('a/b+c d');
    assert.deepEqual([head?.size, head?.etag], [BYTES.length, written?.etag]);
    const part = await used.client.get('a/b+c d', { start: 4, length: 5 });
    assert.equal(part && (await textOf(part.body)), 'bytes');
    assert.equal(part?.size, BYTES.length);
    const whole = await used.client.get('a/b+c d');
    assert.equal(whole && (await textOf(whole.body)), BYTES.toString());
    assert.deepEqual(await used.client.read('a/b+c d', { maxBytes: 100 }), {
      bytes: BYTES,
      etag: written?.etag,
      modified: 1000,
      serverTime: 1000,
    });
    assert.equal(await used.client.read('a/b+c d', { maxBytes: 100, etag: written?.etag }), 'unchanged');
  });

  it('tells an object that is missing from a bucket that is', async () => {
    assert.equal(await used.client.head('missing'), undefined);
    assert.equal(await used.client.get('missing'), undefined);
    assert.equal(await used.client.read('missing', { maxBytes: 9 }), undefined);
    const other = await used.connect({}, { BUCKET: 'other' });
    for (const work of [other.get('x'), other.read('x', { maxBytes: 9 }), other.put('x', payloadOf(BYTES))])
      await assert.rejects(work, { code: 'NOT_FOUND', remedy: 's3Endpoint' });
  });

  it('writes what is new, and what is as it was, and nothing else', async () => {
    const first = await put('name', { isNew: true });
    assert.equal(await put('name', { isNew: true }), undefined);
    assert.equal(await put('name', { etag: '"another"' }), undefined);
    assert.ok(await put('name', { etag: first?.etag }));
    assert.equal(await used.client.delete('name', { etag: '"another"' }), false);
    assert.equal(await used.client.delete('name', { etag: first?.etag }), true);
    assert.equal(await used.client.delete('name'), true);
  });

  it('is refused bytes that are not those it signed, and calls them damaged', async () => {
    const once = await used.connect({ retries: 0 });
    const payload = { ...payloadOf(BYTES), open: () => Buffer.from('other bytes of an object') };
    await assert.rejects(once.put('x', { ...payload, size: 24 }), { code: 'DIGEST_MISMATCH' });
    assert.equal(used.fake.objects.size, 0);
  });

  it('lists every page, and only as many as are asked for', async () => {
    for (const key of ['p/1', 'p/2', 'p/3', 'p/ä & <4>', 'q/1']) await used.client.put(key, payloadOf(BYTES));
    const keys: string[] = [];
    for await (const { key, size } of used.client.list('p/')) keys.push(`${key} ${size}`);
    assert.deepEqual(keys, ['p/1 22', 'p/2 22', 'p/3 22', 'p/ä & <4> 22']);
    const some: string[] = [];
    for await (const { key } of used.client.list('p/', { most: 1 })) some.push(key);
    assert.deepEqual(some, ['p/1']);
    assert.deepEqual(await used.client.deleteAll(['p/1', 'p/2']), []);
    assert.deepEqual([...used.fake.objects.keys()].sort(), ['p/3', 'p/ä & <4>', 'q/1']);
  });

  it('joins parts to an object, unless there is one', async () => {
    const join = async (): Promise<boolean> => {
      const upload = await used.client.createUpload('big');
      const parts = [
        await used.client.uploadPart(upload, 1, payloadOf(BYTES)),
        await used.client.uploadPart(upload, 2, payloadOf(BYTES)),
      ];
      assert.deepEqual((await used.client.stateOfUpload(upload))?.parts, parts);
      assert.deepEqual(await used.client.uploadsOf('big'), [upload]);
      const isJoined = await used.client.completeUpload(upload, parts, { condition: { isNew: true } });
      if (!isJoined) await used.client.abortUpload(upload);
      assert.equal(await used.client.stateOfUpload(upload), undefined);
      return isJoined;
    };
    assert.equal(await join(), true);
    assert.equal(await join(), false);
    assert.ok(used.fake.objects.get('big')?.bytes.equals(Buffer.concat([BYTES, BYTES])));
  });

  it('lists no uploads where the service says that there are none by an error', async () => {
    used.fake.fail(({ query }) => (query.has('uploads') ? { status: 404, code: 'NoSuchUpload' } : undefined));
    assert.deepEqual(await used.client.uploadsOf('big'), []);
  });

  it('makes an object new by copying it onto itself, whole or in parts', async () => {
    await used.client.put('old', payloadOf(BYTES));
    const before = (await used.client.head('old'))?.modified ?? 0;
    assert.equal(await used.client.copy('old', 'old'), true);
    assert.ok(((await used.client.head('old'))?.modified ?? 0) > before);
    assert.equal(await used.client.copy('missing', 'missing'), false);
    const upload = await used.client.createUpload('old');
    const parts = [
      await used.client.uploadPartCopy(upload, 1, { from: 'old', start: 0, length: BYTES.length }),
    ];
    assert.equal(await used.client.completeUpload(upload, parts), true);
    assert.ok(used.fake.objects.get('old')?.bytes.equals(BYTES));
  });

  it('gives out a URL that anybody can read for a while, without the secret in it', async () => {
    await used.client.put('shown', payloadOf(BYTES));
    const url = await used.client.presign('shown', 60);
    assert.equal(url.searchParams.get('X-Amz-Expires'), '60');
    assert.ok(!url.href.includes('secret'));
    const response = await fetch(url);
    assert.equal(await response.text(), BYTES.toString());
  });

  it('asks for encryption where objects begin, and nowhere else', async () => {
    const sealed = await used.connect({ s3: { sse: 'aws:kms', sseKMSKey: 'key-1' } });
    await sealed.put('x', payloadOf(BYTES));
    const upload = await sealed.createUpload('y');
    await sealed.uploadPart(upload, 1, payloadOf(BYTES));
    const asked = used.fake.requests.map(
      ({ headers }) => headers['x-amz-server-side-encryption-aws-kms-key-id'],
    );
    assert.deepEqual(asked, ['key-1', 'key-1', undefined]);
    await assert.rejects(used.connect({ s3: { sseKMSKey: 'key-1' } }), { code: 'USAGE' });
  });

  for (const [what, fault] of Object.entries<Fault>({
    'a service that asks to slow down': { status: 503, code: 'SlowDown', headers: { 'retry-after': '0.01' } },
    'a race that the service did not decide': { status: 409, code: 'ConditionalRequestConflict' },
    'an internal error': { status: 500, code: 'InternalError' },
    'a connection that broke': { status: 500, isCut: true },
    'bytes that came too slowly': { status: 400, code: 'RequestTimeout' },
    'bytes that were damaged on their way': { status: 400, code: 'BadDigest' },
  })) {
    it(`tries again after ${what}`, async () => {
      failOnce(fault);
      assert.ok(await put('x', { isNew: true }));
      assert.equal(used.fake.requests.length, 2);
      assert.ok(used.fake.objects.get('x')?.bytes.equals(BYTES));
    });
  }

  it('takes an error in an answer that began well for what it is', async () => {
    const upload = await used.client.createUpload('big');
    const parts = [await used.client.uploadPart(upload, 1, payloadOf(BYTES))];
    failOnce({ status: 200, code: 'InternalError' });
    assert.equal(await used.client.completeUpload(upload, parts), true);
    assert.ok(used.fake.objects.has('big'));
  });

  it('stops when it is told to', async () => {
    const stopped = AbortSignal.abort(new Error('stop'));
    await assert.rejects(used.client.head('x', { signal: stopped }), { code: 'ABORTED' });
    assert.equal(used.fake.requests.length, 0);
  });

  describe('without a key', () => {
    const anonymous = { s3: { anonymous: true }, retries: 0 };
    const nobody = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' };

    it('advises to read as everybody may, but not who writes', async () => {
      const reader = await failureOf((await used.connect({}, nobody)).head('x'));
      assert.deepEqual([reader.code, reader.remedy], ['UNAUTHORIZED', 'anonymous']);
      const writer = await failureOf(
        (await used.connect({ ...anonymous, needsKey: true }, nobody)).head('x'),
      );
      assert.deepEqual([writer.code, writer.remedy], ['UNAUTHORIZED', undefined]);
    });

    it('reads a bucket that everybody may read, and signs nothing', async () => {
      await used.fake.close();
      used.fake = await startFakeS3({ isPublic: true });
      await (await used.connect()).put('x', payloadOf(BYTES));
      const before = used.fake.requests.length;
      const reader = await used.connect(anonymous, nobody);
      assert.equal((await reader.head('x'))?.size, BYTES.length);
      const got = await reader.get('x', { start: 4, length: 5 });
      assert.equal(got && (await textOf(got.body)), 'bytes');
      const listed: string[] = [];
      for await (const { key } of reader.list('')) listed.push(key);
      assert.deepEqual(listed, ['x']);
      const url = await reader.presign('x', 60);
      assert.equal(await (await fetch(url)).text(), BYTES.toString());
      for (const { headers, query } of used.fake.requests.slice(before))
        assert.ok(headers.authorization === undefined && !query.has('X-Amz-Signature'));
    });

    it('is told that the bucket is not for everybody', async () => {
      const error = await failureOf((await used.connect(anonymous, nobody)).read('x', { maxBytes: 9 }));
      assert.deepEqual([error.code, error.remedy], ['DENIED', 'signedRequests']);
      assert.match(error.hint ?? '', /bucket images does not give everybody the permission s3:GetObject/i);
    });

    it('and without saying so, is told how a bucket for everybody is read', async () => {
      const silent = { ...nobody, AWS_EC2_METADATA_DISABLED: 'true' };
      const error = await failureOf((await used.connect({}, silent)).read('x', { maxBytes: 9 }));
      assert.deepEqual([error.code, error.remedy], ['UNAUTHORIZED', 'anonymous']);
    });
  });

  describe('where an answer has to begin in time', () => {
    const HEAD_MS = 300;

    it('fails when nothing comes, and when the repetitions would take longer', async () => {
      await put('a');
      used.client.answerWithin(HEAD_MS);
      const began = performance.now();
      used.fake.fail(() => ({ status: 0, isSilent: true }));
      await assert.rejects(used.client.head('a'), { code: 'TIMEOUT' });
      assert.ok(performance.now() - began >= HEAD_MS - 10);
      used.fake.fail(() => ({ status: 503, code: 'SlowDown', headers: { 'retry-after': '30' } }));
      const before = used.fake.requests.length;
      await assert.rejects(used.client.head('a'), { code: 'TOO_MANY_REQUESTS' });
      assert.equal(used.fake.requests.length, before + 1);
    });

    it('repeats what has the time for it', async () => {
      await put('a');
      used.client.answerWithin(60_000);
      failOnce({ status: 500, code: 'InternalError' }, 2);
      assert.equal((await used.client.head('a'))?.size, BYTES.length);
    });

    it('lets the body take as long as it takes, and the caller end it', async () => {
      const bytes = Buffer.alloc(4 * 1024 * 1024);
      used.fake.objects.set('large', { bytes, etag: '"e"', modified: 0, headers: {} });
      used.client.answerWithin(HEAD_MS);
      const slow = await used.client.get('large');
      await new Promise((resolve) => setTimeout(resolve, HEAD_MS + 50));
      assert.equal(slow && (await textOf(slow.body)).length, bytes.length);
      const ending = new AbortController();
      const ended = await used.client.get('large', { signal: ending.signal });
      ending.abort();
      await assert.rejects(textOf(ended?.body ?? assert.fail()), { code: 'ABORTED' });
    });
  });
});
