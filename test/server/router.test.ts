import assert from 'node:assert/strict';
import { parseRoute } from '../../src/server/router.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('parseRoute', () => {
  const endpoints: [target: string, endpoint: object][] = [
    ['/v2/', { type: 'version' }],
    ['/v2', { type: 'version' }],
    ['/v2/_catalog?n=3', { type: 'catalog' }],
    ['/v2/a/manifests/1.0', { type: 'manifest', repository: 'a', reference: '1.0' }],
    [`/v2/a/b/c/manifests/${DIGEST}`, { type: 'manifest', repository: 'a/b/c', reference: DIGEST }],
    [`/v2/a/blobs/${DIGEST.replace(':', '%3A')}`, { type: 'blob', repository: 'a', digest: DIGEST }],
    [`/v2/a/referrers/${DIGEST}`, { type: 'referrers', repository: 'a', digest: DIGEST }],
    ['/v2/a/tags/list', { type: 'tags', repository: 'a' }],
    ['/v2/tags/tags/list', { type: 'tags', repository: 'tags' }],
    [
      '/v2/a/blobs/manifests/manifests/list',
      { type: 'manifest', repository: 'a/blobs/manifests', reference: 'list' },
    ],
    ['http://elsewhere.test/v2/a/tags/list', { type: 'tags', repository: 'a' }],
  ];
  for (const [target, endpoint] of endpoints) {
    it(`reads ${target.replace(/a{64}/, '…')}`, () => {
      assert.deepEqual(parseRoute('GET', target).endpoint, endpoint);
      assert.deepEqual(parseRoute('HEAD', target).endpoint, endpoint);
    });
  }

  it('gives the query', () => {
    const { query } = parseRoute('GET', '/v2/a/tags/list?n=2&last=b%2Fc');
    assert.deepEqual(
      [...query],
      [
        ['n', '2'],
        ['last', 'b/c'],
      ],
    );
  });

  const refused: [target: string, code: string, status: number][] = [
    ['/', 'UNSUPPORTED', 404],
    ['*', 'UNSUPPORTED', 404],
    ['', 'UNSUPPORTED', 404],
    ['/v1/_ping', 'UNSUPPORTED', 404],
    ['//v2/', 'UNSUPPORTED', 404],
    ['/v2/a', 'UNSUPPORTED', 404],
    ['/v2/a/tags/other', 'UNSUPPORTED', 404],
    ['/v2/_catalog/x', 'UNSUPPORTED', 404],
    ['/v2/A/tags/list', 'NAME_INVALID', 400],
    ['/v2/../a/tags/list', 'NAME_INVALID', 400],
    ['/v2/%2e%2e/tags/list', 'NAME_INVALID', 400],
    ['/v2/a%2Fb/tags/list', 'NAME_INVALID', 400],
    ['/v2/a%00/tags/list', 'NAME_INVALID', 400],
    ['/v2/a%/tags/list', 'NAME_INVALID', 400],
    ['/v2/a%FF/tags/list', 'NAME_INVALID', 400],
    ['/v2/a//b/tags/list', 'NAME_INVALID', 400],
    ['/v2//tags/list', 'NAME_INVALID', 400],
    ['/v2/tags/list', 'NAME_INVALID', 400],
    [`/v2/${'a'.repeat(256)}/tags/list`, 'NAME_INVALID', 400],
    ['/v2/a/blobs/sha256:xyz', 'DIGEST_INVALID', 400],
    [`/v2/a/blobs/md5:${'a'.repeat(32)}`, 'DIGEST_INVALID', 400],
    [`/v2/a/blobs/sha256:${'A'.repeat(64)}`, 'DIGEST_INVALID', 400],
    ['/v2/a/blobs/', 'DIGEST_INVALID', 400],
    ['/v2/a/blobs/sha256:..%2f..%2fetc%2fpasswd', 'DIGEST_INVALID', 400],
    ['/v2/a/referrers/latest', 'DIGEST_INVALID', 400],
  ];
  for (const [target, code, status] of refused) {
    it(`refuses ${JSON.stringify(target).slice(0, 60)} with ${code}`, () => {
      assert.throws(() => parseRoute('GET', target), { name: 'Refusal', code, status });
    });
  }

  it('refuses writing with what is allowed instead', () => {
    for (const method of ['PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS']) {
      assert.throws(() => parseRoute(method, '/v2/a/manifests/1.0'), {
        code: 'UNSUPPORTED',
        status: 405,
        headers: { Allow: 'GET, HEAD' },
      });
    }
  });

  it('refuses uploads as such', () => {
    for (const target of ['/v2/a/blobs/uploads/', '/v2/a/blobs/uploads/8d1f?digest=x']) {
      assert.throws(() => parseRoute('POST', target), {
        code: 'UNSUPPORTED',
        status: 405,
        headers: { Allow: '' },
      });
      assert.throws(() => parseRoute('GET', target), { code: 'UNSUPPORTED', status: 405 });
    }
  });

  it('lets a registry that can be written to be written to', () => {
    const allowed: [target: string, methods: string[], endpoint: object][] = [
      ['/v2/a/blobs/uploads/', ['POST'], { type: 'uploads', repository: 'a' }],
      [
        '/v2/a/b/blobs/uploads/8d1f?digest=x',
        ['DELETE', 'GET', 'HEAD', 'PATCH', 'PUT'],
        { type: 'upload', repository: 'a/b', id: '8d1f' },
      ],
      [
        '/v2/a/manifests/x',
        ['DELETE', 'GET', 'HEAD', 'PUT'],
        { type: 'manifest', repository: 'a', reference: 'x' },
      ],
      [`/v2/a/blobs/${DIGEST}`, ['DELETE', 'GET', 'HEAD'], { type: 'blob', repository: 'a', digest: DIGEST }],
      ['/v2/a/tags/list', ['GET', 'HEAD'], { type: 'tags', repository: 'a' }],
      ['/v2/', ['GET', 'HEAD'], { type: 'version' }],
    ];
    for (const [target, methods, endpoint] of allowed) {
      for (const method of ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']) {
        const parse = () => parseRoute(method, target, { writable: true }).endpoint;
        if (methods.includes(method)) assert.deepEqual(parse(), endpoint, `${method} ${target}`);
        else
          assert.throws(
            parse,
            { status: 405, headers: { Allow: methods.join(', ') } },
            `${method} ${target}`,
          );
      }
    }
  });
});
