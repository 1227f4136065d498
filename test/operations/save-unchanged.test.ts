import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { encodedOf } from '../../src/content/digest.js';
import { save } from '../../src/operations/save.js';
import type { SaveOptions } from '../../src/operations/save-options.js';
import { verify } from '../../src/operations/verify/verify.js';
import { type MadeImage, makeCosignSignature, makeImage, makeIndex } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

/** Requests by method and kind: `HEAD tag`, `GET manifest`, `GET tags`, … */
type Counts = Record<string, number>;

describe('save of images that have not changed', () => {
  const path = useFolder();
  let registry: TestRegistry;
  beforeEach(async () => {
    registry = await startRegistry();
  });
  afterEach(() => registry.close());

  const named = (...images: string[]): string[] => images.map((image) => `${registry.name}/${image}`);
  async function counted(options: Pick<SaveOptions, 'images'> & Partial<SaveOptions>): Promise<Counts> {
    const from = registry.requests.length;
    await save({ output: path('out.tar'), ...options });
    const counts: Counts = {};
    for (const { method, url } of registry.requests.slice(from)) {
      const [, kind = 'other', reference = ''] =
        /\/(manifests|blobs|tags|referrers)\/([^?]*)/.exec(url) ?? [];
      const what = kind === 'manifests' ? (reference.includes(':') ? 'manifest' : 'tag') : kind;
      counts[`${method} ${what}`] = (counts[`${method} ${what}`] ?? 0) + 1;
    }
    return counts;
  }

  it('asks for each tag with HEAD, and for no manifest, however many there are', async function () {
    this.timeout(60_000);
    const images = Array.from({ length: 300 }, (_, at) => `app-${at % 10}:${at}`);
    const image = await makeImage({ seed: 'one of many', layers: [100] });
    for (const name of images) await registry.put(name, image);
    const options = { images: named(...images), referrers: false };
    assert.deepEqual(await counted(options), { 'GET tag': 300, 'GET blobs': 2 });
    for (const output of ['out.tar', 'layout/']) {
      await save({ ...options, output: path(output) });
      assert.deepEqual(await counted({ ...options, output: path(output) }), { 'HEAD tag': 300 });
    }
  });

  it('asks once a manifest for what is attached, and once a repository for its tags', async () => {
    const image = await makeImage({ seed: 'signed' });
    await registry.put('app:1', image);
    await registry.put('app:2', await makeImage({ seed: 'not signed' }));
    const signature = makeCosignSignature(image.manifest.descriptor, 'a signature');
    await registry.put(`app:${signature.tag}`, signature);
    const images = named('app:1', 'app:2');
    await counted({ images });
    const again = await counted({ images });
    assert.equal(again['HEAD tag'], 2);
    assert.equal(again['GET tags'], 1);
    assert.equal(again['GET manifest'] ?? 0, 0);
  });

  it('keeps a signature that hangs on a tag, and refuses to lose it', async () => {
    const image = await makeImage({ seed: 'signed again' });
    await registry.put('app:1', image);
    const signature = makeCosignSignature(image.manifest.descriptor, 'a signature');
    await registry.put(`app:${signature.tag}`, signature);
    const images = named('app:1');
    const first = await save({ images, output: path('out.tar') });
    const bytes = await readFile(path('out.tar'));
    const second = await save({ images, output: path('out.tar') });
    assert.deepEqual(second.images, first.images);
    assert.deepEqual(await readFile(path('out.tar')), bytes);
    await assert.rejects(save({ images, output: path('out.tar'), referrers: false }), {
      code: 'ALREADY_EXISTS',
      message: /holds other images: .*\.sig$/,
    });
  });

  it('fetches a tag that has moved, and what it shares with others not again', async () => {
    const [one, two] = await Promise.all(['one', 'two'].map((seed) => makeImage({ seed })));
    assert(one && two);
    await registry.put('app:1', one);
    await counted({ images: named('app:1'), referrers: false });
    await registry.put('app:1', two);
    const moved = await counted({ images: named('app:1'), referrers: false });
    assert.deepEqual(moved, { 'HEAD tag': 1, 'GET tag': 1, 'GET blobs': 3 });
    assert.equal((await verify(path('out.tar'))).ok, true);
  });

  it('asks for a name that the output lacks with GET at once', async () => {
    await registry.put('app:1', await makeImage({ seed: 'first' }));
    await registry.put('app:2', await makeImage({ seed: 'second' }));
    await counted({ images: named('app:1'), referrers: false });
    const counts = await counted({ images: named('app:1', 'app:2'), referrers: false });
    assert.deepEqual(counts, { 'HEAD tag': 1, 'GET tag': 1, 'GET blobs': 3 });
  });

  it('does not ask for a digest that is there', async () => {
    const index = makeIndex(
      await Promise.all([
        makeImage({ seed: 'amd64' }),
        makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } }),
      ]),
    );
    await registry.put('app:1', index);
    const images = [`${registry.name}/app@${index.manifest.descriptor.digest}`];
    await counted({ images, referrers: false });
    assert.deepEqual(await counted({ images, referrers: false }), {});
  });

  it('asks with GET where HEAD is refused, says nothing, or lies', async () => {
    const image = await makeImage({ seed: 'refused' });
    for (const refuse of ['401', '403', '405', 'no digest', 'another digest']) {
      await using odd = await startOddRegistry(image, refuse);
      const options = { images: [`${odd.host}/app:1`], output: path(`${refuse}.tar`), referrers: false };
      await save(options);
      odd.asked.length = 0;
      await save(options);
      assert.deepEqual(odd.asked, ['HEAD /v2/app/manifests/1', 'GET /v2/app/manifests/1'], refuse);
      assert.equal((await verify(path(`${refuse}.tar`))).ok, true);
    }
  });

  it('fetches a manifest and a config that are damaged in the output', async () => {
    const image = await makeImage({ seed: 'damaged' });
    await registry.put('app:1', image);
    const options = { images: named('app:1'), output: path('layout/'), referrers: false, retries: 1 };
    await save(options);
    for (const { descriptor } of [image.manifest, image.config]) {
      const file = join(path('layout/'), 'blobs/sha256', encodedOf(descriptor.digest));
      const bytes = await readFile(file);
      bytes.writeUInt8((bytes[5] ?? 0) ^ 1, 5);
      await writeFile(file, bytes);
    }
    const counts = await counted(options);
    assert.equal(counts['HEAD tag'], 1);
    assert.equal(counts['GET manifest'], 1);
  });
});

