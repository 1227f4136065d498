import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import {
  createRegistryClient,
  type RegistryClient,
  type RegistryClientOptions,
} from '../../../src/registry/client.js';
import { type Certificate, makeCertificate } from '../../support/certificates.js';
import { makeV1Chain, payloadChecksum, type V1TestImage } from '../../support/v1-images.js';
import { startV1Registry, type V1Registry, type V1RegistryOptions } from '../../support/v1-registry.js';
import { sendJSON, serve, type TestServer } from '../http-server.js';

const USERS = { anna: 'secret' };
const BASIC = `Basic ${Buffer.from('anna:secret').toString('base64')}`;

describe('the v1 client', () => {
  let chain: V1TestImage[];
  let certificate: Certificate;
  const closing: { close(): Promise<void> }[] = [];
  before(async () => {
    chain = await makeV1Chain('client', [300, 200]);
    certificate = makeCertificate();
  });
  afterEach(async () => {
    for (const resource of closing.splice(0).reverse()) await resource.close();
  });

  const start = async (options: V1RegistryOptions = {}): Promise<V1Registry> => {
    const registry = await startV1Registry(options);
    closing.push(registry);
    registry.put('team/app:1', chain);
    return registry;
  };
  const server = async (handler: Parameters<typeof serve>[0]): Promise<TestServer> => {
    const started = await serve(handler);
    closing.push(started);
    return started;
  };
  const connect = (options: RegistryClientOptions = {}): RegistryClient => {
    const client = createRegistryClient({ retries: 0, ...options });
    closing.push(client);
    return client;
  };
  const asAnna = (options: RegistryClientOptions = {}): RegistryClient =>
    connect({
      credentials: async () => ({ username: 'anna', password: 'secret', source: 'the test' }),
      ...options,
    });
  const open = (client: RegistryClient, { index }: V1Registry) =>
    client.v1.open({ registry: index.host, repository: 'team/app' });
  const top = (): V1TestImage => chain.at(-1) ?? assert.fail();
  /** Returns the path and `Authorization` of every request. */
  const authorizations = ({ requests, headers }: TestServer): string[] =>
    requests.map((line, place) => `${line.replace(/^GET \/v1/, '')} ${headers[place]?.authorization ?? '-'}`);

  it('reads tags, ancestry, image and layer of a standalone registry', async () => {
    const registry = await start();
    const repository = await open(connect(), registry);
    assert.deepEqual([...(await repository.tags())], [['1', top().id]]);
    assert.equal(await repository.resolve('1'), top().id);
    assert.deepEqual(await repository.ancestry(top().id), chain.map(({ id }) => id).reverse());
    assert.deepEqual(await repository.image(top().id), {
      json: top().json,
      layerSize: top().layer.byteLength,
      checksums: [payloadChecksum(top())],
    });
    const { body, size } = await repository.layer(top().id);
    assert.equal(size, top().layer.byteLength);
    assert.ok((await buffer(body)).equals(top().layer));
    await assert.rejects(repository.resolve('2'), { code: 'NOT_FOUND' });
    await assert.rejects(repository.image('0'.repeat(64)), { code: 'NOT_FOUND' });
    await assert.rejects(repository.image('../../secret'), { code: 'REGISTRY' });
  });

  it('goes on with a layer from the byte it is asked from', async () => {
    const registry = await start();
    const repository = await open(connect(), registry);
    const size = top().layer.byteLength;
    const rest = await repository.layer(top().id, { start: 100, size });
    assert.equal(rest.size, size);
    assert.ok((await buffer(rest.body)).equals(top().layer.subarray(100)));
    assert.deepEqual(registry.layerRequests, [{ id: top().id, range: 'bytes=100-' }]);
    assert.equal((await buffer((await repository.layer(top().id, { start: size, size })).body)).length, 0);
    await assert.rejects(repository.layer(top().id, { start: 100, size: size + 1 }), { code: 'REGISTRY' });
  });

  for (const [what, status, headers] of [
    ['it is refused', 416, {}],
    ['another part is sent', 206, { 'content-range': 'bytes 0-1/2' }],
  ] as const) {
    it(`asks for the whole layer, once, where a range is mishandled: ${what}`, async () => {
      const { layer, id } = top();
      const ranges: (string | undefined)[] = [];
      const registry = await start({
        instead({ url, headers: { range } }, response) {
          if (!url?.endsWith('/layer')) return false;
          ranges.push(range);
          if (range === undefined) response.writeHead(200, { 'content-length': layer.byteLength }).end(layer);
          else response.writeHead(status, headers).end('??');
          return true;
        },
      });
      const repository = await open(connect(), registry);
      const { body, size } = await repository.layer(id, { start: 100, size: layer.byteLength });
      assert.equal(size, layer.byteLength);
      assert.ok((await buffer(body)).equals(layer.subarray(100)));
      assert.deepEqual(ranges, ['bytes=100-', undefined]);
    });
  }

  it('reads the list of tags that mirrors of Docker Hub give', async () => {
    const repository = await open(connect(), await start({ shortTags: true }));
    assert.equal(await repository.resolve('1'), top().id);
  });

  it('tells a v1 registry from a web page, from an error and from nothing', async () => {
    const client = connect();
    const { index } = await start();
    assert.deepEqual(await client.v1.ping(index.host), { version: '0.9.1', isStandalone: true });
    const silent = await start({ pingHeaders: {} });
    assert.deepEqual(await client.v1.ping(silent.index.host), { version: undefined, isStandalone: true });
    const page = await server((_, response) => void response.end('<html>Welcome</html>'));
    assert.equal(await client.v1.ping(page.host), undefined);
    const none = await server((_, response) => sendJSON(response, {}, { status: 404 }));
    assert.equal(await client.v1.ping(none.host), undefined);
    await assert.rejects(client.v1.open({ registry: none.host, repository: 'a/b' }), { code: 'NOT_FOUND' });
    const broken = await server((_, response) => sendJSON(response, {}, { status: 500 }));
    await assert.rejects(client.v1.ping(broken.host), { code: 'REGISTRY' });
  });

  for (const [said, isStandalone] of [
    ['True', true],
    ['1', true],
    ['', true],
    ['false', false],
    ['mirror', false],
  ] as const) {
    it(`takes "${said}" for ${isStandalone ? 'a registry of its own' : 'one behind an index'}`, async () => {
      const { index } = await start({ pingHeaders: { 'X-Docker-Registry-Standalone': said } });
      assert.equal((await connect().v1.ping(index.host))?.isStandalone, isStandalone);
    });
  }

  it('gives the password to the index and the token to the registry that it names', async () => {
    const registry = await start({ kind: 'index', users: USERS });
    const repository = await open(asAnna(), registry);
    await repository.ancestry(await repository.resolve('1'));
    assert.deepEqual(authorizations(registry.index), ['/_ping -', `/repositories/team/app/images ${BASIC}`]);
    assert.equal(registry.index.headers[1]?.['x-docker-token'], 'true');
    const token = /^Token signature=[0-9a-f]{16},repository="team\/app",access=read$/;
    assert.equal(registry.registry.headers.length, 2);
    for (const { authorization } of registry.registry.headers) assert.match(authorization ?? '', token);
  });

  it('gets a token for nobody in particular where the index gives one', async () => {
    const registry = await start({ kind: 'index' });
    assert.equal(await (await open(connect(), registry)).resolve('1'), top().id);
    assert.equal(registry.index.headers[1]?.authorization, undefined);
  });

  it('says who was refused by the index', async () => {
    const registry = await start({ kind: 'index', users: USERS });
    await assert.rejects(open(connect(), registry), { code: 'UNAUTHORIZED', hint: /found no credentials/ });
    const stranger = connect({
      credentials: async () => ({ username: 'x', password: 'y', source: 'a file' }),
    });
    await assert.rejects(open(stranger, registry), {
      code: 'UNAUTHORIZED',
      hint: /from a file were refused/,
    });
    await assert.rejects(
      connect().v1.open({ registry: (await start({ kind: 'index' })).index.host, repository: 'team/none' }),
      { code: 'NOT_FOUND' },
    );
  });

  it('gives the cookie of a session back where a token is good for one request, and only there', async () => {
    const registry = await start({ kind: 'index', tokensOnce: true });
    const repository = await open(connect(), registry);
    await repository.ancestry(await repository.resolve('1'));
    await repository.image(top().id);
    const cookies = registry.registry.headers.map(({ cookie }) => cookie);
    assert.equal(cookies[0], undefined);
    assert.match(cookies[1] ?? '', /^session="[0-9a-f]{16}\?x=1"$/);
    assert.deepEqual(cookies.slice(2), [cookies[1]]);
    assert.ok(registry.index.headers.every(({ cookie }) => cookie === undefined));
    assert.equal(registry.index.requests.length, 2);
  });

  it('asks the index once more for a token that has run out, for all requests together', async () => {
    const registry = await start({ kind: 'index' });
    const repository = await open(connect(), registry);
    await repository.tags();
    registry.expireAll();
    const asked = await Promise.all([
      repository.tags(),
      repository.ancestry(top().id),
      repository.image(top().id),
    ]);
    assert.equal(asked.length, 3);
    assert.equal(registry.index.requests.length, 3);
  });

  it('gives the password of a standalone registry at once by https, by http when it asks', async () => {
    const secure = await start({ users: USERS, tls: certificate });
    await (await open(asAnna({ ca: certificate.cert }), secure)).tags();
    const http = await start({ users: USERS });
    await (await open(asAnna(), http)).tags();
    const sent = [secure, http].map(({ registry }) => authorizations(registry).slice(-2));
    assert.deepEqual(sent, [
      [`/repositories/team/app/images ${BASIC}`, `/repositories/team/app/tags ${BASIC}`],
      ['/repositories/team/app/tags -', `/repositories/team/app/tags ${BASIC}`],
    ]);
  });

  it('reads a standalone registry that is no index: files behind a web server', async () => {
    const registry = await start({
      instead({ url }, response) {
        if (url?.endsWith('/images')) sendJSON(response, {}, { status: 404 });
        return url?.endsWith('/images') === true;
      },
    });
    assert.equal(await (await open(connect(), registry)).resolve('1'), top().id);
  });

  it('asks the registries of an index in turn, the one that answered first from then on', async () => {
    const other = await server((_, response) => sendJSON(response, { error: 'not here' }, { status: 404 }));
    const kept = await start();
    const registry = await start({ kind: 'index', endpoints: `${other.host}, ${kept.registry.host}` });
    const repository = await open(connect(), registry);
    await repository.ancestry(await repository.resolve('1'));
    assert.deepEqual(other.requests, ['GET /v1/repositories/team/app/tags']);
  });

  it('needs the name of a registry from an index that is none', async () => {
    await assert.rejects(open(connect(), await start({ kind: 'index', endpoints: '' })), {
      code: 'REGISTRY',
    });
  });

  it('asks no registry in clear behind an https index', async () => {
    const clear = await start({ kind: 'index' });
    const { index, registry } = await start({
      kind: 'index',
      tls: certificate,
      endpoints: clear.registry.host,
    });
    const repository = await open(connect({ ca: certificate.cert }), { ...clear, index, registry });
    await assert.rejects(repository.tags(), { code: 'UNREACHABLE', message: /does not speak TLS/ });
    assert.deepEqual(clear.registry.requests, []);
  });

  it('sends neither token nor cookie along to where a layer is stored', async () => {
    const storage = await server((_, response) => void response.end(top().layer));
    const registry = await start({
      kind: 'index',
      tokensOnce: true,
      instead({ url }, response) {
        if (!url?.endsWith('/layer')) return false;
        response.writeHead(302, { location: `${storage.origin}/kept` }).end();
        return true;
      },
    });
    const repository = await open(connect(), registry);
    await repository.tags();
    assert.ok((await buffer((await repository.layer(top().id)).body)).equals(top().layer));
    const [received] = storage.headers;
    assert.deepEqual([received?.authorization, received?.cookie], [undefined, undefined]);
  });

  it('refuses names that the protocol has no place for', async () => {
    const { v1 } = connect();
    for (const registry of ['docker.io', '127.0.0.1:1'])
      await assert.rejects(v1.open({ registry, repository: 'a/b/c' }), { code: 'UNSUPPORTED' });
    await assert.rejects(v1.open({ registry: '127.0.0.1:1', repository: '../a' }), {
      code: 'INVALID_REFERENCE',
    });
  });

  for (const [what, ancestry, message] of [
    ['goes in a circle', (id: string) => [id, id], /an image is its own ancestor/],
    ['is of another image', () => ['f'.repeat(64)], /starts with f/],
    ['is no list', () => ({ a: 1 }), /not a list of image IDs/],
    ['names what is no ID', (id: string) => [id, '../x'], /not a list of image IDs/],
    ['is empty', () => [], /starts with nothing/],
  ] as const) {
    it(`refuses an ancestry that ${what}`, async () => {
      const registry = await start({
        instead({ url }, response) {
          if (url?.endsWith('/ancestry')) sendJSON(response, ancestry(top().id));
          return url?.endsWith('/ancestry') === true;
        },
      });
      const repository = await open(connect(), registry);
      await assert.rejects(repository.ancestry(top().id), { code: 'INVALID_MANIFEST', message });
    });
  }

  it('leaves out tags that cannot be names, and refuses what is no list of tags', async () => {
    const warnings: string[] = [];
    let tags: unknown = { '../x': top().id, 1: top().id };
    const registry = await start({
      instead({ url }, response) {
        if (url?.endsWith('/tags')) sendJSON(response, tags);
        return url?.endsWith('/tags') === true;
      },
    });
    const repository = await open(connect({ onWarning: (text) => warnings.push(text) }), registry);
    assert.deepEqual([...(await repository.tags()).keys()], ['1']);
    assert.equal(warnings.length, 1);
    for (tags of [null, 'x', [{ name: 1, layer: 2 }], { a: '../../secret' }])
      await assert.rejects(repository.tags(), { code: 'REGISTRY' });
  });
});
