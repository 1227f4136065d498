import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { digestOf } from '../../src/content/digest.js';
import {
  createRegistryClient,
  type RegistryClientOptions,
  type UploadSession,
} from '../../src/registry/client.js';
import type { UploadOptions } from '../../src/registry/upload.js';
import { type FaultProxy, maxBody, nth, startFaultProxy } from '../support/fault-proxy.js';
import { contentOf, randomBytesFrom } from '../support/images.js';
import { openerOf } from '../support/openers.js';
import { startTokenServer } from '../support/token-server.js';
import {
  startUploadRegistry,
  type UploadRegistry,
  type UploadRegistryOptions,
} from '../support/upload-registry.js';
import { type Handler, sendError, serve } from './http-server.js';

const closing: (() => Promise<void>)[] = [];

async function startRegistry(options?: UploadRegistryOptions): Promise<UploadRegistry> {
  const registry = await startUploadRegistry(options);
  closing.push(registry.close);
  return registry;
}

async function startProxy(registry: UploadRegistry, faultFor: FaultProxy['faultFor']): Promise<FaultProxy> {
  const proxy = await startFaultProxy(registry.host, faultFor);
  closing.push(proxy.stop);
  return proxy;
}

async function start(handler: Handler) {
  const server = await serve(handler);
  closing.push(server.close);
  return server;
}

function connect(options: RegistryClientOptions = {}) {
  const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {}, ...options });
  closing.push(() => client.close());
  return client;
}

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const BLOB = contentOf('application/octet-stream', randomBytesFrom('a blob', 1000));
const LARGE = contentOf('application/octet-stream', randomBytesFrom('a large blob', 5_000_000));

async function upload(host: string, content = BLOB, options: UploadOptions = {}, client = connect()) {
  await client.uploadBlob(
    { registry: host, repository: 'a/b' },
    content.descriptor,
    openerOf(content.bytes),
    options,
  );
}

/** Whether the registry holds the content, under the digest that it has. */
async function assertHeld(registry: UploadRegistry, content = BLOB): Promise<void> {
  assert.equal(await registry.repository('a/b').exists(content.descriptor), true);
}

