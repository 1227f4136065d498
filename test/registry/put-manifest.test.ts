import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { createRegistryClient } from '../../src/registry/client.js';
import type { Remedy } from '../../src/remedy.js';
import { contentOf } from '../support/images.js';
import { type Handler, sendError, serve, type TestServer } from './http-server.js';

const servers: TestServer[] = [];
const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {} });
const MANIFEST = contentOf(MEDIA_TYPE.ociManifest, Buffer.from('{"schemaVersion":2}'));

async function put(handler: Handler, reference: string = MANIFEST.descriptor.digest) {
  const server = await serve(handler);
  servers.push(server);
  const { mediaType } = MANIFEST.descriptor;
  const name = { registry: server.host, repository: 'a/b' };
  return client.putManifest(name, reference, { mediaType, bytes: MANIFEST.bytes });
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
after(() => client.close());

describe('a manifest that is put', () => {
  it('is sent with its type and length, and the answer tells digest and subject', async () => {
    const { digest } = MANIFEST.descriptor;
    const result = await put((_, response) =>
      response.writeHead(201, { 'docker-content-digest': digest, 'oci-subject': digest }).end(),
    );
    assert.deepEqual(result, { digest, subject: digest });
    assert.deepEqual(servers[0]?.requests, [`PUT /v2/a/b/manifests/${digest}`]);
    assert.equal(servers[0]?.headers[0]?.['content-type'], MEDIA_TYPE.ociManifest);
    assert.equal(servers[0]?.headers[0]?.['content-length'], String(MANIFEST.bytes.length));
  });

  it('is sent again where that can help', async () => {
    let asked = 0;
    const result = await put((_, response) => response.writeHead(++asked < 3 ? 503 : 201).end(), '1.2');
    assert.deepEqual([asked, result], [3, { digest: undefined, subject: undefined }]);
  });

  const refusals: [status: number, code: string, hint: RegExp, remedy?: Remedy][] = [
    [400, 'MANIFEST_INVALID', /convert it to another/, 'convert'],
    [415, 'UNSUPPORTED', /convert it to another/, 'convert'],
    [400, 'MANIFEST_BLOB_UNKNOWN', /push the whole image/],
    [400, 'TAG_INVALID', /does not allow it to move/],
    [400, 'NAME_INVALID', /repository name; push under another/, 'mapFile'],
    [404, 'NAME_UNKNOWN', /create it there first/],
    [413, 'SIZE_INVALID', /client_max_body_size/],
    [403, 'DENIED', /no credentials/, 'login'],
  ];
  for (const [status, code, hint, remedy] of refusals) {
    it(`is refused with ${code} in the registry’s words, and a hint`, async () => {
      await assert.rejects(
        put((_, response) => sendError(response, status, code)),
        {
          status,
          registryCodes: [code],
          hint,
          remedy,
          message: new RegExp(`push of manifest sha256:.* to .*/a/b: .*${code}`),
        },
      );
      assert.equal(servers[0]?.requests.length, 1);
    });
  }

  it('is not sent again when the status says 500 but one of the complaints is about it', async () => {
    const body = JSON.stringify({ errors: [{ code: 'UNKNOWN' }, { code: 'MANIFEST_BLOB_UNKNOWN' }] });
    await assert.rejects(
      put((_, response) => response.writeHead(500).end(body)),
      { hint: /foreign layers/ },
    );
    assert.equal(servers[0]?.requests.length, 1);
  });

  it('needs a tag or a digest', async () => {
    await assert.rejects(
      put((_, response) => response.end(), '../x'),
      { code: 'INVALID_REFERENCE' },
    );
    assert.deepEqual(servers[0]?.requests, []);
  });
});
