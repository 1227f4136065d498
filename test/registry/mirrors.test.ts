import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { collect, type Handler, sendError, sendJSON, type TestServer } from './http-server.js';
import { blob, content, manifest, manifestDigest, useRepository } from './repository.js';

const { start, connect } = useRepository();

const serving: Handler = (request, response) => {
  if (request.url?.includes('/blobs/')) response.writeHead(200, { 'content-length': 10 }).end(content);
  else if (request.url?.includes('/tags/')) sendJSON(response, { tags: ['own'] });
  else response.writeHead(200, { 'content-type': 'application/json' }).end(manifest);
};

/** Starts a registry, and a mirror of it with another handler. */
async function startPair(answer: Handler, path = '') {
  const { server: mirror } = await start(answer);
  const { server: registry, name } = await start(serving);
  const warnings: string[] = [];
  const client = connect({
    mirrors: { [registry.host]: [mirror.host + path] },
    onWarning: (warning) => warnings.push(warning),
  });
  return { mirror, registry, name, warnings, client };
}

/** A host where nothing listens. */
async function startGone(): Promise<string> {
  const { server } = await start(serving);
  await server.close();
  return server.host;
}

const paths = ({ requests }: TestServer) => requests.map((line) => line.replace(/\?.*$/, ''));

describe('a mirror under a path', () => {
  for (const [given, prefix] of [
    ['/dockerhub', 'dockerhub/'],
    ['/a/b-c/d_e', 'a/b-c/d_e/'],
    ['/dockerhub/', 'dockerhub/'],
    ['/v2/dockerhub', 'dockerhub/'],
    ['/', ''],
  ] as const) {
    it(`keeps repositories there: HOST${given}`, async () => {
      const { mirror, registry, name, client } = await startPair(serving, given);
      await client.getManifest(name, '1');
      assert.equal(await text(await client.getBlob(name, blob, { size: 10 })), content.toString());
      assert.deepEqual(paths(mirror), [
        `GET /v2/${prefix}team/app/manifests/1`,
        `GET /v2/${prefix}team/app/blobs/${blob}`,
      ]);
      assert.deepEqual(registry.requests, []);
    });
  }

  it('is asked for tokens by the names that it has', async () => {
    const { mirror, name, client } = await startPair((request, response) => {
      const realm = `http://${request.headers.host}/token`;
      if (request.url?.startsWith('/token')) sendJSON(response, { token: 't' });
      else if (request.headers.authorization === undefined)
        sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': `Bearer realm="${realm}"` });
      else serving(request, response);
    }, '/dockerhub');
    await client.getManifest(name, '1');
    const asked = mirror.requests.find((line) => line.includes('/token')) ?? '';
    assert.match(decodeURIComponent(asked), /scope=repository:dockerhub\/team\/app:pull/);
  });

  it('has its pages followed there, and those of the registry at the registry', async () => {
    const paged: Handler = (request, response) => {
      const [path = ''] = (request.url ?? '').split('?', 1);
      if (request.url?.includes('last=')) sendJSON(response, { tags: ['b'] });
      else sendJSON(response, { tags: ['a'] }, { headers: { link: `<${path}?last=a>; rel="next"` } });
    };
    const { server: mirror } = await start(paged);
    const gone = await startGone();
    const client = connect({ mirrors: { [gone]: [`${mirror.host}/hub`] } });
    assert.deepEqual(await collect(client.listTags({ registry: gone, repository: 'team/app' })), ['a', 'b']);
    assert.deepEqual(paths(mirror), ['GET /v2/hub/team/app/tags/list', 'GET /v2/hub/team/app/tags/list']);
  });
});

describe('the name of a mirror', () => {
  for (const bad of [
    '???',
    'http://mirror.example',
    'https://mirror.example/hub',
    'a b',
    'user@host',
    '-',
    'host/UPPER',
    'host/..',
    'host:port',
    'host/a//b',
  ]) {
    it(`is not ${JSON.stringify(bad)}`, () => {
      assert.throws(() => connect({ mirrors: { 'reg.example': [bad] } }), {
        code: 'USAGE',
        ...(bad.includes('://')
          ? { hint: /scheme/, remedy: 'plainHTTP' }
          : { remedy: 'mirrors', message: /it is not of the form HOST\[:PORT\]\[\/PATH\]/ }),
      });
    });
  }

  it('is given for the name of a registry, of which Docker Hub has three', async () => {
    assert.throws(() => connect({ mirrors: { 'https://reg.example': ['a'] } }), { code: 'USAGE' });
    for (const hub of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
      const { server } = await start(serving);
      await connect({ mirrors: { [hub]: [server.host] } }).getManifest(
        { registry: 'docker.io', repository: 'library/app' },
        '1',
      );
      assert.equal(server.requests.length, 1);
    }
  });
});

