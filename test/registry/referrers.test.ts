import assert from 'node:assert/strict';
import { type Digest, digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { isLadingError } from '../../src/errors.js';
import { type Handler, sendError, sendJSON } from './http-server.js';
import { manifestDigest, useRepository } from './repository.js';

const { start, connect } = useRepository();

describe('listReferrers', () => {
  const index = { 'content-type': MEDIA_TYPE.ociIndex };
  const entry = (artifactType: string, more: object = {}) => ({
    mediaType: MEDIA_TYPE.ociManifest,
    digest: digestOf(Buffer.from(artifactType)),
    size: 3,
    artifactType,
    ...more,
  });

  it('gathers all pages, and filters by itself', async () => {
    const { server, name } = await start((request, response) => {
      const isFirst = !request.url?.includes('page=2');
      const headers = isFirst ? { ...index, link: `<?page=2>; rel="next"` } : index;
      const manifests = isFirst
        ? [entry('a/sig'), entry('a/sbom')]
        : [entry('a/sig', { annotations: { k: 'v' } })];
      sendJSON(response, { schemaVersion: 2, manifests }, { headers });
    });
    const listed = await connect().listReferrers(name, manifestDigest, { artifactType: 'a/sig' });
    assert.deepEqual(listed, [entry('a/sig'), entry('a/sig', { annotations: { k: 'v' } })]);
    assert.equal(server.requests[0], `GET /v2/team/app/referrers/${manifestDigest}?artifactType=a%2Fsig`);
  });

  for (const [what, base] of [
    ['another scheme', 'https://HOST'],
    ['an inner host', 'http://10.9.8.7:5000'],
    ['another path of an inner host', 'http://inner.example/registry'],
  ] as const) {
    it(`gathers all pages where links lead to ${what}`, async () => {
      const { server, name } = await start((request, response) => {
        const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? '1');
        const host = `${request.headers.host}`;
        const link = `<${base.replace('HOST', host)}/v2/team/app/referrers/x?page=${page + 1}>; rel="next"`;
        const headers = page < 3 ? { ...index, link } : index;
        sendJSON(response, { schemaVersion: 2, manifests: [entry(`a/${page}`)] }, { headers });
      });
      const listed = await connect().listReferrers(name, manifestDigest);
      assert.deepEqual(listed, [entry('a/1'), entry('a/2'), entry('a/3')]);
      assert.equal(server.requests[2], `GET /v2/team/app/referrers/${manifestDigest}?page=3`);
    });
  }

  it('fails where there is more that cannot be asked for', async () => {
    const { name } = await start((_, response) => {
      const link = '<https://elsewhere.example/next>; rel="next"';
      sendJSON(response, { manifests: [entry('a/sig')] }, { headers: { ...index, link } });
    });
    await assert.rejects(connect().listReferrers(name, manifestDigest), { code: 'REGISTRY' });
  });

  it('fails where a page that follows is no list', async () => {
    const { name } = await start((request, response) => {
      if (request.url?.includes('page=2'))
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
      else
        sendJSON(
          response,
          { manifests: [entry('a/1')] },
          { headers: { ...index, link: '<?page=2>; rel="next"' } },
        );
    });
    await assert.rejects(connect().listReferrers(name, manifestDigest), { code: 'REGISTRY' });
  });

  const unsupported: [what: string, handle: Handler][] = [
    ['404 of its router', (_, response) => void response.writeHead(404).end('404 page not found\n')],
    ['405', (_, response) => sendError(response, 405, 'UNSUPPORTED')],
    [
      'a web page',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    ],
    ['some other JSON', (_, response) => sendJSON(response, {})],
  ];
  for (const [what, handle] of unsupported) {
    it(`is undefined where the API is missing (${what}), which is asked once even by many`, async () => {
      const { server, name } = await start(handle);
      const warnings: string[] = [];
      const client = connect({ onWarning: (warning) => warnings.push(warning) });
      const ask = (text: string) => client.listReferrers(name, digestOf(Buffer.from(text)));
      assert.deepEqual(await Promise.all([ask('a'), ask('b'), ask('c')]), [undefined, undefined, undefined]);
      assert.equal(await ask('d'), undefined);
      assert.equal(server.requests.length, 1);
      // There is a warning if something else than the registry may have answered.
      const isSaid = what === 'a web page' || what === 'some other JSON';
      assert.equal(warnings.length, isSaid ? 1 : 0, warnings.join());
      if (isSaid)
        assert.match(warnings[0] ?? '', /is not a list, so lading looks for attachments only under tags$/);
    });
  }

  it('takes a missing repository for no proof', async () => {
    const { server, name } = await start((request, response) => {
      if (request.url?.startsWith('/v2/team/app/')) sendError(response, 404, 'NAME_UNKNOWN');
      else sendJSON(response, { manifests: [] }, { headers: index });
    });
    const client = connect();
    assert.equal(await client.listReferrers(name, manifestDigest), undefined);
    assert.deepEqual(await client.listReferrers({ ...name, repository: 'b' }, manifestDigest), []);
    assert.equal(server.requests.length, 2);
  });

  it('is not put off by one failure', async () => {
    let count = 0;
    const { name } = await start((_, response) => {
      count += 1;
      if (count === 1) sendError(response, 500, 'UNKNOWN');
      else sendJSON(response, { manifests: null }, { headers: index });
    });
    const client = connect({ retries: 0 });
    await assert.rejects(client.listReferrers(name, manifestDigest), (error) =>
      isLadingError(error, 'REGISTRY'),
    );
    assert.deepEqual(await client.listReferrers(name, manifestDigest), []);
  });

  for (const bad of [{ digest: 'sha256:../x' as Digest }, { size: -1 }, { size: 1.5 }, { mediaType: 1 }]) {
    it(`refuses an entry with ${JSON.stringify(bad)}`, async () => {
      const { name } = await start((_, response) =>
        sendJSON(response, { manifests: [entry('a', bad)] }, { headers: index }),
      );
      await assert.rejects(connect().listReferrers(name, manifestDigest), (error) =>
        isLadingError(error, 'INVALID_MANIFEST'),
      );
    });
  }
});