/** The requests without what is the same in all: `PATCH 0-9`. */
const steps = ({ requests }: UploadRegistry) =>
  requests.map((line) => {
    const [method, , range] = line.split(' ');
    return range === undefined ? method : `${method} ${range}`;
  });

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

  it('comes in pieces when it is asked to, at the latest location', async () => {
    const registry = await startRegistry();
    const sessions: (number | undefined)[] = [];
    const opener = openerOf(BLOB.bytes);
    const name = { registry: registry.host, repository: 'a/b' };
    await connect().uploadBlob(name, BLOB.descriptor, opener, {
      chunkBytes: 400,
      onSession: (session) => void sessions.push(session?.offset),
    });
    await assertHeld(registry);
    assert.deepEqual(steps(registry), ['POST', 'PATCH 0-399', 'PATCH 400-799', 'PATCH 800-999', 'PUT']);
    assert.deepEqual(sessions, [0, 400, 800, 1000, undefined]);
    assert.deepEqual(opener.starts, [0], 'the source is opened once');
  });

  it('comes in pieces of the size that the registry asks for', async () => {
    const registry = await startRegistry({ minChunkBytes: 600 });
    await upload(registry.host, BLOB, { chunkBytes: 100 });
    await assertHeld(registry);
    assert.deepEqual(steps(registry), ['POST', 'PATCH 0-599', 'PATCH 600-999', 'PUT']);
  });

  for (const patchStatus of [200, 201, 204]) {
    it(`goes on after a piece that is answered with ${patchStatus} and a range that makes no sense`, async () => {
      const registry = await startRegistry({ patchStatus, rangeOf: () => '0-99' });
      await upload(registry.host, BLOB, { chunkBytes: 300 });
      await assertHeld(registry);
    });
  }

  it('comes in pieces after a 413, also the next one at once', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, maxBody(1024 * 1024));
    const client = connect();
    await upload(proxy.host, LARGE, {}, client);
    await assertHeld(registry, LARGE);
    const refusals = () => proxy.passed.filter(({ status }) => status === 413).length;
    const before = refusals();
    assert.ok(before > 0 && before <= 3, String(before));
    const other = contentOf('text/plain', randomBytesFrom('another', 3_000_000));
    await upload(proxy.host, other, {}, client);
    await assertHeld(registry, other);
    assert.equal(refusals(), before);
  });

  it('says what to do about a limit that is too small for pieces', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, maxBody(1000));
    await assert.rejects(upload(proxy.host, LARGE), { status: 413, hint: /client_max_body_size/ });
  });

  it('goes in pieces where a whole is refused with 405, and whole where pieces are', async () => {
    const wholeRefused = await startRegistry({
      refuse: ({ method, headers }) =>
        method === 'PUT' && headers['content-length'] !== '0' ? { status: 405 } : undefined,
    });
    await upload(wholeRefused.host);
    await assertHeld(wholeRefused);
    const piecesRefused = await startRegistry({
      refuse: ({ method }) => (method === 'PATCH' ? { status: 405 } : undefined),
    });
    await upload(piecesRefused.host, BLOB, { chunkBytes: 300 });
    await assertHeld(piecesRefused);
    assert.equal(steps(piecesRefused).at(-1), 'PUT');
  });

  it('asks once after a 416, believes its own count then, and at last sends all in a new upload', async () => {
    let refusals = 0;
    const once = await startRegistry({
      refuse: ({ method }, count) => (method === 'PATCH' && count === 3 ? { status: 416 } : undefined),
    });
    await upload(once.host, BLOB, { chunkBytes: 400 });
    await assertHeld(once);
    assert.deepEqual(steps(once), [
      'POST',
      'PATCH 0-399',
      'PATCH 400-799',
      'GET',
      'PATCH 400-799',
      'PATCH 800-999',
      'PUT',
    ]);

    const stuck = await startRegistry({
      rangeOf: () => '0-99',
      refuse: ({ method }, count) => (method === 'PATCH' && count === 3 ? { status: 416 } : undefined),
    });
    await upload(stuck.host, BLOB, { chunkBytes: 400 });
    await assertHeld(stuck);
    assert.deepEqual(steps(stuck).slice(2), [
      'PATCH 400-799',
      'GET',
      'PATCH 100-499',
      'PATCH 400-799',
      'PATCH 800-999',
      'PUT',
    ]);

    const never = await startRegistry({
      refuse: ({ method }) => (method === 'PATCH' && ++refusals > 0 ? { status: 416 } : undefined),
    });
    await upload(never.host, BLOB, { chunkBytes: 400 });
    await assertHeld(never);
    assert.deepEqual(
      steps(never).filter((step) => step !== 'HEAD'),
      ['POST', 'PATCH 0-399', 'GET', 'PATCH 0-399', 'POST', 'PUT'],
    );
    assert.equal(refusals, 2);
  });

  it('takes "0-0" for nothing, and for one byte where one was confirmed', async () => {
    const registry = await startRegistry();
    let cuts = 0;
    const proxy = await startProxy(registry, ({ method, headers }) =>
      method === 'PATCH' && headers['content-range'] === '1-999' && cuts++ === 0
        ? { isBuffered: true, cutRequestAfter: 100 }
        : undefined,
    );
    let session: UploadSession | undefined;
    const onSession = (latest: UploadSession | undefined) => {
      session = latest;
    };
    const client = connect();
    const name = { registry: proxy.host, repository: 'a/b' };
    session = { location: '', offset: 0, isCut: false };
    const response = await fetch(`http://${proxy.host}/v2/a/b/blobs/uploads/`, { method: 'POST' });
    const location = new URL(response.headers.get('location') ?? '', response.url).href;
    const first = await fetch(location, { method: 'PATCH', body: BLOB.bytes.subarray(0, 1) });
    session = {
      location: new URL(first.headers.get('location') ?? '', response.url).href,
      offset: 1,
      isCut: false,
    };
    const push = () => client.uploadBlob(name, BLOB.descriptor, openerOf(BLOB.bytes), { session, onSession });
    await assert.rejects(push(), { code: 'CUT_SHORT' });
    assert.equal(session?.isCut, true);
    await push();
    await assertHeld(registry);
    assert.equal(registry.requests.filter((line) => line.endsWith(' 1-999')).length, 1);
  });

  it('begins anew, a few times, when the registry knows it no longer', async () => {
    let forgotten = 0;
    const registry = await startRegistry({
      refuse: ({ method }) => (method === 'PUT' && forgotten++ < 2 ? { status: 404 } : undefined),
    });
    await upload(registry.host);
    await assertHeld(registry);
    const never = await startRegistry({
      refuse: ({ method }) => (method === 'PUT' ? { status: 404 } : undefined),
    });
    await assert.rejects(upload(never.host), { code: 'NOT_FOUND' });
    assert.equal(never.requests.filter((line) => line.startsWith('POST')).length, 3);
  });

  for (const status of [500, 502, 503, 429]) {
    it(`fails with what can be tried again on ${status}, and the next goes on with it`, async () => {
      const registry = await startRegistry();
      const proxy = await startProxy(
        registry,
        nth('PUT', 1, { answer: { status, headers: { 'retry-after': '7' } } }),
      );
      let session: UploadSession | undefined;
      const options = {
        onSession: (latest: UploadSession | undefined) => {
          session = latest;
        },
      };
      await assert.rejects(upload(proxy.host, BLOB, options), { status, retryAfterMs: 7000 });
      await upload(proxy.host, BLOB, { ...options, session });
      await assertHeld(registry);
      assert.equal(registry.requests.filter((line) => line.startsWith('POST')).length, 1);
    });
  }

  it('ends with TIMEOUT when the registry stops taking bytes, or does not answer a piece', async () => {
    const registry = await startRegistry();
    const taking = await startProxy(registry, nth('PUT', 1, { stall: 'request' }));
    const big = contentOf('text/plain', randomBytesFrom('stalled', 20_000_000));
    const client = connect({ stallTimeoutMs: 200 });
    const pieces = async () => {
      const name = { registry: taking.host, repository: 'a/b' };
      await client.uploadBlob(name, big.descriptor, async ({ start = 0 } = {}) =>
        Readable.from(chunked(big.bytes.subarray(start))),
      );
    };
    await assert.rejects(pieces(), { code: 'TIMEOUT' });
    const answering = await startProxy(registry, nth('PATCH', 1, { stall: 'answer' }));
    const piece = upload(answering.host, BLOB, { chunkBytes: 400 }, client);
    await assert.rejects(piece, { code: 'TIMEOUT' });
  });

  it('ends with ABORTED when it is told to', async () => {
    const registry = await startRegistry();
    const stopping = new AbortController();
    const proxy = await startProxy(registry, ({ method }) => {
      if (method === 'PUT') setImmediate(() => stopping.abort());
      return method === 'PUT' ? { stall: 'answer' } : undefined;
    });
    await assert.rejects(upload(proxy.host, BLOB, { signal: stopping.signal }), { code: 'ABORTED' });
  });

  it('says whose repository it is that a registry refuses', async () => {
    const cases: [number, string, RegExp][] = [
      [400, 'NAME_INVALID', /repository name/],
      [404, 'NAME_UNKNOWN', /make it there first/],
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

describe('an upload with tokens', () => {
  async function startTokenRegistry(
    options: Parameters<typeof startTokenServer>[0] = {},
    refuseFrom = Number.POSITIVE_INFINITY,
  ) {
    const tokens = await startTokenServer(options);
    closing.push(tokens.close);
    let sent = 0;
    const registry = await startRegistry({
      refuse(request) {
        if (request.method === 'PATCH' && ++sent === refuseFrom) tokens.expireAll();
        const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
        const [, name = ''] = /^\/v2\/(.+)\/(blobs|manifests)\//.exec(pathname) ?? [];
        const actions = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'pull,push';
        const from = searchParams.get('from');
        const needed = [
          `repository:${name}:${actions}`,
          ...(from === null ? [] : [`repository:${from}:pull`]),
        ];
        const challenge = needed.map((scope) => tokens.challengeFor(request, scope)).find(Boolean);
        return challenge === undefined
          ? undefined
          : { status: 401, headers: { 'www-authenticate': challenge } };
      },
    });
    return { tokens, registry };
  }

  it('goes on with a new token when the old one is refused in the middle', async () => {
    const { tokens, registry } = await startTokenRegistry({}, 2);
    await upload(registry.host, LARGE, { chunkBytes: 2_000_000 });
    await assertHeld(registry, LARGE);
    assert.deepEqual(tokens.requests, ['GET repository:a/b:pull,push', 'GET repository:a/b:pull,push']);
  });

  it('asks for both repositories to mount, and does without when only one is granted', async () => {
    const { tokens, registry } = await startTokenRegistry({
      grant: (repository, actions) => (repository === 'base' ? [] : actions),
    });
    const client = connect();
    const name = { registry: registry.host, repository: 'a/b' };
    assert.deepEqual(await client.mountBlob(name, BLOB.descriptor.digest, 'base'), { type: 'refused' });
    assert.deepEqual(tokens.requests.slice(0, 1), ['GET repository:a/b:pull,push repository:base:pull']);
    await upload(registry.host, BLOB, {}, client);
    await assertHeld(registry);
    assert.ok(tokens.requests.length <= 3, tokens.requests.join('; '));
  });
});

function* chunked(bytes: Buffer): Iterable<Buffer> {
  for (let start = 0; start < bytes.length; start += 64 * 1024)
    yield bytes.subarray(start, start + 64 * 1024);
}