describe('a mirror that is of no help', () => {
  const kinds: [what: string, answer: Handler][] = [
    ['401', (_, response) => sendError(response, 401, 'UNAUTHORIZED')],
    ['403', (_, response) => sendError(response, 403, 'DENIED')],
    ['429', (_, response) => sendError(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '3600' })],
    ['500', (_, response) => sendError(response, 500, 'UNKNOWN')],
    ['503', (_, response) => sendError(response, 503, 'UNAVAILABLE')],
    [
      'a web page',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    ],
    ['a connection that is cut', (request) => request.socket.destroy()],
    [
      'a redirect in circles',
      (request, response) => void response.writeHead(307, { location: request.url }).end(),
    ],
    [
      'a body that is cut',
      (_, response) => {
        response.writeHead(200, { 'content-length': 19 });
        response.write('{"sch', () => response.destroy());
      },
    ],
  ];
  for (const [what, answer] of kinds) {
    it(`costs one request, and a warning: ${what}`, async () => {
      const { mirror, registry, name, client, warnings } = await startPair(answer);
      assert.ok((await client.getManifest(name, '1')).bytes.equals(manifest));
      assert.ok((await client.getManifest(name, manifestDigest)).bytes.equals(manifest));
      assert.equal(paths(registry).filter((line) => line.includes('manifests')).length, 2);
      const asked = new Set(mirror.requests.filter((line) => line.includes('/manifests/')));
      if (!what.startsWith('a redirect'))
        assert.ok(mirror.requests.length <= 2 + asked.size, 'no repetitions');
      assert.equal(warnings.length, 1);
      assert.match(
        warnings[0] ?? '',
        new RegExp(`^the mirror ${mirror.host} failed, so ${registry.host} itself`),
      );
    });
  }

  it('is left alone after it could not be reached, which is told once', async () => {
    const { server: registry, name } = await start(serving);
    const warnings: string[] = [];
    const gone = await startGone();
    const client = connect({
      mirrors: { [registry.host]: [gone] },
      onWarning: (warning) => warnings.push(warning),
    });
    for (const tag of ['1', '2', '3']) await client.getManifest(name, tag);
    assert.deepEqual(warnings, [
      `the mirror ${gone} failed, so ${registry.host} itself is asked: cannot reach ${gone}: connection refused`,
    ]);
  });

  it('is no news where it only lacks what is asked for', async () => {
    const { name, client, warnings } = await startPair((_, response) =>
      sendError(response, 404, 'NAME_UNKNOWN'),
    );
    await client.getManifest(name, '1');
    assert.deepEqual(warnings, []);
  });

  for (const length of [0, 5, 4000]) {
    it(`does not have its ${length} bytes taken for a blob of 10`, async () => {
      const { name, client } = await startPair((_, response) => {
        response.writeHead(200, { 'content-length': length }).end(Buffer.alloc(length, '<'));
      });
      assert.equal(await text(await client.getBlob(name, blob, { size: 10 })), content.toString());
    });
  }
});

