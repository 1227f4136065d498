import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { type Digest, digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { isLadingError } from '../../src/errors.js';
import { createRegistryClient, type RegistryClientOptions } from '../../src/registry/client.js';
import { MANIFEST_ACCEPT } from '../../src/registry/protocol.js';
import { collect, type Handler, sendError, sendJSON, serve, type TestServer } from './http-server.js';

const servers: TestServer[] = [];
const clients: { close(): Promise<void> }[] = [];

async function start(handler: Handler) {
  const server = await serve(handler);
  servers.push(server);
  return { server, name: { registry: server.host, repository: 'team/app' } };
}

function connect(options: RegistryClientOptions = {}) {
  const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {}, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const manifest = Buffer.from('{"schemaVersion":2}');
const manifestDigest = digestOf(manifest);
const content = Buffer.from('0123456789');
const blob = digestOf(content);

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
        error.hint === `See what is there: lading ls ${name.registry}/team/app`,
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
    // distribution 2.8 announces the body of its error and sends none
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

/** Serves the blob as a registry with ranges does. */
const sendRange: Handler = (request, response) => {
  const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (request.headers.range === undefined) response.end(content);
  else
    response
      .writeHead(206, { 'content-range': `bytes ${first}-${content.byteLength - 1}/${content.byteLength}` })
      .end(content.subarray(first));
};

describe('getBlob', () => {
  it('gives everything, without a range', async () => {
    const { server, name } = await start(sendRange);
    assert.equal(await text(await connect().getBlob(name, blob, { size: 10 })), '0123456789');
    assert.equal(server.headers[0]?.range, undefined);
  });

  it('goes on from a byte by a range', async () => {
    const { server, name } = await start(sendRange);
    assert.equal(await text(await connect().getBlob(name, blob, { start: 4, size: 10 })), '456789');
    assert.equal(server.headers[0]?.range, 'bytes=4-');
  });

  it('skips what a server sends that knows no ranges, wherever its chunks end', async () => {
    const { name } = await start((_, response) => {
      response.writeHead(200);
      const write = (at: number) => {
        if (at === content.byteLength) response.end();
        else response.write(content.subarray(at, at + 1), () => setImmediate(write, at + 1));
      };
      write(0);
    });
    for (const start of [1, 5, 9]) {
      const stream = await connect().getBlob(name, blob, { start, size: 10 });
      assert.equal(await text(stream), '0123456789'.slice(start));
    }
  });

  it('skips within one chunk too', async () => {
    const { name } = await start((_, response) => response.end(content));
    assert.equal(await text(await connect().getBlob(name, blob, { start: 4, size: 10 })), '456789');
  });

  it('fails when the body ends before the byte to go on from', async () => {
    const { name } = await start((_, response) => response.end('012'));
    await assert.rejects(connect({ retries: 0 }).getBlob(name, blob, { start: 4, size: 10 }), (error) =>
      isLadingError(error, 'CUT_SHORT'),
    );
  });

  it('asks for nothing when all bytes are there', async () => {
    const { server, name } = await start(sendRange);
    assert.equal(await text(await connect().getBlob(name, blob, { start: 10, size: 10 })), '');
    assert.deepEqual(server.requests, []);
  });

  const wrong: [what: string, status: number, headers: Record<string, string>, start: number][] = [
    ['another start', 206, { 'content-range': 'bytes 3-9/10' }, 4],
    ['another total', 206, { 'content-range': 'bytes 4-10/11' }, 4],
    ['no Content-Range', 206, {}, 4],
    ['a part that nobody asked for', 206, { 'content-range': 'bytes 0-3/10' }, 0],
    ['an empty success', 204, {}, 0],
    ['416', 416, { 'content-range': 'bytes */3', 'content-length': '9999' }, 4],
  ];
  for (const [what, status, headers, start_] of wrong) {
    it(`refuses ${what}`, async () => {
      const { server, name } = await start((_, response) => {
        response.writeHead(status, headers);
        if (headers['content-length'] === undefined) response.end();
        else response.write('range', () => response.destroy()); // as distribution 2.8 does
      });
      await assert.rejects(connect().getBlob(name, blob, { start: start_, size: 10 }), (error) =>
        isLadingError(error, 'REGISTRY'),
      );
      assert.equal(server.requests.length, 1);
    });
  }
});

describe('headBlob', () => {
  it('tells the size, or that there is none', async () => {
    const { server, name } = await start((request, response) => {
      if (request.url?.endsWith(blob)) response.writeHead(200, { 'content-length': 10 }).end();
      else sendError(response, 404, 'BLOB_UNKNOWN');
    });
    const client = connect();
    assert.deepEqual(await client.headBlob(name, blob), { size: 10 });
    assert.equal(await client.headBlob(name, manifestDigest), undefined);
    assert.equal(server.requests.length, 2);
  });

  it('reads the head of a GET where HEAD is not allowed', async () => {
    const { name } = await start((request, response) => {
      if (request.method === 'HEAD') sendError(response, 405, 'UNSUPPORTED');
      else {
        response.writeHead(200, { 'content-length': 10 });
        response.flushHeaders();
      }
    });
    assert.deepEqual(await connect().headBlob(name, blob), { size: 10 });
  });
});

describe('listTags and listRepositories', () => {
  it('follow links within the origin, relative or absolute', async () => {
    const { server, name } = await start((request, response) => {
      const page = new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? '1';
      const links: Record<string, string> = {
        1: '<list?page=2>; rel="next"',
        2: `<${`http://${request.headers.host}`}/v2/team/app/tags/list?page=3>; rel=next`,
      };
      const link = links[page];
      const headers = link === undefined ? {} : { link };
      sendJSON(response, { tags: page === '3' ? null : [`t${page}a`, `t${page}b`] }, { headers });
    });
    assert.deepEqual(await collect(connect().listTags(name)), ['t1a', 't1b', 't2a', 't2b']);
    assert.equal(server.requests.length, 3);
    assert.equal(server.requests[0], 'GET /v2/team/app/tags/list?n=1000');
  });

  it('go on by the last name when the link leads to another origin', async () => {
    const trap = await start((_, response) => sendJSON(response, { tags: ['trap'] }));
    const { name } = await start((request, response) => {
      const last = new URL(request.url ?? '', 'http://x').searchParams.get('last');
      const headers = { link: `<${trap.server.origin}/v2/x>; rel="next"` };
      if (last === null) sendJSON(response, { tags: ['a', 'b_'] }, { headers });
      else sendJSON(response, { tags: last === 'b_' ? ['c'] : [] });
    });
    assert.deepEqual(await collect(connect().listTags(name)), ['a', 'b_', 'c']);
    assert.equal(trap.server.requests.length, 0);
  });

  it('go on by the last name after a full page without a link, and stop where that changes nothing', async () => {
    const tags = Array.from({ length: 1000 }, (_, index) => `t${index}`);
    const { server, name } = await start((_, response) => sendJSON(response, { tags }));
    assert.deepEqual(await collect(connect().listTags(name)), tags);
    assert.deepEqual(server.requests.slice(1), ['GET /v2/team/app/tags/list?n=1000&last=t999']);
  });

  it('stop at a link that repeats itself', async () => {
    const { server, name } = await start((_, response) =>
      sendJSON(
        response,
        { tags: ['a'] },
        { headers: { link: '</v2/team/app/tags/list?n=1000>; rel="next"' } },
      ),
    );
    assert.deepEqual(await collect(connect().listTags(name)), ['a']);
    assert.equal(server.requests.length, 2);
  });

  it('leave out what cannot be a name, with a warning', async () => {
    const { name } = await start((_, response) => sendJSON(response, { tags: ['ok', '../x', 'b\u001b[2J'] }));
    const warnings: string[] = [];
    const client = connect({ onWarning: (warning) => warnings.push(warning) });
    assert.deepEqual(await collect(client.listTags(name)), ['ok']);
    assert.equal(warnings.length, 2);
  });

  it('refuse what is not a list', async () => {
    for (const document of [{ tags: 'a' }, { tags: [1] }]) {
      const { name } = await start((_, response) => sendJSON(response, document));
      await assert.rejects(collect(connect().listTags(name)), (error) => isLadingError(error, 'REGISTRY'));
    }
  });

  it('list the repositories of a catalog', async () => {
    const { server, name } = await start((_, response) => sendJSON(response, { repositories: ['a', 'b/c'] }));
    assert.deepEqual(await collect(connect().listRepositories(name.registry)), ['a', 'b/c']);
    assert.deepEqual(server.requests, ['GET /v2/_catalog?n=1000']);
  });
});

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
      const client = connect();
      const ask = (text: string) => client.listReferrers(name, digestOf(Buffer.from(text)));
      assert.deepEqual(await Promise.all([ask('a'), ask('b'), ask('c')]), [undefined, undefined, undefined]);
      assert.equal(await ask('d'), undefined);
      assert.equal(server.requests.length, 1);
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

interface Exchange {
  note: string;
  request: { method: string; path: string };
  response: { status: number; headers: [string, string][]; body: unknown };
}

describe('recorded answers of docker-registry 2.8', () => {
  const file = new URL('../../../shared/fixtures/http/docker-registry-2.8.2.json', import.meta.url);
  const exchanges: Exchange[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).exchanges : [];
  const find = (note: string) => exchanges.find((exchange) => exchange.note === note);

  async function replay(note: string) {
    const exchange = find(note);
    assert.ok(exchange, note);
    const { status, headers, body } = exchange.response;
    const { name } = await start((_, response) => {
      response.writeHead(status, headers.flat());
      if (typeof body !== 'string') response.end();
      else response.write(body, () => response.destroy()); // as long as it was, whatever was announced
    });
    return name;
  }

  before(function () {
    if (exchanges.length === 0) this.skip();
  });

  it('an unknown tag is NOT_FOUND with its code', async () => {
    const name = await replay('unknown tag');
    await assert.rejects(
      connect({ retries: 0 }).getManifest(name, 'nope'),
      (error) => isLadingError(error, 'NOT_FOUND') && /MANIFEST_UNKNOWN/.test(error.message),
    );
  });

  it('its referrers are unsupported', async () => {
    const name = await replay('referrers is not implemented in 2.8');
    assert.equal(await connect({ retries: 0 }).listReferrers(name, manifestDigest), undefined);
  });

  it('its refusal of a range is told by the head alone', async () => {
    const name = await replay('blob range unsatisfiable');
    await assert.rejects(connect({ retries: 0 }).getBlob(name, blob, { start: 5 }), (error) =>
      isLadingError(error, 'REGISTRY'),
    );
  });
});