interface OddRegistry extends AsyncDisposable {
  host: string;
  asked: string[];
}

/** A registry of one image, whose HEAD of manifests is odd. */
async function startOddRegistry(image: MadeImage, refuse: string): Promise<OddRegistry> {
  const asked: string[] = [];
  const server = createServer(({ method, url = '' }, response) => {
    if (/\/(manifests|blobs)\//.test(url)) asked.push(`${method} ${url}`);
    const reference = url.slice(url.lastIndexOf('/') + 1);
    const content =
      url === '/v2/app/manifests/1'
        ? image.manifest
        : image.all.find(({ descriptor }) => descriptor.digest === reference);
    if (content === undefined) {
      response.statusCode = url === '/v2/' ? 200 : 404;
      return void response.end();
    }
    const { mediaType, digest, size } = content.descriptor;
    const isHead = method === 'HEAD' && url.includes('/manifests/');
    if (isHead && /^\d+$/.test(refuse)) {
      response.statusCode = Number(refuse);
      return void response.end();
    }
    response.setHeader('content-type', mediaType);
    response.setHeader('content-length', size);
    const told = refuse === 'another digest' ? `sha256:${'0'.repeat(64)}` : digest;
    if (!(isHead && refuse === 'no digest'))
      response.setHeader('docker-content-digest', isHead ? told : digest);
    response.end(method === 'HEAD' ? undefined : content.bytes);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  return {
    host: `127.0.0.1:${address.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
