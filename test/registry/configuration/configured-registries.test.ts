import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/registry/client.js';
import { joinConfs } from '../../../src/registry/configuration/registries-conf.js';
import { parseRegistriesConf } from '../../../src/registry/configuration/registries-toml.js';
import { type Certificate, makeCertificate } from '../../support/certificates.js';
import { type Handler, sendError, sendJSON, serve, type TestServer } from '../http-server.js';

const MANIFEST = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json' };
const DIGEST = digestOf(Buffer.from(JSON.stringify(MANIFEST)));

/** Handlers of a registry that has everything, and of one that has nothing. */
const full: Handler = ({ url = '' }, response) => {
  if (url.includes('/tags/list')) return sendJSON(response, { name: 'x', tags: ['1'] });
  sendJSON(response, MANIFEST, { headers: { 'content-type': MANIFEST.mediaType } });
};
const empty: Handler = (_request, response) => sendError(response, 404, 'MANIFEST_UNKNOWN');

describe('a registry of registries.conf', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(handler: Handler, tls?: Certificate): Promise<TestServer> {
    const server = await serve(handler, tls);
    closing.push(server.close);
    return server;
  }

  function connect(text: string, options: RegistryClientOptions = {}) {
    const client = createRegistryClient({
      environment: {},
      retries: 0,
      registriesConf: joinConfs([parseRegistriesConf(text, 'x.conf')]),
      ...options,
    });
    closing.push(() => client.close());
    return client;
  }

  const app = { registry: 'docker.io', repository: 'library/app' };
  const paths = ({ requests }: TestServer): string[] => requests.map((line) => line.replace(/\?ns=.*$/, ''));

  it('is read at its location, under the path that this has', async () => {
    const { host, requests } = await start(full);
    const client = connect(`[[registry]]\nprefix="docker.io/library"\nlocation="${host}/hub"`);
    await client.getManifest(app, '1');
    for await (const tag of client.listTags(app)) assert.equal(tag, '1');
    assert.deepEqual(
      requests.map((line) => line.replace(/\?.*$/, '')),
      ['GET /v2/hub/app/manifests/1', 'GET /v2/hub/app/tags/list'],
    );
  });

  it('is pushed to where the user says, whatever its location', async () => {
    const [location, registry] = [
      await start(full),
      await start((_, response) => response.writeHead(201).end()),
    ];
    const client = connect(`[[registry]]\nprefix="${registry.host}"\nlocation="${location.host}"`);
    const name = { registry: registry.host, repository: 'app' };
    const bytes = Buffer.from(JSON.stringify(MANIFEST));
    await client.putManifest(name, '1', { mediaType: MANIFEST.mediaType, bytes });
    assert.deepEqual(location.requests, []);
    assert.equal(registry.requests.length, 1);
  });

  it('asks its mirrors in their order before the location', async () => {
    const [first, second, own] = [await start(empty), await start(empty), await start(full)];
    const client = connect(
      `[[registry]]\nprefix="docker.io"\nlocation="${own.host}"\n` +
        `[[registry.mirror]]\nlocation="${first.host}/cache"\n[[registry.mirror]]\nlocation="${second.host}"`,
    );
    await client.getManifest(app, '1');
    assert.deepEqual(
      [paths(first), paths(second), paths(own)],
      [
        ['GET /v2/cache/library/app/manifests/1'],
        ['GET /v2/library/app/manifests/1'],
        ['GET /v2/library/app/manifests/1'],
      ],
    );
  });

  it('asks the mirrors of --mirror before its own', async () => {
    const [flag, configured, own] = [await start(full), await start(full), await start(full)];
    const text = `[[registry]]\nprefix="docker.io"\nlocation="${own.host}"\n[[registry.mirror]]\nlocation="${configured.host}"`;
    await connect(text, { mirrors: { 'docker.io': [flag.host] } }).getManifest(app, '1');
    assert.deepEqual([flag.requests.length, configured.requests.length, own.requests.length], [1, 0, 0]);
  });

  for (const [pulls, byTag, byDigest] of [
    ['all', 1, 1],
    ['digest-only', 0, 1],
    ['tag-only', 1, 0],
  ] as const) {
    it(`asks a mirror with pull-from-mirror = ${pulls} for what it is for`, async () => {
      const [mirror, own] = [await start(full), await start(full)];
      const client = connect(
        `[[registry]]\nprefix="docker.io"\nlocation="${own.host}"\n` +
          `[[registry.mirror]]\nlocation="${mirror.host}"\npull-from-mirror="${pulls}"`,
      );
      await client.getManifest(app, '1');
      assert.equal(mirror.requests.length, byTag);
      await client.getManifest(app, DIGEST);
      assert.equal(mirror.requests.length, byTag + byDigest);
    });
  }

  it('asks a mirror for tags for digests too, where the registry itself has not what the mirror named', async () => {
    const [mirror, own] = [await start(full), await start(empty)];
    const client = connect(
      `[[registry]]\nprefix="docker.io"\nlocation="${own.host}"\n` +
        `[[registry.mirror]]\nlocation="${mirror.host}"\npull-from-mirror="tag-only"`,
    );
    await client.getManifest(app, DIGEST);
    assert.deepEqual([own.requests.length, mirror.requests.length], [1, 1]);
  });

  it('is not asked when it is blocked, nor its mirrors, for reading or pushing', async () => {
    const mirror = await start(full);
    const client = connect(`[[registry]]\nprefix="docker.io/library"\nblocked=true`, {
      mirrors: { 'docker.io': [mirror.host] },
    });
    const refusal = {
      code: 'DENIED',
      message: 'docker.io/library/app is blocked: x.conf blocks docker.io/library',
      hint: /CONTAINERS_REGISTRIES_CONF/,
    };
    await assert.rejects(client.getManifest(app, '1'), refusal);
    const put = client.putManifest(app, '1', { mediaType: MANIFEST.mediaType, bytes: Buffer.from('{}') });
    await assert.rejects(put, refusal);
    assert.deepEqual(mirror.requests, []);
  });

  it('is not asked at a location that is blocked', async () => {
    const own = await start(full);
    const client = connect(
      `[[registry]]\nprefix="docker.io"\nlocation="${own.host}/hub"\n[[registry]]\nlocation="${own.host}"\nblocked=true`,
    );
    await assert.rejects(client.getManifest(app, '1'), {
      code: 'DENIED',
      message: `${own.host}/hub/library/app, the location of docker.io/library/app, is blocked: x.conf blocks ${own.host}`,
    });
    assert.deepEqual(own.requests, []);
  });

  it('is asked without its mirrors that are blocked, which a warning names once', async () => {
    const [flag, configured, own] = [await start(full), await start(full), await start(full)];
    const warnings: string[] = [];
    const client = connect(
      `[[registry]]\nprefix="docker.io"\nlocation="${own.host}"\n[[registry.mirror]]\nlocation="${configured.host}/cache"\n` +
        `[[registry]]\nlocation="${configured.host}"\nblocked=true\n[[registry]]\nlocation="${flag.host}/hub"\nblocked=true`,
      { mirrors: { 'docker.io': [`${flag.host}/hub`] }, onWarning: (text) => warnings.push(text) },
    );
    for (const reference of ['1', '2', DIGEST]) await client.getManifest(app, reference);
    assert.deepEqual([flag.requests, configured.requests, own.requests.length], [[], [], 3]);
    assert.deepEqual(warnings, [
      `the mirror ${flag.host}/hub is not used: x.conf blocks ${flag.host}/hub`,
      `the mirror ${configured.host} is not used: x.conf blocks ${configured.host}`,
    ]);
  });

  it('may have a certificate of an unknown authority, and its token service too, when it is insecure', async () => {
    const certificate = makeCertificate();
    const tokens = await start((_, response) => sendJSON(response, { token: 't' }), certificate);
    const challenge = `Bearer realm="${tokens.origin}/token"`;
    const registry = await start((request, response) => {
      if (request.headers.authorization !== undefined) return full(request, response);
      sendJSON(response, {}, { status: 401, headers: { 'www-authenticate': challenge } });
    }, certificate);
    const name = { registry: registry.host, repository: 'app' };
    const certificates = { perRegistry: [], systemFiles: [], systemFolders: [] };
    await assert.rejects(connect('', { certificates }).getManifest(name, '1'), { code: 'UNREACHABLE' });
    const insecure = `[[registry]]\nlocation="${registry.host}"\ninsecure=true`;
    const { digest } = await connect(insecure, { certificates }).getManifest(name, '1');
    assert.equal(tokens.requests.length, 1);
    const mirrored = `[[registry]]\nprefix="docker.io"\n[[registry.mirror]]\nlocation="${registry.host}"\ninsecure=true`;
    assert.equal((await connect(mirrored, { certificates }).getManifest(app, '1')).digest, digest);
    assert.equal(tokens.requests.length, 2);
    // A mirror from the command line that has a table of its own.
    const flag = { certificates, mirrors: { 'docker.io': [registry.host] } };
    assert.equal((await connect(insecure, flag).getManifest(app, '1')).digest, digest);
    assert.equal(tokens.requests.length, 3);
  });

  it('keeps its own credential: a mirror is looked up by its own name', async () => {
    const askedFor: string[] = [];
    const closed: Handler = (_, response) =>
      sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' });
    const [mirror, own] = [await start(closed), await start(full)];
    const client = connect(
      `[[registry]]\nprefix="docker.io"\nlocation="${own.host}"\n[[registry.mirror]]\nlocation="${mirror.host}/hub"`,
      {
        credentials: async (registry, repository) => {
          askedFor.push(`${registry}/${repository}`);
          return undefined;
        },
      },
    );
    await client.getManifest(app, '1');
    assert.deepEqual(askedFor, [`${mirror.host}/hub/library/app`]);
  });
});
