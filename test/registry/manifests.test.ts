import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { isLadingError } from '../../src/errors.js';
import { MANIFEST_ACCEPT } from '../../src/registry/protocol.js';
import { type Handler, sendError, sendJSON } from './http-server.js';
import { manifest, manifestDigest, useRepository } from './repository.js';

const { start, connect } = useRepository();

const sendManifest: Handler = (request, response) => {
  response.writeHead(200, {
    'content-type': `${MEDIA_TYPE.ociManifest}; charset=utf-8`,
    'content-length': manifest.byteLength,
    'docker-content-digest': manifestDigest,
  });
  response.end(request.method === 'HEAD' ? undefined : manifest);
};

describe('getManifest', () => {
  it('asks for every manifest type, uncompressed, and says who asks', async () => {
    const { server, name } = await start(sendManifest);
    const fetched = await connect({ version: '1.2.3' }).getManifest(name, manifestDigest);
    assert.deepEqual(fetched, { mediaType: MEDIA_TYPE.ociManifest, bytes: manifest, digest: manifestDigest });
    assert.deepEqual(server.requests, [`GET /v2/team/app/manifests/${manifestDigest}`]);
    assert.equal(server.headers[0]?.accept, MANIFEST_ACCEPT);
    assert.equal(server.headers[0]?.['accept-encoding'], 'identity');
    assert.equal(server.headers[0]?.['user-agent'], 'lading/1.2.3');
  });

  it('does not believe a digest header that is none', async () => {
    const { name } = await start((_, response) =>
      sendJSON(response, {}, { headers: { 'docker-content-digest': 'sha256:../../x' } }),
    );
    assert.equal((await connect().getManifest(name, '1')).digest, undefined);
  });

  it('names tag and repository when there is none, and how to see the others', async () => {
    const { name } = await start((_, response) => sendError(response, 404, 'MANIFEST_UNKNOWN'));
    await assert.rejects(
      connect().getManifest(name, '1.2'),
      (error) =>
        isLadingError(error, 'NOT_FOUND') &&
        error.message.startsWith(`tag "1.2" of ${name.registry}/team/app: not found`) &&
        error.hint === 'Check the name.' &&
        error.remedy === 'list' &&
        error.remedyFor === `${name.registry}/team/app`,
    );
  });

  for (const [what, type, body] of [
    ['says so', 'text/html; charset=utf-8', 'Please log in'],
    ['looks so', 'application/json', '\n<!DOCTYPE html><title>Login</title>'],
  ] as const) {
    it(`refuses a web page that ${what}`, async () => {
      const { name } = await start((_, response) => {
        response.writeHead(200, { 'content-type': type }).end(body);
      });
      await assert.rejects(
        connect().getManifest(name, '1'),
        (error) => isLadingError(error, 'INVALID_MANIFEST') && /proxy or a login page/.test(error.hint ?? ''),
      );
    });
  }

  it('stops at 4 MiB, announced or not', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    for (const announced of [true, false]) {
      const { name } = await start((_, response) => {
        response.writeHead(200, announced ? { 'content-length': 5 * chunk.byteLength } : {});
        for (let count = 0; count < 5; count += 1) response.write(chunk);
        response.end();
      });
      await assert.rejects(connect().getManifest(name, '1'), (error) => isLadingError(error, 'TOO_LARGE'));
    }
  });
});

describe('headManifest', () => {
  it('tells type, digest and size by one HEAD', async () => {
    const { server, name } = await start(sendManifest);
    assert.deepEqual(await connect().headManifest(name, 'latest'), {
      mediaType: MEDIA_TYPE.ociManifest,
      digest: manifestDigest,
      size: manifest.byteLength,
    });
    assert.deepEqual(server.requests, ['HEAD /v2/team/app/manifests/latest']);
  });

  it('is undefined where there is nothing', async () => {
    // distribution 2.8 announces a body for its error but sends none
    const { name } = await start((_, response) => {
      response.writeHead(404, { 'content-length': 157 }).end();
    });
    assert.equal(await connect().headManifest(name, 'latest'), undefined);
  });

  for (const [what, handle] of [
    ['is not allowed', (_, response) => sendError(response, 405, 'UNSUPPORTED')],
    ['gives no digest', (_, response) => sendJSON(response, {})],
  ] as [string, Handler][]) {
    it(`falls back to GET where HEAD ${what}`, async () => {
      const { server, name } = await start((request, response) => {
        if (request.method === 'HEAD') handle(request, response);
        else response.writeHead(200, { 'content-type': MEDIA_TYPE.ociManifest }).end(manifest);
      });
      const head = await connect().headManifest(name, 'latest');
      assert.equal(head?.digest, manifestDigest);
      assert.equal(server.requests.length, 2);
    });
  }
});
