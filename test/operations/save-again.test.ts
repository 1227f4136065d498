import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '../../src/content/digest.js';
import { LadingError } from '../../src/errors.js';
import type { CopyEvent } from '../../src/events.js';
import { type SaveResult, save } from '../../src/operations/save.js';
import type { SaveOptions } from '../../src/operations/save-options.js';
import { serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { openPath } from '../../src/store/open.js';
import type { Source } from '../../src/store/store.js';
import { copyInto, storeOf } from '../support/archives.js';
import { fixturePath } from '../support/fixtures.js';
import { blobs, entry, entryCalled, index, item, manifest, VERSION, writeForm } from '../support/halves.js';
import { type MadeImage, makeCosignSignature, makeImage } from '../support/images.js';
import { overriding } from '../support/openers.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

/** Outputs that a second run looks at. */
const OUTPUTS = ['out.tar', 'layout/'] as const;

describe('save to an output that is there', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let a: MadeImage;
  let b: MadeImage;
  before(async () => {
    registry = await startRegistry();
    a = await makeImage({ seed: 'a', layers: [600_000, 5000] });
    b = await makeImage({ seed: 'b', layers: [400_000] });
    await registry.put('a:1', a);
    await registry.put('b:1', b);
  });
  after(() => registry.close());

  const run = async (
    output: string,
    images: string[],
    options: Partial<SaveOptions> = {},
  ): Promise<SaveResult> => {
    registry.sentBlobs();
    const named = images.map((image) => `${registry.name}/${image}`);
    return save({
      images: named,
      output: output.endsWith('/') ? `${path(output)}/` : path(output),
      ...options,
    });
  };
  const bytesOf = async (output: string): Promise<Buffer> =>
    readFile(path(output.endsWith('/') ? `${output}index.json` : output));
  const namesIn = async (output: string): Promise<string[]> => {
    const store = await openPath(path(output));
    const names: string[] = [];
    for await (const { name } of store.names()) names.push(name.replace(`${registry.name}/`, ''));
    await store.close();
    return names.sort();
  };
  const digestsOf = (image: MadeImage): string[] =>
    image.layers.map(({ descriptor }): string => descriptor.digest).sort();

  it('removes what a save left beside its archive that died right after it had finished', async () => {
    await run('out.tar', ['a:1']);
    const before = await bytesOf('out.tar');
    await mkdir(path('out.tar.part.lock'));
    await writeFile(path('out.tar.part.journal'), 'sha256:00 512 100\n');
    await run('out.tar', ['a:1']);
    assert.ok((await bytesOf('out.tar')).equals(before));
    assert.deepEqual(await readdir(path()), ['out.tar']);
  });

  for (const output of OUTPUTS) {
    it(`fetches nothing that is there, and changes nothing (${output})`, async () => {
      await run(output, ['a:1', 'b:1']);
      const [before, modified] = [await bytesOf(output), (await stat(path(output))).mtimeMs];
      const again = await run(output, ['b:1', 'a:1']);
      assert.deepEqual(
        registry.sentBlobs().filter((digest) => [...digestsOf(a), ...digestsOf(b)].includes(digest)),
        [],
      );
      assert.deepEqual(again.blobs, { total: 5, fetched: 0, reused: 5 });
      assert.equal(again.bytes.fetched, 0);
      assert.ok((await bytesOf(output)).equals(before));
      if (output === 'out.tar') assert.equal((await stat(path(output))).mtimeMs, modified);
    });

    it(`fetches only what is new of a tag that was moved (${output})`, async () => {
      const old = await makeImage({ seed: 'moving', layers: [30_000] });
      const moved = await makeImage({ seed: 'moving', layers: [30_000, 4000] });
      await registry.put('moving:1', old);
      await run(output, ['moving:1', 'a:1']);
      await registry.put('moving:1', moved);
      const again = await run(output, ['moving:1', 'a:1']);
      const fresh = digestsOf(moved).filter((digest) => !digestsOf(old).includes(digest));
      assert.deepEqual(
        registry.sentBlobs().filter((digest) => digestsOf(moved).includes(digest)),
        fresh,
      );
      assert.deepEqual(again.blobs, { total: 6, fetched: 2, reused: 4 });
      const store = await openPath(path(output));
      assert.equal(
        (await store.resolve('moving:1').catch(() => store.resolve(`${registry.name}/moving:1`))).digest,
        moved.manifest.descriptor.digest,
      );
      await store.close();
      assert.equal((await verify(path(output))).ok, true);
    });

    it(`refuses to lose other images, and keeps them when it is told to (${output})`, async () => {
      await run(output, ['a:1']);
      const before = await bytesOf(output);
      await assert.rejects(run(output, ['b:1']), {
        code: 'ALREADY_EXISTS',
        message: /holds other images: .*\/a:1/,
        hint: 'Add to what is there, or choose another output.',
        remedy: 'append',
      });
      assert.ok((await bytesOf(output)).equals(before));

      const added = await run(output, ['b:1'], { append: true });
      assert.equal(
        added.bytes.fetched,
        b.all.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
      );
      assert.deepEqual(
        registry.sentBlobs().filter((digest) => digestsOf(a).includes(digest)),
        [],
      );
      assert.deepEqual(await namesIn(output), ['a:1', 'b:1']);
      await run(`together-${output}`, ['a:1', 'b:1']);
      assert.ok((await bytesOf(output)).equals(await bytesOf(`together-${output}`)));
    });

    it(`goes on where it was interrupted, and has nothing under the final name before (${output})`, async () => {
      const largest = a.layers[0]?.descriptor.digest;
      assert.ok(largest);
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      registry.replace('a', stoppingAfter(registry.storeOf('a'), largest, 200_000, released));
      const before = registry.requests.length;
      const controller = new AbortController();
      let received = 0;
      const onEvent = (event: CopyEvent): void => {
        if (event.type !== 'received' || event.descriptor.digest !== largest) return;
        received += event.bytes;
        if (received >= 200_000) controller.abort(new LadingError('ABORTED', 'interrupted'));
      };
      const { signal } = controller;
      await assert.rejects(run(output, ['a:1', 'b:1'], { signal, onEvent }), { code: 'ABORTED' });
      release();
      registry.replace('a', registry.storeOf('a'));
      if (output === 'out.tar') assert.equal(existsSync(path(output)), false);
      else assert.deepEqual(await namesIn(output), []);

      const again = await run(output, ['a:1', 'b:1']);
      const ofLargest = registry.requests.slice(before).filter(({ url }) => url.endsWith(largest));
      assert.equal(ofLargest.filter(({ status }) => status === 206).length, 1, 'the rest, by Range');
      assert.ok(
        ofLargest.filter(({ status }) => status === 200).length <= 1,
        'only the first run took the whole',
      );
      assert.ok(again.bytes.fetched <= again.bytes.total - 200_000);
      await run(`undisturbed-${output}`, ['a:1', 'b:1']);
      assert.ok((await bytesOf(output)).equals(await bytesOf(`undisturbed-${output}`)));
      const left = (await readdir(path(output.endsWith('/') ? output : ''))).filter((name) =>
        /part|ingest|lock/.test(name),
      );
      assert.deepEqual(left, []);
    });
  }

  it('does not trust what is there: damage in the old archive is fetched again', async () => {
    await run('out.tar', ['a:1']);
    const archive = await readFile(path('out.tar'));
    const layer = a.layers[0];
    assert.ok(layer);
    const position = archive.indexOf(layer.bytes.subarray(0, 500));
    archive.writeUInt8(archive.readUInt8(position + 100) ^ 1, position + 100);
    await writeFile(path('out.tar'), archive);
    const onlyDamaged = run('out.tar', ['b:1'], { append: true, retries: 0 });
    await assert.rejects(onlyDamaged, { code: 'DIGEST_MISMATCH' });
    assert.ok((await readFile(path('out.tar'))).equals(archive));
    await run('out.tar', ['a:1', 'b:1']);
    assert.ok(registry.sentBlobs().includes(layer.descriptor.digest));
    assert.equal((await verify(path('out.tar'))).ok, true);
  });

  it('does not write over an archive that another process finished meanwhile', async () => {
    for (const format of ['universal', 'docker-archive'] as const) {
      const output = `${format}.tar`;
      const first = await openArchiveForWriting(path(output), { format: 'universal' });
      let saving: Promise<SaveResult> | undefined;
      await new Promise<void>((resolve) => {
        const onEvent = ({ type }: CopyEvent): void => (type === 'waiting' ? resolve() : undefined);
        saving = run(output, ['b:1'], { onEvent, format });
      });
      await copyInto(first, await storeOf({ 'reg.test/a:1': a }), ['reg.test/a:1']);
      const finished = await readFile(path(output));
      await assert.rejects(async () => saving, { code: 'ALREADY_EXISTS', hint: /again/ });
      assert.ok((await readFile(path(output))).equals(finished));
    }
  });

  it("keeps an image's signatures when others are added", async () => {
    const signature = makeCosignSignature(a.manifest.descriptor);
    await registry.put('signed:1', a);
    await registry.put(`signed:${signature.tag}`, signature);
    await run('out.tar', ['signed:1']);
    await run('out.tar', ['b:1'], { append: true });
    assert.deepEqual(await namesIn('out.tar'), ['b:1', 'signed:1', `signed:${signature.tag}`].sort());
  });

  it('replaces a name however the output spells it, and keeps the others', async () => {
    const [old, other] = await Promise.all([makeImage({ seed: 'old' }), makeImage({ seed: 'other' })]);
    await registry.put('team/app:latest', a);
    const name = `${registry.name}/team/app`;
    const entries = index(entryCalled(old, { ref: name }), entryCalled(other, { ref: 'other:1' }));
    for (const [output, form] of [
      ['spelt.tar', 'tar'],
      ['spelt/', 'directory'],
    ] as const) {
      await writeForm(path(output), form, { ...VERSION, ...blobs(old, other), ...entries });
      await run(output, ['team/app:latest'], { append: true });
      assert.deepEqual(await namesIn(output), ['other:1', 'team/app:latest']);
      const store = await openPath(path(output));
      assert.equal((await store.resolve(name)).digest, a.manifest.descriptor.digest);
      await store.close();
      assert.equal((await verify(path(output))).ok, true);
    }
  });

  it('refuses an output whose lists of images contradict each other, or of which one would be lost', async () => {
    const app = 'docker.io/library/app:1';
    const layout = { ...VERSION, ...blobs(a, b), ...index(entry(a, app)) };
    const contradictory = { ...layout, ...manifest(item(b, 'app:1')) };
    const more = { ...layout, ...manifest(item(a, 'app:1'), item(b, 'app:2')) };
    const twice = { ...VERSION, ...blobs(a, b), ...index(entry(a, app), entry(b, app)) };
    const same = { ...layout, ...manifest(item(a, 'app:1')) };
    for (const [output, form, files, code] of [
      ['two.tar', 'tar', contradictory, 'ALREADY_EXISTS'],
      ['more.tar', 'tar', more, 'ALREADY_EXISTS'],
      ['twice.tar', 'tar', twice, 'ALREADY_EXISTS'],
      ['twice/', 'directory', twice, 'INVALID_LAYOUT'],
      ['same/', 'directory', same, 'ALREADY_EXISTS'],
    ] as const) {
      await writeForm(path(output), form, files);
      const before = await bytesOf(output);
      await assert.rejects(run(output, ['a:1'], { append: true }), { code }, output);
      assert.ok((await bytesOf(output)).equals(before), output);
    }
    await writeForm(path('same.tar'), 'tar', same);
    await run('same.tar', ['b:1'], { append: true });
    assert.equal((await verify(path('same.tar'))).ok, true);
    await assert.rejects(serve([path('same')], { port: 0, writable: true }), {
      code: 'ALREADY_EXISTS',
      message: /its manifest\.json would not list what is written into index\.json/,
    });
  });

  it('refuses an output that is something else, and leaves it as it is', async () => {
    await writeFile(path('letter.txt'), 'Dear all,');
    await mkdir(path('home'));
    await writeFile(path('home/letter.txt'), 'Dear all,');
    await cp(fixturePath('archives/docker20-multi.tar'), path('docker.tar'));
    for (const [output, options] of [
      ['letter.txt', {}],
      ['docker.tar', {}],
      ['home/', {}],
      ['home', { format: 'universal' }],
      ['letter.txt', { format: 'oci' }],
    ] as const) {
      const before =
        existsSync(path(output)) && !output.startsWith('home') ? await readFile(path(output)) : undefined;
      await assert.rejects(run(output, ['a:1'], options), { code: 'ALREADY_EXISTS', hint: /another output/ });
      if (before !== undefined) assert.ok((await readFile(path(output))).equals(before));
    }
    assert.deepEqual(await readdir(path('home')), ['letter.txt']);
    assert.deepEqual((await readdir(path())).sort(), ['docker.tar', 'home', 'letter.txt']);
  });
});

/** The store, of which one blob does not go on after so many bytes until it is released. */
function stoppingAfter(store: Source, digest: Digest, end: number, released: Promise<void>): Source {
  async function* stopping(bytes: Buffer): AsyncIterable<Buffer> {
    yield bytes.subarray(0, end);
    yield bytes.subarray(end, end + 1); // the server holds a chunk back until it has seen the next
    await released;
  }
  return overriding(store, {
    async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
      const body = await store.fetch(descriptor, options);
      return descriptor.digest === digest ? Readable.from(stopping(await buffer(body))) : body;
    },
  });
}
