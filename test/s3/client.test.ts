import assert from 'node:assert/strict';
import { text as textOf } from 'node:stream/consumers';
import { isLadingError, type LadingError } from '../../src/errors.js';
import { parseBucketAddress } from '../../src/s3/address.js';
import { payloadOf, type S3Client } from '../../src/s3/client.js';
import { type BucketConnection, connectToBucket } from '../../src/s3/connect.js';
import { BUCKET, type FakeS3, type Fault, startFakeS3 } from '../support/fake-s3.js';
import { freePort } from '../support/programs/daemon.js';

const BYTES = Buffer.from('the bytes of an object');

describe('the client of buckets', () => {
  let fake: FakeS3;
  let client: S3Client;
  const open: S3Client[] = [];

  const connect = async (
    options: BucketConnection = {},
    environment: NodeJS.ProcessEnv = {},
  ): Promise<S3Client> => {
    const address = parseBucketAddress(`s3://${environment.BUCKET ?? BUCKET}`);
    const made = await connectToBucket(address, options, {
      environment: { ...fake.environment, ...environment },
      wait: async () => undefined,
    });
    open.push(made);
    return made;
  };

  beforeEach(async () => {
    fake = await startFakeS3({ pageSize: 2 });
    client = await connect();
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
    await fake.close();
  });

  /** Lets the first requests that fit fail. */
  const failOnce = (fault: Fault, times = 1, fits = (_: string, __: string) => true): void => {
    let left = times;
    fake.fail(({ method, key = '' }) => (fits(method, key) && left-- > 0 ? fault : undefined));
  };
  const put = (key: string, condition = {}) => client.put(key, payloadOf(BYTES), { condition });

  it('writes an object, and reads all or a part of it', async () => {
    const written = await client.put('a/b+c d', payloadOf(BYTES));
    assert.equal(fake.objects.get('a/b+c d')?.etag, written?.etag);
    const head = await client.head('a/b+c d');
    assert.deepEqual([head?.size, head?.etag], [BYTES.length, written?.etag]);
    const part = await client.get('a/b+c d', { start: 4, length: 5 });
    assert.equal(part && (await textOf(part.body)), 'bytes');
    assert.equal(part?.size, BYTES.length);
    const whole = await client.get('a/b+c d');
    assert.equal(whole && (await textOf(whole.body)), BYTES.toString());
    assert.deepEqual(await client.read('a/b+c d', { maxBytes: 100 }), {
      bytes: BYTES,
      etag: written?.etag,
      modified: 1000,
      serverTime: 1000,
    });
    assert.equal(await client.read('a/b+c d', { maxBytes: 100, etag: written?.etag }), 'unchanged');
  });

  it('tells an object that is missing from a bucket that is', async () => {
    assert.equal(await client.head('missing'), undefined);
    assert.equal(await client.get('missing'), undefined);
    assert.equal(await client.read('missing', { maxBytes: 9 }), undefined);
    const other = await connect({}, { BUCKET: 'other' });
    for (const work of [other.get('x'), other.read('x', { maxBytes: 9 }), other.put('x', payloadOf(BYTES))])
      await assert.rejects(work, { code: 'NOT_FOUND', remedy: 's3Endpoint' });
  });

  it('writes what is new, and what is as it was, and nothing else', async () => {
    const first = await put('name', { isNew: true });
    assert.equal(await put('name', { isNew: true }), undefined);
    assert.equal(await put('name', { etag: '"another"' }), undefined);
    assert.ok(await put('name', { etag: first?.etag }));
    assert.equal(await client.delete('name', { etag: '"another"' }), false);
    assert.equal(await client.delete('name', { etag: first?.etag }), true);
    assert.equal(await client.delete('name'), true);
  });

  it('is refused bytes that are not those it signed, and calls them damaged', async () => {
    const once = await connect({ retries: 0 });
    const payload = { ...payloadOf(BYTES), open: () => Buffer.from('other bytes of an object') };
    await assert.rejects(once.put('x', { ...payload, size: 24 }), { code: 'DIGEST_MISMATCH' });
    assert.equal(fake.objects.size, 0);
  });

  it('lists every page, and only as many as are asked for', async () => {
    for (const key of ['p/1', 'p/2', 'p/3', 'p/ä & <4>', 'q/1']) await client.put(key, payloadOf(BYTES));
    const keys: string[] = [];
    for await (const { key, size } of client.list('p/')) keys.push(`${key} ${size}`);
    assert.deepEqual(keys, ['p/1 22', 'p/2 22', 'p/3 22', 'p/ä & <4> 22']);
    const some: string[] = [];
    for await (const { key } of client.list('p/', { most: 1 })) some.push(key);
    assert.deepEqual(some, ['p/1']);
    assert.deepEqual(await client.deleteAll(['p/1', 'p/2']), []);
    assert.deepEqual([...fake.objects.keys()].sort(), ['p/3', 'p/ä & <4>', 'q/1']);
  });

  it('joins parts to an object, unless there is one', async () => {
    const join = async (): Promise<boolean> => {
      const upload = await client.createUpload('big');
      const parts = [
        await client.uploadPart(upload, 1, payloadOf(BYTES)),
        await client.uploadPart(upload, 2, payloadOf(BYTES)),
      ];
      assert.deepEqual((await client.stateOfUpload(upload))?.parts, parts);
      assert.deepEqual(await client.uploadsOf('big'), [upload]);
      const isJoined = await client.completeUpload(upload, parts, { condition: { isNew: true } });
      if (!isJoined) await client.abortUpload(upload);
      assert.equal(await client.stateOfUpload(upload), undefined);
      return isJoined;
    };
    assert.equal(await join(), true);
    assert.equal(await join(), false);
    assert.ok(fake.objects.get('big')?.bytes.equals(Buffer.concat([BYTES, BYTES])));
  });

  it('lists no uploads where the service says that there are none by an error', async () => {
    fake.fail(({ query }) => (query.has('uploads') ? { status: 404, code: 'NoSuchUpload' } : undefined));
    assert.deepEqual(await client.uploadsOf('big'), []);
  });

  it('makes an object new by copying it onto itself, whole or in parts', async () => {
    await client.put('old', payloadOf(BYTES));
    const before = (await client.head('old'))?.modified ?? 0;
    assert.equal(await client.copy('old', 'old'), true);
    assert.ok(((await client.head('old'))?.modified ?? 0) > before);
    assert.equal(await client.copy('missing', 'missing'), false);
    const upload = await client.createUpload('old');
    const parts = [await client.uploadPartCopy(upload, 1, { from: 'old', start: 0, length: BYTES.length })];
    assert.equal(await client.completeUpload(upload, parts), true);
    assert.ok(fake.objects.get('old')?.bytes.equals(BYTES));
  });

  it('gives out a URL that anybody can read for a while, without the secret in it', async () => {
    await client.put('shown', payloadOf(BYTES));
    const url = await client.presign('shown', 60);
    assert.equal(url.searchParams.get('X-Amz-Expires'), '60');
    assert.ok(!url.href.includes('secret'));
    const response = await fetch(url);
    assert.equal(await response.text(), BYTES.toString());
  });

  it('asks for encryption where objects begin, and nowhere else', async () => {
    const sealed = await connect({ s3: { sse: 'aws:kms', sseKMSKey: 'key-1' } });
    await sealed.put('x', payloadOf(BYTES));
    const upload = await sealed.createUpload('y');
    await sealed.uploadPart(upload, 1, payloadOf(BYTES));
    const asked = fake.requests.map(({ headers }) => headers['x-amz-server-side-encryption-aws-kms-key-id']);
    assert.deepEqual(asked, ['key-1', 'key-1', undefined]);
    await assert.rejects(connect({ s3: { sseKMSKey: 'key-1' } }), { code: 'USAGE' });
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
      assert.equal(fake.requests.length, 2);
      assert.ok(fake.objects.get('x')?.bytes.equals(BYTES));
    });
  }

  it('gives up after as many tries as it may, with one line', async () => {
    const hasty = await connect({ retries: 2 });
    fake.fail(() => ({ status: 503, code: 'SlowDown', headers: { 'retry-after': '0.01' } }));
    const error = await failureOf(hasty.put('x', payloadOf(BYTES)));
    assert.equal(error.code, 'TOO_MANY_REQUESTS');
    assert.match(
      error.message,
      /^x of bucket images: too many requests to 127\.0\.0\.1:\d+ \(SlowDown: fake SlowDown\)$/,
    );
    assert.equal(fake.requests.length, 3);
  });

  it('names the permission that is missing', async () => {
    fake.fail(({ method }) => (method === 'PUT' ? { status: 403, code: 'AccessDenied' } : undefined));
    const error = await failureOf(put('x'));
    assert.equal(error.code, 'DENIED');
    assert.match(error.hint ?? '', /the key from the environment needs the permission s3:PutObject/i);
    fake.fail(() => ({ status: 403, code: 'AccessDenied' }));
    assert.match((await failureOf(client.head('x'))).hint ?? '', /s3:GetObject or s3:ListBucket/);
    assert.match((await failureOf(client.deleteAll(['x']))).hint ?? '', /s3:DeleteObject/);
  });

  it('says by how much the clock is wrong', async () => {
    const there = new Date(Date.now() + 95 * 60_000).toISOString();
    fake.fail(() => ({ status: 403, code: 'RequestTimeTooSkewed', members: { ServerTime: there } }));
    const error = await failureOf(put('x'));
    assert.equal(error.code, 'UNAUTHORIZED');
    assert.match(error.message, /clock of this machine is 95 minutes behind that of 127\.0\.0\.1/);
  });

  it('says that the key has expired, whose it was, and no secret', async () => {
    fake.fail(() => ({ status: 400, code: 'ExpiredToken' }));
    const error = await failureOf(put('x'));
    assert.equal(error.code, 'UNAUTHORIZED');
    assert.match(error.message, /the key from the environment has expired/);
    assert.ok(!JSON.stringify({ ...error, message: error.message }).includes('nobody may see'));
  });

  it('goes to the right region if the user named none, and says it else', async () => {
    const elsewhere = {
      status: 400,
      code: 'AuthorizationHeaderMalformed',
      members: { Region: 'eu-north-1' },
    };
    fake.fail(({ headers }) => (headers.authorization?.includes('/eu-north-1/s3/') ? undefined : elsewhere));
    assert.ok(await put('x'));
    const told = await connect({ s3: { region: 'us-west-2' } });
    const error = await failureOf(told.put('y', payloadOf(BYTES)));
    assert.deepEqual([error.code, error.remedy, error.remedyFor], ['REFUSED', 's3Region', 'eu-north-1']);
  });

  it('says that the region is wrong where the service does not name the right one', async () => {
    const told = await connect({ s3: { region: 'us-west-2' } });
    for (const fault of [
      { status: 400, code: 'AuthorizationHeaderMalformed' },
      { status: 301, code: 'PermanentRedirect' },
    ]) {
      fake.fail(() => fault);
      const error = await failureOf(told.put('y', payloadOf(BYTES)));
      assert.deepEqual([error.code, error.remedy, error.remedyFor], ['REFUSED', 's3Region', undefined]);
      assert.match(error.message, /^bucket images: \S+ says that the bucket is not in the region us-west-2 /);
    }
  });

  it('says where a redirect leads, and follows none', async () => {
    const location = 'https://elsewhere.example/images/x?secret=1';
    for (const fault of [
      { status: 301, code: '' },
      { status: 308, isPage: true },
    ]) {
      fake.fail(() => ({ ...fault, headers: { location } }));
      const error = await failureOf(client.head('x'));
      assert.deepEqual([error.code, error.remedy], ['REGISTRY', 's3Endpoint']);
      assert.match(
        error.message,
        /^bucket images: \S+ sends requests on to https:\/\/elsewhere\.example(?: |$)/,
      );
    }
  });

  it('speaks of the bucket, and of no object, where every object would fail', async () => {
    for (const code of ['InvalidAccessKeyId', 'ExpiredToken', 'RequestTimeTooSkewed', 'PermanentRedirect']) {
      fake.fail(() => ({ status: 403, code }));
      assert.match((await failureOf(put('x'))).message, /^bucket images: /, code);
    }
  });

  it('takes an error in an answer that began well for what it is', async () => {
    const upload = await client.createUpload('big');
    const parts = [await client.uploadPart(upload, 1, payloadOf(BYTES))];
    failOnce({ status: 200, code: 'InternalError' });
    assert.equal(await client.completeUpload(upload, parts), true);
    assert.ok(fake.objects.has('big'));
  });

  it('stops when it is told to', async () => {
    const stopped = AbortSignal.abort(new Error('stop'));
    await assert.rejects(client.head('x', { signal: stopped }), { code: 'ABORTED' });
    assert.equal(fake.requests.length, 0);
  });

  describe('names the bucket and the service', () => {
    const HOST = /127\.0\.0\.1:\d+/;
    const faults: [what: string, code: string, fault: Fault][] = [
      ['if access is denied', 'DENIED', { status: 403, code: 'AccessDenied' }],
      ['if the key is unknown', 'UNAUTHORIZED', { status: 403, code: 'InvalidAccessKeyId' }],
      ['if versitygw does not know the key', 'UNAUTHORIZED', { status: 404, code: 'XAdminUserNotFound' }],
      ['if the key has expired', 'UNAUTHORIZED', { status: 400, code: 'ExpiredToken' }],
      ['if the clock is wrong', 'UNAUTHORIZED', { status: 403, code: 'RequestTimeTooSkewed' }],
      [
        'if the bucket is in another region',
        'REFUSED',
        { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-north-1' } },
      ],
      ['if there is no such bucket', 'NOT_FOUND', { status: 404, code: 'NoSuchBucket' }],
      ['if it asks to slow down', 'TOO_MANY_REQUESTS', { status: 503, code: 'SlowDown' }],
      ['if it does not say why', 'REFUSED', { status: 400, code: '' }],
    ];
    for (const [what, code, fault] of faults)
      it(what, async () => {
        const hasty = await connect({ retries: 0, s3: { region: 'us-west-2' } });
        fake.fail(() => fault);
        const works = [
          () => hasty.get('p/x'),
          () => hasty.read('p/x', { maxBytes: 9 }),
          () => hasty.put('p/x', payloadOf(BYTES)),
          () => hasty.list('p/')[Symbol.asyncIterator]().next(),
          () => hasty.uploadsOf('p/x'),
          () => hasty.deleteAll(['p/x']),
        ];
        for (const work of works) {
          const error = await failureOf(work());
          assert.equal(error.code, code);
          assert.match(error.message, /bucket "?images/);
          assert.match(error.message, HOST);
          assert.doesNotMatch(error.message, /\n/);
        }
      });

    it('if nothing answers, with advice on endpoints', async () => {
      const closed = await freePort();
      const endpoints: [endpoint: string, problem: RegExp, hint: RegExp][] = [
        [`http://127.0.0.1:${closed}`, /connection refused/, /Check that the service runs/],
        [fake.endpoint.replace('http:', 'https:'), /does not speak TLS/, /begins with http:/],
      ];
      for (const [endpoint, problem, hint] of endpoints) {
        const hasty = await connect({ retries: 0, s3: { endpoint } });
        const error = await failureOf(hasty.head('p/x'));
        assert.deepEqual([error.code, error.remedy], ['UNREACHABLE', 's3Endpoint']);
        assert.match(error.message, /^bucket images: cannot reach 127\.0\.0\.1:\d+: /);
        assert.match(error.message, problem);
        assert.match(error.hint ?? '', hint);
      }
    });

    it('if a service with TLS hangs up, with advice on endpoints', async () => {
      const hasty = await connect({ retries: 0 });
      fake.fail(() => ({ status: 500, isCut: true }));
      const error = await failureOf(hasty.head('p/x'));
      assert.deepEqual([error.code, error.remedy], ['UNREACHABLE', 's3Endpoint']);
      assert.match(error.hint ?? '', /with TLS begins with https:/);
    });

    it('if something else answers with a page', async () => {
      const hasty = await connect({ retries: 0 });
      for (const status of [200, 301, 400, 403, 404, 405, 500]) {
        fake.fail(() => ({ status, isPage: true }));
        const works = [
          () => hasty.read('p/x', { maxBytes: 9 }),
          () => hasty.list('p/')[Symbol.asyncIterator]().next(),
        ];
        for (const work of works) {
          const error = await failureOf(work());
          assert.equal(error.code, 'REGISTRY', `${status}: ${error.message}`);
          assert.match(error.message, /of bucket images/);
          assert.match(error.message, HOST);
          if (status < 500) assert.equal(error.remedy, 's3Endpoint');
        }
      }
    });
  });

  describe('without a key', () => {
    const anonymous = { s3: { anonymous: true }, retries: 0 };
    const nobody = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' };

    it('advises to read as everybody may, but not who writes', async () => {
      const reader = await failureOf((await connect({}, nobody)).head('x'));
      assert.deepEqual([reader.code, reader.remedy], ['UNAUTHORIZED', 'anonymous']);
      const writer = await failureOf((await connect({ ...anonymous, needsKey: true }, nobody)).head('x'));
      assert.deepEqual([writer.code, writer.remedy], ['UNAUTHORIZED', undefined]);
    });

    it('reads a bucket that everybody may read, and signs nothing', async () => {
      await fake.close();
      fake = await startFakeS3({ isPublic: true });
      await (await connect()).put('x', payloadOf(BYTES));
      const before = fake.requests.length;
      const reader = await connect(anonymous, nobody);
      assert.equal((await reader.head('x'))?.size, BYTES.length);
      const got = await reader.get('x', { start: 4, length: 5 });
      assert.equal(got && (await textOf(got.body)), 'bytes');
      const listed: string[] = [];
      for await (const { key } of reader.list('')) listed.push(key);
      assert.deepEqual(listed, ['x']);
      const url = await reader.presign('x', 60);
      assert.equal(await (await fetch(url)).text(), BYTES.toString());
      for (const { headers, query } of fake.requests.slice(before))
        assert.ok(headers.authorization === undefined && !query.has('X-Amz-Signature'));
    });

    it('is told that the bucket is not for everybody', async () => {
      const error = await failureOf((await connect(anonymous, nobody)).read('x', { maxBytes: 9 }));
      assert.deepEqual([error.code, error.remedy], ['DENIED', 'signedRequests']);
      assert.match(error.hint ?? '', /bucket images does not give everybody the permission s3:GetObject/i);
    });

    it('and without saying so, is told how a bucket for everybody is read', async () => {
      const silent = { ...nobody, AWS_EC2_METADATA_DISABLED: 'true' };
      const error = await failureOf((await connect({}, silent)).read('x', { maxBytes: 9 }));
      assert.deepEqual([error.code, error.remedy], ['UNAUTHORIZED', 'anonymous']);
    });
  });

  it('refuses an answer of something else', async () => {
    const hasty = await connect({ retries: 0 }, { AWS_ENDPOINT_URL_S3: `${fake.endpoint}/v2` });
    await assert.rejects(hasty.put('x', payloadOf(BYTES)), isLadingError);
  });

  describe('where an answer has to begin in time', () => {
    const HEAD_MS = 300;

    it('fails when nothing comes, and when the repetitions would take longer', async () => {
      await put('a');
      client.answerWithin(HEAD_MS);
      const began = performance.now();
      fake.fail(() => ({ status: 0, isSilent: true }));
      await assert.rejects(client.head('a'), { code: 'TIMEOUT' });
      assert.ok(performance.now() - began >= HEAD_MS - 10);
      fake.fail(() => ({ status: 503, code: 'SlowDown', headers: { 'retry-after': '30' } }));
      const before = fake.requests.length;
      await assert.rejects(client.head('a'), { code: 'TOO_MANY_REQUESTS' });
      assert.equal(fake.requests.length, before + 1);
    });

    it('repeats what has the time for it', async () => {
      await put('a');
      client.answerWithin(60_000);
      failOnce({ status: 500, code: 'InternalError' }, 2);
      assert.equal((await client.head('a'))?.size, BYTES.length);
    });

    it('lets the body take as long as it takes, and the caller end it', async () => {
      const bytes = Buffer.alloc(4 * 1024 * 1024);
      fake.objects.set('large', { bytes, etag: '"e"', modified: 0, headers: {} });
      client.answerWithin(HEAD_MS);
      const slow = await client.get('large');
      await new Promise((resolve) => setTimeout(resolve, HEAD_MS + 50));
      assert.equal(slow && (await textOf(slow.body)).length, bytes.length);
      const ending = new AbortController();
      const ended = await client.get('large', { signal: ending.signal });
      ending.abort();
      await assert.rejects(textOf(ended?.body ?? assert.fail()), { code: 'ABORTED' });
    });
  });
});

async function failureOf(work: Promise<unknown>): Promise<LadingError> {
  try {
    await work;
  } catch (error) {
    if (isLadingError(error)) return error;
    throw error;
  }
  assert.fail('it did not fail');
}
