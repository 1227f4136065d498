import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { open, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { save } from '../../../src/operations/save.js';
import { type ServeOptions, type Serving, serve } from '../../../src/operations/serve/serve.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openArchiveForWriting } from '../../../src/store/archive/archive-writer.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { copyInto, storeOf } from '../../support/archives.js';
import { warningsInto } from '../../support/events.js';
import {
  type Content,
  contentOf,
  jsonContent,
  type MadeImage,
  makeImage,
  pushAll,
  randomBytesFrom,
} from '../../support/images.js';
import { ask, codesOf } from '../../support/registry-server.js';
import { makeTar } from '../../support/tar-maker.js';
import { useFolder } from '../../support/temporary.js';
import { startRegistry } from '../registry.js';

const LONG_AGO = new Date('2024-01-02T03:04:05Z');
/** More than sockets hold between a server and a client that does not read. */
const LARGE = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('large', 24_000_000));

describe('serve', () => {
  const path = useFolder();
  let first: MadeImage;
  let second: MadeImage;
  /** The first image with a large layer. */
  let large: MadeImage;
  let serving: Serving | undefined;
  before(async () => {
    [first, second] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
    const manifest = JSON.parse(first.manifest.bytes.toString());
    const layers = [...manifest.layers, LARGE.descriptor];
    const withLarge = jsonContent(first.manifest.descriptor.mediaType, { ...manifest, layers });
    large = { ...first, manifest: withLarge, all: [...first.all.slice(0, -1), LARGE, withLarge] };
  });
  afterEach(async () => {
    await serving?.close();
    serving = undefined;
  });

  const start = async (paths: string | string[], options: ServeOptions = {}): Promise<number> => {
    serving = await serve(paths, { port: 0, drainMs: 0, ...options });
    return serving.port;
  };
  const writeArchive = async (name: string, images: Record<string, MadeImage>): Promise<string> => {
    const store = await openArchiveForWriting(path(name), { format: 'universal' });
    await copyInto(store, await storeOf(images), Object.keys(images));
    return path(name);
  };
  const writeLayout = async (name: string, images: Record<string, MadeImage>): Promise<string> => {
    const store = await openLayoutForWriting(path(name));
    await copyInto(store, await storeOf(images), Object.keys(images));
    return path(name);
  };
  const digestOf = (port: number, image: string): Promise<string | undefined> =>
    ask(port, `/v2/${image.replace(':', '/manifests/')}`, {
      method: 'HEAD',
      headers: { Accept: `${MEDIA_TYPE.ociManifest}, ${MEDIA_TYPE.ociIndex}` },
    }).then(({ headers }) => headers['docker-content-digest'] as string | undefined);

  describe('several at once', () => {
    it('is one registry, and tells of a name that means two images', async () => {
      const warnings: string[] = [];
      const paths = [
        await writeArchive('a.tar', { 'reg.test/a:1': first, 'reg.test/same:1': first }),
        await writeLayout('b', { 'reg.test/a:1': second, 'reg.test/b:1': second, 'reg.test/same:1': first }),
      ];
      const port = await start(paths, { onEvent: warningsInto(warnings) });
      assert.deepEqual(serving?.repositories, ['a', 'b', 'same']);
      assert.equal(await digestOf(port, 'a:1'), first.manifest.descriptor.digest);
      assert.equal(await digestOf(port, 'b:1'), second.manifest.descriptor.digest);
      assert.equal(
        await digestOf(port, `a:${second.manifest.descriptor.digest}`),
        second.manifest.descriptor.digest,
      );
      const conflict = warnings.filter((message) => message.startsWith('a:1 is '));
      assert.deepEqual(warnings, conflict);
      assert.equal(conflict.length, 1);
      assert.match(
        conflict[0] ?? '',
        new RegExp(`in ${path('a.tar')} and ${path('b')}: the first one is served`),
      );
    });

    it('is refused when one of them is none, or nothing is named', async () => {
      const archive = await writeArchive('a.tar', { 'reg.test/a:1': first });
      await assert.rejects(serve([archive, path('missing.tar')], { port: 0 }), { code: 'NOT_FOUND' });
      await assert.rejects(serve([], { port: 0 }), { code: 'USAGE' });
      await assert.rejects(serve([path('x'), path('y')], { port: 0, writable: true }), { code: 'USAGE' });
      assert.equal(existsSync(path('x')), false);
      await assert.rejects(serve([archive], { port: 0, writable: true }), {
        code: 'USAGE',
        message: /a\.tar is a file, but only a layout directory can accept pushes/,
      });
    });
  });

  it('shows what a save into the layout adds', async () => {
    const port = await start(await writeLayout('layout', { 'reg.test/a:1': first }));
    const registry = await startRegistry();
    try {
      await registry.put('b:1', second);
      await save({ images: [`${registry.name}/b:1`], output: path('layout'), append: true });
    } finally {
      await registry.close();
    }
    assert.equal(await digestOf(port, 'b:1'), second.manifest.descriptor.digest);
    assert.equal(await digestOf(port, 'a:1'), first.manifest.descriptor.digest);
  });

  it('goes on with the names that it had when another tool gives one of them to two images', async () => {
    const layout = await writeLayout('layout', { 'reg.test/a:1': first, 'reg.test/b:1': second });
    const port = await start(layout);
    assert.equal(await digestOf(port, 'a:1'), first.manifest.descriptor.digest);
    const file = join(layout, 'index.json');
    const sound = await readFile(file, 'utf8');
    await writeFile(file, sound.replaceAll('reg.test/b:1', 'reg.test/a:1'));
    assert.equal(await digestOf(port, 'a:1'), first.manifest.descriptor.digest);
    assert.equal(await digestOf(port, 'b:1'), second.manifest.descriptor.digest);
    await assert.rejects(serve(layout, { port: 0 }), {
      code: 'INVALID_LAYOUT',
      message: /a:1 is .* and also/,
    });
    await writeFile(file, sound.replaceAll('reg.test/b:1', 'reg.test/c:1'));
    assert.equal(await digestOf(port, 'c:1'), second.manifest.descriptor.digest);
  });

  describe('with an archive that is changed meanwhile', () => {
    const writeLargeArchive = async (): Promise<string> => {
      await writeFile(
        path('large.tar'),
        makeTar(
          { name: 'oci-layout', body: '{"imageLayoutVersion":"1.0.0"}' },
          { name: 'index.json', body: indexOf(large.manifest, 'reg.test/a:1') },
          ...large.all.map(({ descriptor, bytes }) => ({
            name: blobPath(descriptor.digest),
            body: bytes,
          })),
        ),
      );
      await utimes(path('large.tar'), LONG_AGO, LONG_AGO);
      return path('large.tar');
    };
    const changes: Record<string, (file: string) => Promise<void>> = {
      'written to': async (file) => {
        const handle = await open(file, 'r+');
        const { size } = await handle.stat();
        await handle.write(Buffer.from('X'), 0, 1, size - 5000);
        await handle.close();
      },
      'cut short': (file) => truncate(file, 20_000_000),
      emptied: (file) => truncate(file, 0),
    };

    for (const [name, change] of Object.entries(changes)) {
      it(`cuts an answer under way and refuses the next ones (${name})`, async () => {
        const archive = await writeLargeArchive();
        const failures: unknown[] = [];
        const port = await start(archive, { onRequest: ({ error }) => error && failures.push(error) });
        const response = await begin(port, `/v2/a/blobs/${LARGE.descriptor.digest}`);
        assert.equal(response.statusCode, 200);
        await change(archive);
        assert.equal(await isComplete(response), false);

        for (const digest of [LARGE.descriptor.digest, first.config.descriptor.digest]) {
          const reply = await ask(port, `/v2/a/blobs/${digest}`);
          assert.ok(reply.status >= 500, `${reply.status}`);
          assert.deepEqual(codesOf(reply).length, 1);
        }
        assert.ok((await ask(port, '/v2/a/manifests/1')).status >= 500);
        assert.equal(failures.length, 4);
      });
    }

    it('goes on with the bytes that it had when the file is deleted or replaced', async () => {
      const archive = await writeLargeArchive();
      const port = await start(archive);
      await rm(archive);
      await writeFile(archive, 'another');
      const reply = await ask(port, `/v2/a/blobs/${LARGE.descriptor.digest}`);
      assert.ok(reply.complete && reply.body.equals(LARGE.bytes));
    });
  });

  it('cuts the answer when a blob of a layout is changed under way', async () => {
    const layout = await openLayoutForWriting(path('layout'));
    await pushAll(layout, large.all);
    await layout.tag(large.manifest.descriptor, 'reg.test/a:1');
    await layout.commit();
    await layout.close();
    const file = join(path('layout'), blobPath(LARGE.descriptor.digest));
    await utimes(file, LONG_AGO, LONG_AGO);
    const port = await start(path('layout'));
    const response = await begin(port, `/v2/a/blobs/${LARGE.descriptor.digest}`);
    const handle = await open(file, 'r+');
    await handle.write(Buffer.from('X'), 0, 1, LARGE.bytes.length - 1);
    await handle.close();
    assert.equal(await isComplete(response), false);
  });

  describe('with pushes', () => {
    const push = async (port: number, repository: string, contents: readonly Content[]): Promise<void> => {
      for (const { descriptor, bytes } of contents.slice(0, -1)) {
        const target = `/v2/${repository}/blobs/uploads/?digest=${descriptor.digest}`;
        assert.equal((await ask(port, target, { method: 'POST', body: bytes })).status, 201);
      }
    };
    const put = async (port: number, repository: string, tag: string, { descriptor, bytes }: Content) => {
      const headers = { 'Content-Type': descriptor.mediaType };
      return ask(port, `/v2/${repository}/manifests/${tag}`, { method: 'PUT', headers, body: bytes });
    };

    it('takes an image into a new layout, and gives it back', async () => {
      const port = await start(path('layout'), { writable: true });
      assert.deepEqual(serving?.repositories, []);
      await push(port, 'org/a', first.all);
      assert.equal((await put(port, 'org/a', '1', first.manifest)).status, 201);
      assert.equal(await digestOf(port, 'org/a:1'), first.manifest.descriptor.digest);
      assert.deepEqual((await verify(path('layout'))).findings, []);
      assert.match(await readFile(path('layout/index.json'), 'utf8'), /localhost\/org\/a:1/);

      const { digest } = first.manifest.descriptor;
      assert.equal((await ask(port, `/v2/org/a/manifests/${digest}`, { method: 'DELETE' })).status, 202);
      assert.equal((await ask(port, `/v2/org/a/manifests/${digest}`)).status, 404);
      const blob = `/v2/org/a/blobs/${first.config.descriptor.digest}`;
      assert.equal((await ask(port, blob, { method: 'DELETE' })).status, 202);
      assert.equal((await ask(port, blob)).status, 404);
    });

    it('deletes nothing through a repository that nobody pushed to, and makes none', async () => {
      const port = await start(path('layout'), { writable: true });
      await push(port, 'a', first.all);
      await put(port, 'a', '1', first.manifest);
      const before = await readFile(path('layout/index.json'));
      for (const { descriptor } of first.all) {
        for (const kind of ['manifests', 'blobs']) {
          const reply = await ask(port, `/v2/nobody/${kind}/${descriptor.digest}`, { method: 'DELETE' });
          assert.deepEqual([reply.status, codesOf(reply)], [404, ['NAME_UNKNOWN']]);
        }
      }
      const { body } = await ask(port, '/v2/_catalog');
      assert.deepEqual(JSON.parse(body.toString()), { repositories: ['a'] });
      assert.ok((await readFile(path('layout/index.json'))).equals(before));
      assert.equal(await digestOf(port, 'a:1'), first.manifest.descriptor.digest);
    });

    it('takes a burst of manifests, each on the disk when it is answered', async () => {
      const port = await start(path('layout'), { writable: true });
      await push(port, 'a', first.all);
      await Promise.all(
        Array.from({ length: 40 }, async (_, tag) => {
          assert.equal((await put(port, 'a', `v${tag}`, first.manifest)).status, 201);
          assert.match(await readFile(path('layout/index.json'), 'utf8'), new RegExp(`localhost/a:v${tag}"`));
        }),
      );
    });

    it('finds an upload again after a restart', async () => {
      const options = { writable: true };
      const port = await start(path('layout'), options);
      const { headers } = await ask(port, '/v2/a/blobs/uploads/', { method: 'POST' });
      const location = headers.location ?? '';
      const { descriptor, bytes } = first.config;
      await ask(port, location, { method: 'PATCH', body: bytes.subarray(0, 10) });
      await serving?.close();
      const later = await start(path('layout'), options);
      assert.equal((await ask(later, location)).headers.range, '0-9');
      const end = `${location}?digest=${descriptor.digest}`;
      assert.equal((await ask(later, end, { method: 'PUT', body: bytes.subarray(10) })).status, 201);
      assert.ok((await ask(later, `/v2/a/blobs/${descriptor.digest}`)).body.equals(bytes));
    });
  });
});

/** A response of which nothing was read yet. */
function begin(port: number, target: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: target, agent: false }, resolve).on('error', reject);
  });
}

async function isComplete(response: IncomingMessage): Promise<boolean> {
  response.resume();
  await new Promise((resolve) => response.on('error', resolve).on('close', resolve));
  return response.complete;
}

function indexOf({ descriptor }: Content, name: string): string {
  const annotations = { 'org.opencontainers.image.ref.name': name };
  return JSON.stringify({ schemaVersion: 2, manifests: [{ ...descriptor, annotations }] });
}
