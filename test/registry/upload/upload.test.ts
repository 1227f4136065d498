import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { contentOf } from '../../support/images.js';
import type { UploadRegistryOptions } from '../../support/upload-registry.js';
import { sendError } from '../http-server.js';
import { assertHeld, BLOB, useUploads } from './uploading.js';

const { start, startRegistry, startProxy, connect, upload } = useUploads();

describe('an upload', () => {
  it('is one POST and one PUT with a length, which keeps the query of the location', async () => {
    const registry = await startRegistry();
    await upload(registry.host);
    await assertHeld(registry);
    assert.deepEqual(registry.requests, [
      'POST /v2/a/b/blobs/uploads/',
      `PUT /v2/a/b/blobs/uploads/ID?digest=${BLOB.descriptor.digest}`,
    ]);
    const [post, put] = registry.headers;
    assert.equal(post?.['content-length'], '0');
    assert.equal(put?.['content-length'], '1000');
    assert.equal(put?.['content-type'], 'application/octet-stream');
    assert.equal(put?.['transfer-encoding'], undefined);
  });

  it('takes content of no bytes, and digests of sha512', async () => {
    const registry = await startRegistry();
    const empty = contentOf('text/plain', Buffer.alloc(0));
    await upload(registry.host, empty);
    await assertHeld(registry, empty);
    assert.equal(registry.headers.at(-1)?.['content-length'], '0');
    const digest = digestOf(BLOB.bytes, 'sha512');
    const long = { ...BLOB, descriptor: { ...BLOB.descriptor, digest } };
    await upload(registry.host, long);
    await assertHeld(registry, long);
  });

  const places: [string, NonNullable<UploadRegistryOptions['locationOf']>][] = [
    ['absolute', (path, origin) => `${origin}${path}`],
    ['relative to the request', (path) => path.slice('/v2/a/b/blobs/uploads/'.length)],
    ['a path with two slashes before and after v2', (path) => path.replace('/v2/', '//v2//')],
    ['a path with a query that is coded', (path) => `${path}?sig=a%2Bb%3D&x=%20`],
  ];
  for (const [kind, locationOf] of places) {
    it(`goes where the registry says: ${kind}`, async () => {
      const registry = await startRegistry({ locationOf });
      const proxy = await startProxy(registry, () => undefined);
      await upload(proxy.host, BLOB, { chunkBytes: 600 });
      await assertHeld(registry);
      if (kind.includes('query'))
        assert.match(proxy.passed.at(-1)?.path ?? '', /\?sig=a%2Bb%3D&x=%20&digest=sha256%3A/);
    });
  }

  it('is sent to another host without credentials, which are not given when that asks for them', async () => {
    const storage = await start((request, response) => {
      if (request.headers.authorization !== undefined) response.writeHead(400).end();
      else if (request.url?.includes('/private')) {
        sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' });
      } else request.resume().on('end', () => response.writeHead(201).end());
    });
    const registryFor = (target: string) =>
      start((request, response) => {
        if (request.headers.authorization === undefined)
          sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' });
        else response.writeHead(202, { location: target }).end();
      });
    const client = connect({
      credentials: async () => ({ username: 'me', password: 'secret', source: 'a test' }),
    });
    await upload((await registryFor(`${storage.origin}/bucket?sig=1`)).host, BLOB, {}, client);
    assert.deepEqual(storage.requests, [
      `PUT /bucket?sig=1&digest=${encodeURIComponent(BLOB.descriptor.digest)}`,
    ]);
    const refused = upload((await registryFor(`${storage.origin}/private`)).host, BLOB, {}, client);
    await assert.rejects(refused, { code: 'UNAUTHORIZED' });
    assert.ok(storage.headers.every(({ authorization }) => authorization === undefined));
  });

  it('says whose repository it is that a registry refuses', async () => {
    const cases: [number, string, RegExp][] = [
      [400, 'NAME_INVALID', /repository name/],
      [404, 'NAME_UNKNOWN', /create it there first/],
      [405, 'UNSUPPORTED', /read-only/],
    ];
    for (const [status, code, hint] of cases) {
      const registry = await start((_, response) => sendError(response, status, code));
      await assert.rejects(upload(registry.host), {
        status,
        registryCodes: [code],
        hint,
        message: new RegExp(`^upload of ${BLOB.descriptor.digest} to ${registry.host}/a/b: .*${code}`),
      });
    }
  });
});
