import assert from 'node:assert/strict';
import { isLadingError } from '../../src/errors.js';
import { payloadOf } from '../../src/s3/client.js';
import type { Fault } from '../support/fake-s3.js';
import { freePort } from '../support/programs/daemon.js';
import { failureOf, useClient } from './use-client.js';

const BYTES = Buffer.from('the bytes of an object');

describe('the errors of the client of buckets', () => {
  const used = useClient();
  const put = (key: string) => used.client.put(key, payloadOf(BYTES));

  it('gives up after as many tries as it may, with one line', async () => {
    const hasty = await used.connect({ retries: 2 });
    used.fake.fail(() => ({ status: 503, code: 'SlowDown', headers: { 'retry-after': '0.01' } }));
    const error = await failureOf(hasty.put('x', payloadOf(BYTES)));
    assert.equal(error.code, 'TOO_MANY_REQUESTS');
    assert.match(
      error.message,
      /^x of bucket images: too many requests to 127\.0\.0\.1:\d+ \(SlowDown: fake SlowDown\)$/,
    );
    assert.equal(used.fake.requests.length, 3);
  });

  it('names the permission that is missing', async () => {
    used.fake.fail(({ method }) => (method === 'PUT' ? { status: 403, code: 'AccessDenied' } : undefined));
    const error = await failureOf(put('x'));
    assert.equal(error.code, 'DENIED');
    assert.match(error.hint ?? '', /the key from the environment needs the permission s3:PutObject/i);
    used.fake.fail(() => ({ status: 403, code: 'AccessDenied' }));
    assert.match((await failureOf(used.client.head('x'))).hint ?? '', /s3:GetObject or s3:ListBucket/);
    assert.match((await failureOf(used.client.deleteAll(['x']))).hint ?? '', /s3:DeleteObject/);
  });

  it('says by how much the clock is wrong', async () => {
    const there = new Date(Date.now() + 95 * 60_000).toISOString();
    used.fake.fail(() => ({ status: 403, code: 'RequestTimeTooSkewed', members: { ServerTime: there } }));
    const error = await failureOf(put('x'));
    assert.equal(error.code, 'UNAUTHORIZED');
    assert.match(error.message, /clock of this machine is 95 minutes behind that of 127\.0\.0\.1/);
  });

  it('says that the key has expired, whose it was, and no secret', async () => {
    used.fake.fail(() => ({ status: 400, code: 'ExpiredToken' }));
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
    used.fake.fail(({ headers }) =>
      headers.authorization?.includes('/eu-north-1/s3/') ? undefined : elsewhere,
    );
    assert.ok(await put('x'));
    const told = await used.connect({ s3: { region: 'us-west-2' } });
    const error = await failureOf(told.put('y', payloadOf(BYTES)));
    assert.deepEqual([error.code, error.remedy, error.remedyFor], ['REFUSED', 's3Region', 'eu-north-1']);
  });

  it('says that the region is wrong where the service does not name the right one', async () => {
    const told = await used.connect({ s3: { region: 'us-west-2' } });
    for (const fault of [
      { status: 400, code: 'AuthorizationHeaderMalformed' },
      { status: 301, code: 'PermanentRedirect' },
    ]) {
      used.fake.fail(() => fault);
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
      used.fake.fail(() => ({ ...fault, headers: { location } }));
      const error = await failureOf(used.client.head('x'));
      assert.deepEqual([error.code, error.remedy], ['REGISTRY', 's3Endpoint']);
      assert.match(
        error.message,
        /^bucket images: \S+ sends requests on to https:\/\/elsewhere\.example(?: |$)/,
      );
    }
  });

  it('speaks of the bucket, and of no object, where every object would fail', async () => {
    for (const code of ['InvalidAccessKeyId', 'ExpiredToken', 'RequestTimeTooSkewed', 'PermanentRedirect']) {
      used.fake.fail(() => ({ status: 403, code }));
      assert.match((await failureOf(put('x'))).message, /^bucket images: /, code);
    }
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
        const hasty = await used.connect({ retries: 0, s3: { region: 'us-west-2' } });
        used.fake.fail(() => fault);
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
        [used.fake.endpoint.replace('http:', 'https:'), /does not speak TLS/, /begins with http:/],
      ];
      for (const [endpoint, problem, hint] of endpoints) {
        const hasty = await used.connect({ retries: 0, s3: { endpoint } });
        const error = await failureOf(hasty.head('p/x'));
        assert.deepEqual([error.code, error.remedy], ['UNREACHABLE', 's3Endpoint']);
        assert.match(error.message, /^bucket images: cannot reach 127\.0\.0\.1:\d+: /);
        assert.match(error.message, problem);
        assert.match(error.hint ?? '', hint);
      }
    });

    it('if a service with TLS hangs up, with advice on endpoints', async () => {
      const hasty = await used.connect({ retries: 0 });
      used.fake.fail(() => ({ status: 500, isCut: true }));
      const error = await failureOf(hasty.head('p/x'));
      assert.deepEqual([error.code, error.remedy], ['UNREACHABLE', 's3Endpoint']);
      assert.match(error.hint ?? '', /with TLS begins with https:/);
    });

    it('if something else answers with a page', async () => {
      const hasty = await used.connect({ retries: 0 });
      for (const status of [200, 301, 400, 403, 404, 405, 500]) {
        used.fake.fail(() => ({ status, isPage: true }));
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

  it('refuses an answer of something else', async () => {
    const hasty = await used.connect({ retries: 0 }, { AWS_ENDPOINT_URL_S3: `${used.fake.endpoint}/v2` });
    await assert.rejects(hasty.put('x', payloadOf(BYTES)), isLadingError);
  });
});