describe('a registry that only its mirrors lead to', () => {
  it('is looked for once, and its lists are asked of the mirror', async () => {
    const { server: mirror } = await start((request, response) => {
      if (request.url?.includes('/referrers/')) sendError(response, 404, 'UNSUPPORTED');
      else serving(request, response);
    });
    const gone = await startGone();
    const warnings: string[] = [];
    const retries: unknown[] = [];
    const client = connect({
      mirrors: { [gone]: [mirror.host] },
      onWarning: (warning) => warnings.push(warning),
      onRetry: (event) => retries.push(event),
    });
    const name = { registry: gone, repository: 'team/app' };
    await client.getManifest(name, '1');
    assert.deepEqual(await collect(client.listTags(name)), ['own']);
    assert.equal(await client.listReferrers(name, manifestDigest), undefined);
    assert.deepEqual(warnings, [
      `${gone} cannot be reached, so the list comes from its mirrors, which know only what they have fetched: cannot reach ${gone}: connection refused`,
    ]);
    assert.deepEqual(retries, []);
  });

  it('lacks what the mirror lacks', async () => {
    const { server: mirror } = await start((_, response) => sendError(response, 404, 'MANIFEST_UNKNOWN'));
    const gone = await startGone();
    const client = connect({ mirrors: { [gone]: [mirror.host] } });
    await assert.rejects(client.getManifest({ registry: gone, repository: 'a' }, '1'), { code: 'NOT_FOUND' });
  });

  it('is what the error speaks of when nobody can be reached', async () => {
    const [gone, mirror] = [await startGone(), await startGone()];
    const client = connect({ mirrors: { [gone]: [mirror] } });
    await assert.rejects(client.getManifest({ registry: gone, repository: 'a' }, '1'), {
      code: 'UNREACHABLE',
      message: `cannot reach ${gone}: connection refused`,
    });
  });

  it('keeps its repetitions for lists, which a mirror has only in part', async () => {
    let count = 0;
    const { server: mirror } = await start((_, response) => sendJSON(response, { tags: ['cached'] }));
    const { name, server } = await start((_, response) => {
      if (count++ < 2) sendError(response, 503, 'UNAVAILABLE');
      else sendJSON(response, { tags: ['a', 'b'] });
    });
    const client = connect({ mirrors: { [server.host]: [mirror.host] } });
    assert.deepEqual(await collect(client.listTags(name)), ['a', 'b']);
    assert.deepEqual(mirror.requests, []);
  });
});

describe('a list that the registry refuses', () => {
  const refusals: [what: string, answer: Handler, code: string][] = [
    ['401', (_, response) => sendError(response, 401, 'UNAUTHORIZED'), 'UNAUTHORIZED'],
    ['403', (_, response) => sendError(response, 403, 'DENIED'), 'DENIED'],
    ['404', (_, response) => sendError(response, 404, 'NAME_UNKNOWN'), 'NOT_FOUND'],
    ['500', (_, response) => sendError(response, 500, 'UNKNOWN'), 'REGISTRY'],
    ['a page', (_, response) => void response.writeHead(200).end('<html>'), 'REGISTRY'],
    ['a reset', (request) => request.socket.destroy(), 'UNREACHABLE'],
  ];
  for (const [what, answer, code] of refusals) {
    it(`is not taken from a mirror, which has only a part of it: ${what}`, async () => {
      const { server: mirror } = await start((request, response) => {
        if (request.url?.includes('/manifests/')) sendError(response, 404, 'MANIFEST_UNKNOWN');
        else sendJSON(response, { tags: ['cached'], manifests: [] });
      });
      const { server: registry, name } = await start((request, response) => {
        if (request.url?.includes('/manifests/')) serving(request, response);
        else answer(request, response);
      });
      const client = connect({ retries: 1, mirrors: { [registry.host]: [mirror.host] } });
      await client.getManifest(name, '1');
      await assert.rejects(collect(client.listTags(name)), { code });
      const lists = mirror.requests.filter((line) => !line.includes('/manifests/'));
      assert.deepEqual(lists, [], 'the mirror is not asked');
      if (code === 'NOT_FOUND' || what === 'a page') return; // the registry has no referrers API
      await assert.rejects(client.listReferrers(name, manifestDigest), { code });
    });
  }
});

describe('a mirror that has nothing of what is asked', () => {
  const lacking: Handler = (_, response) => sendError(response, 404, 'NAME_UNKNOWN');

  it('is named once after several questions: its path may be mistyped', async () => {
    const { mirror, name, warnings, client } = await startPair(lacking, '/dokcerhub');
    const askAll = async () => {
      await client.getManifest(name, '1');
      for (let asked = 0; asked < 3; asked += 1) await text(await client.getBlob(name, blob, { size: 10 }));
    };
    await client.getManifest(name, '1');
    assert.deepEqual(warnings, []);
    await askAll();
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      new RegExp(
        `^the mirror ${mirror.host}/dokcerhub has not had any of the requested content of ${name.registry} so far`,
      ),
    );
  });

  it('is not named once it has had something', async () => {
    const { name, warnings, client } = await startPair((request, response) => {
      if (request.url?.includes('/blobs/')) serving(request, response);
      else lacking(request, response);
    });
    await text(await client.getBlob(name, blob, { size: 10 }));
    for (let asked = 0; asked < 5; asked += 1) await client.getManifest(name, '1');
    assert.deepEqual(warnings, []);
  });
});
