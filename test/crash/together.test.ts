import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processSpace } from '../../src/disk/process-start.js';
import { type Serving, serve } from '../../src/index.js';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { type Content, type MadeImage, makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { freePort } from '../support/programs/daemon.js';
import { lading, startLading } from '../support/programs/lading.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { ask, type Reply } from '../support/registry-server.js';
import { assertSkopeoReads, assertWholeLayout } from './whole.js';

const LAYER = 1_500_000;
/** A lock of the dead would hold a command up for longer. */
const AT_ONCE_MS = 15_000;

describe('many at work on one layout', () => {
  let source: TestRegistry;
  let app: MadeImage;
  let other: MadeImage;
  let folder: string;
  const servers: Serving[] = [];

  before(async () => {
    source = await startRegistry();
    app = await makeImage({ seed: 'together app', layers: [LAYER, LAYER] });
    other = await makeImage({ seed: 'together other', layers: [LAYER, LAYER] });
    await source.put('app:1', app);
    await source.put('other:1', other);
  });
  after(() => source.close());
  beforeEach(async () => {
    folder = await temporaryFolder('together');
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  const save = (...names: string[]): Promise<string> =>
    lading('save', ...names.map((name) => `${source.name}/${name}`), '--append', '-o', join(folder, 'out/'));

  async function open(isWritable: boolean): Promise<Serving> {
    const server = await serve(join(folder, 'out'), { port: 0, writable: isWritable });
    servers.push(server);
    return server;
  }

  async function assertHolds(...names: string[]): Promise<void> {
    const out = join(folder, 'out');
    await assertWholeLayout(out);
    await assertSkopeoReads(out);
    const { manifests } = JSON.parse(await readFile(join(out, 'index.json'), 'utf8'));
    const held = manifests.map(
      ({ annotations }: { annotations: Record<string, string> }) =>
        annotations['org.opencontainers.image.ref.name'],
    );
    assert.deepEqual(held.map((name: string) => name.replace(/^[^/]*\//, '')).sort(), names.sort());
    // Nobody left a lock, or a part of anything.
    assert.deepEqual((await readdir(out)).sort(), ['blobs', 'index.json', 'oci-layout']);
  }

  it('takes two saves of the same image, which fetch each layer once', async () => {
    source.sentBlobs();
    await Promise.all([save('app:1'), save('app:1')]);
    await assertHolds('app:1');
    const layers = app.layers.map(({ descriptor }) => descriptor.digest as string);
    const sent = source.sentBlobs().filter((digest) => layers.includes(digest));
    assert.deepEqual(sent.sort(), layers.sort());
  });

  it('takes two saves of different images', async () => {
    await Promise.all([save('app:1'), save('other:1')]);
    await assertHolds('app:1', 'other:1');
  });

  it('is saved into while it is served, and serves what was saved', async () => {
    await save('app:1');
    const { port } = await open(false);
    const manifest = (repository: string) => getOCI(port, repository);
    assert.equal((await manifest('app')).status, 200);
    let isOver = false;
    const saving = save('other:1').finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const { status, body } = await manifest('app');
      assert.equal(status, 200);
      assert.ok(body.equals(app.manifest.bytes));
      await delay(5);
    }
    await saving;
    assert.ok((await manifest('other')).body.equals(other.manifest.bytes));
    await assertHolds('app:1', 'other:1');
  });

  it('is saved into while it takes pushes', async () => {
    const { port } = await open(true);
    await Promise.all([save('app:1'), push(port, 'pushed', other)]);
    await servers.pop()?.close();
    await assertHolds('app:1', 'pushed:1');
  });

  it('takes eight pushes of the same blob at once', async () => {
    const { port } = await open(true);
    const [layer] = app.layers;
    assert.ok(layer);
    const replies = await Promise.all(Array.from({ length: 8 }, () => pushBlob(port, 'many', layer)));
    assert.deepEqual(
      replies,
      Array.from({ length: 8 }, () => 201),
    );
    await push(port, 'many', app);
    await servers.pop()?.close();
    await assertHolds('many:1');
  });

  it('takes pushes from two registries over it at once, which then serve both', async () => {
    const [first, second] = [await open(true), await open(true)];
    await Promise.all([push(first.port, 'first', app), push(second.port, 'second', other)]);
    for (const { port } of [first, second]) {
      assert.ok((await getOCI(port, 'first')).body.equals(app.manifest.bytes));
      assert.ok((await getOCI(port, 'second')).body.equals(other.manifest.bytes));
    }
    for (const server of servers.splice(0)) await server.close();
    await assertHolds('first:1', 'second:1');
  });

  it('goes on at once with an upload whose server was killed in the middle of a piece', async () => {
    const out = join(folder, 'out');
    const port = await freePort();
    const args = ['serve', out, '--writable', '--listen', `127.0.0.1:${port}`];
    const { process: server, outcome } = await startLading(args);
    assert.ok(server.stdout);
    await once(server.stdout, 'data');
    const [layer] = app.layers;
    assert.ok(layer);
    const { digest } = layer.descriptor;
    const { location } = (await ask(port, '/v2/killed/blobs/uploads/', { method: 'POST' })).headers;
    const headers = { 'Content-Length': layer.bytes.length };
    const piece = request({ port, path: location, method: 'PATCH', headers });
    piece.on('error', () => undefined);
    piece.write(layer.bytes.subarray(0, 1_200_000));
    const written = async (): Promise<number> => {
      const [name = ''] = await readdir(join(out, 'ingest'));
      return (await readFile(join(out, 'ingest', name))).length;
    };
    while (!(await written().catch(() => 0))) await delay(5);
    server.kill('SIGKILL');
    await outcome;

    const start = performance.now();
    const next = (await open(true)).port;
    const state = await ask(next, String(location));
    const size = Number(/^0-(\d+)$/.exec(String(state.headers.range))?.[1]) + 1;
    assert.ok(size >= 1024 * 1024, String(state.headers.range));
    const body = layer.bytes.subarray(size);
    const whole = await ask(next, `${location}?digest=${digest}`, { method: 'PUT', body });
    assert.equal(whole.status, 201);
    assert.ok(performance.now() - start < AT_ONCE_MS);
    assert.ok((await getBlob(next, 'killed', digest)).body.equals(layer.bytes));
    await servers.pop()?.close();
  });

  for (const [whose, pid] of [
    ['a dead process', () => spawnSync(process.execPath, ['--version']).pid],
    ['a dead process whose number another has now', () => process.pid],
  ] as const) {
    it(`is written at once although there are locks of ${whose}`, async function () {
      needs(this, 'Linux');
      const out = join(folder, 'out');
      for (const lock of ['ingest.lock', 'index.json.lock']) {
        await mkdir(join(out, lock), { recursive: true });
        const owner = { pid: pid(), host: processSpace(), started: '1' };
        const file = join(out, lock, 'owner-00000000-0000-4000-8000-000000000000');
        await writeFile(file, JSON.stringify(owner));
      }
      const start = performance.now();
      await save('app:1');
      assert.ok(performance.now() - start < AT_ONCE_MS);
      await assertHolds('app:1');
    });
  }
});

/** Clients that say nothing get Docker's format. */
function getOCI(port: number, repository: string): Promise<Reply> {
  const headers = { Accept: 'application/vnd.oci.image.manifest.v1+json' };
  return ask(port, `/v2/${repository}/manifests/1`, { headers });
}

function getBlob(port: number, repository: string, digest: string): Promise<Reply> {
  return ask(port, `/v2/${repository}/blobs/${digest}`);
}

async function push(port: number, repository: string, { all, manifest }: MadeImage): Promise<void> {
  for (const content of all) {
    if (content !== manifest) assert.equal(await pushBlob(port, repository, content), 201);
  }
  const { status } = await ask(port, `/v2/${repository}/manifests/1`, {
    method: 'PUT',
    headers: { 'Content-Type': manifest.descriptor.mediaType },
    body: manifest.bytes,
  });
  assert.equal(status, 201);
}

async function pushBlob(port: number, repository: string, { descriptor, bytes }: Content): Promise<number> {
  const path = `/v2/${repository}/blobs/uploads/?digest=${descriptor.digest}`;
  return (await ask(port, path, { method: 'POST', body: bytes })).status;
}
