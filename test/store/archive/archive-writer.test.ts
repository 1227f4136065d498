import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import type { Digest } from '../../../src/content/digest.js';
import { LadingError } from '../../../src/errors.js';
import type { CopyEvent } from '../../../src/events.js';
import { openArchive } from '../../../src/store/archive/archive.js';
import {
  type ArchiveOptions,
  createArchiveStream,
  openArchiveForWriting,
} from '../../../src/store/archive/archive-writer.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import type { Source } from '../../../src/store/store.js';
import type { CopyOptions } from '../../../src/transfer/copy.js';
import { copyInto, disordered, documentIn, filesIn, storeOf } from '../../support/archives.js';
import {
  type Content,
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { countingFetches, type Fetch, overriding } from '../../support/openers.js';
import { planCopy } from '../../support/plan.js';
import { useFolder } from '../../support/temporary.js';

const A = 'reg.test/a:1';
const B = 'reg.test/b:1';

describe('an archive that is written', () => {
  const path = useFolder();
  let imageA: MadeImage;
  let imageB: MadeImage;
  let source: Source;
  before(async () => {
    // One layer is larger than what is written at once.
    imageA = await makeImage({ seed: 'a', layers: [5000, 2_500_000, 70] });
    imageB = await makeImage({ seed: 'b', layers: [4000, 3_000_000], format: 'docker' });
    const note = makeReferrer(imageB.manifest.descriptor, {
      artifactType: 'text/x-note',
      payload: 'b is good',
    });
    const signature = makeCosignSignature(imageA.manifest.descriptor);
    const store = await storeOf({ [A]: imageA, [B]: imageB });
    await pushAll(store, [...note.all, ...signature.all]);
    await store.tag(signature.manifest.descriptor, `reg.test/a:${signature.tag}`);
    source = store;
  });

  const write = async (
    name: string,
    from: Source,
    names: readonly string[],
    options: CopyOptions & Partial<ArchiveOptions> = {},
  ): Promise<Buffer> => {
    const { format = 'universal', dockerPlatform } = options;
    const store = await openArchiveForWriting(path(name), { format, dockerPlatform });
    await copyInto(store, from, names, options);
    return readFile(path(name));
  };

  it('is the same bytes at any concurrency and in whatever order images are named', async () => {
    const one = await write('one.tar', source, [A, B], { concurrency: 1 });
    const eight = await write('eight.tar', disordered(source), [B, A, A], { concurrency: 8 });
    assert.ok(one.equals(eight));
  });

  it('is the same bytes from a stream', async () => {
    for (const format of ['universal', 'oci-archive'] as const) {
      const stream = new PassThrough({ highWaterMark: 1000 });
      const received = buffer(stream);
      await copyInto(createArchiveStream(stream, { format }), disordered(source), [A, B]);
      stream.end();
      assert.ok((await received).equals(await write(`${format}.tar`, source, [A, B], { format })), format);
    }
  });

  it('holds a layout, and manifest.json only when it is universal', async () => {
    await write('universal.tar', source, [A]);
    await write('oci.tar', source, [A], { format: 'oci-archive' });
    const universal = await filesIn(path('universal.tar'));
    assert.deepEqual(
      universal.filter((name) => !name.startsWith('blobs/')),
      ['index.json', 'manifest.json', 'oci-layout'],
    );
    assert.deepEqual(
      await filesIn(path('oci.tar')),
      universal.filter((name) => name !== 'manifest.json'),
    );
  });

  it('has nothing under its final name before it is committed', async () => {
    const store = await openArchiveForWriting(path('out.tar'), { format: 'universal' });
    await store.prepare?.(imageA.all.map(({ descriptor }) => descriptor));
    await pushAll(store, imageA.all);
    await store.tag(imageA.manifest.descriptor, A);
    assert.equal(existsSync(path('out.tar')), false);
    await store.commit?.();
    assert.equal(existsSync(path('out.tar')), true);
    await store.close();
    for (const left of ['.part', '.part.journal', '.part.lock'])
      assert.equal(existsSync(path(`out.tar${left}`)), false, left);
  });

  it('reads back what it holds while it is written', async () => {
    const store = await openArchiveForWriting(path('out.tar'), { format: 'universal' });
    await store.prepare?.(imageA.all.map(({ descriptor }) => descriptor));
    await pushAll(store, imageA.all);
    for (const { descriptor, bytes } of imageA.all) {
      assert.ok((await buffer(await store.fetch(descriptor, { start: 1 }))).equals(bytes.subarray(1)));
    }
    await store.close();
  });

  it('does not read a stream back', async () => {
    const stream = new PassThrough().resume();
    const store = createArchiveStream(stream, { format: 'universal' });
    await pushAll(store, imageA.all);
    const [layer] = imageA.layers;
    assert.ok(layer);
    await assert.rejects(store.fetch(layer.descriptor), { code: 'UNSUPPORTED' });
    await store.close();
  });

  it('leaves a file alone that another writer finished while this one waited', async () => {
    const first = await openArchiveForWriting(path('out.tar'), { format: 'universal' });
    let opening: ReturnType<typeof openArchiveForWriting> | undefined;
    await new Promise<string>((onWait) => {
      opening = openArchiveForWriting(path('out.tar'), { format: 'universal', onWait });
    });
    await copyInto(first, source, [A]);
    const finished = await readFile(path('out.tar'));
    const second = await opening;
    assert.ok(second);
    await second.prepare?.(imageB.all.map(({ descriptor }) => descriptor));
    await pushAll(second, imageB.all);
    assert.ok((await readFile(path('out.tar'))).equals(finished), 'until it is committed');
    await second.tag(imageB.manifest.descriptor, B);
    await second.commit?.();
    await second.close();
    const reader = await openArchive(path('out.tar'));
    assert.equal((await reader.resolve(B)).digest, imageB.manifest.descriptor.digest);
    await reader.close();
  });

  it('says what is wrong with a place that cannot be written to', async () => {
    await mkdir(path('folder.part'));
    const format = 'universal';
    await assert.rejects(openArchiveForWriting(path('missing/out.tar'), { format }), {
      code: 'NOT_WRITABLE',
      hint: /Make .*missing first/,
    });
    await assert.rejects(openArchiveForWriting(path('folder'), { format }), { code: 'ALREADY_EXISTS' });
    await assert.rejects(openArchiveForWriting(path('folder'), { format }), { code: 'ALREADY_EXISTS' });
  });

  it('rejects with NO_SPACE before the first byte when the disk is too small', async () => {
    const store = await openArchiveForWriting(path('out.tar'), { format: 'universal' });
    const huge = { ...imageA.config.descriptor, size: 2 ** 52 };
    await assert.rejects(async () => store.prepare?.([huge]), { code: 'NO_SPACE' });
    await store.close();
  });

  it('names in manifest.json blobs that are there, of the platform that Docker is to have', async () => {
    const arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
    const index = makeIndex([arm64, imageA]);
    const from = await storeOf({ 'reg.test/multi:1': index, 'docker.io/library/multi:2': index });
    const names = ['reg.test/multi:1', 'docker.io/library/multi:2'];
    await write('amd64.tar', from, names);
    await write('arm64.tar', from, names, { dockerPlatform: arm64.platform });
    for (const [file, image] of [
      ['amd64.tar', imageA],
      ['arm64.tar', arm64],
    ] as const) {
      const paths = [image.config, ...image.layers].map(({ descriptor }) => blobPath(descriptor.digest));
      const [Config, ...Layers] = paths;
      const expected = [{ Config, RepoTags: ['multi:2', 'reg.test/multi:1'], Layers }];
      assert.deepEqual(await documentIn(path(file), 'manifest.json'), expected);
      const files = await filesIn(path(file));
      for (const blob of paths) assert.ok(files.includes(blob));
    }
  });

  describe('after a run that was interrupted', () => {
    /** The largest layer is begun, everything else is finished. */
    const BEGUN_BYTES = 1_300_000;
    let begun: Digest;
    let undisturbed: Buffer;

    beforeEach(async () => {
      undisturbed = await write('undisturbed.tar', source, [A, B]);
      const plan = await planCopy([A, B].map((name) => ({ source, reference: name, name })));
      begun = plan.blobs[0]?.descriptor.digest ?? begun;
      let left = plan.blobs.length - 1;
      let pullThePlug = (): void => undefined;
      const othersAreDone = new Promise<void>((resolve) => {
        pullThePlug = resolve;
      });
      const failing = overriding(source, {
        async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
          const body = await source.fetch(descriptor, options);
          if (descriptor.digest !== begun) return body;
          const leading = (await buffer(body)).subarray(0, BEGUN_BYTES);
          return Readable.from(brokenAfter(leading, othersAreDone));
        },
      });
      const onEvent = ({ type }: CopyEvent): void => {
        if (type === 'done' && --left === 0) pullThePlug();
      };
      await assert.rejects(write('out.tar', failing, [A, B], { onEvent }), {
        message: 'the plug was pulled',
      });
      assert.equal(existsSync(path('out.tar')), false);
    });

    async function* brokenAfter(bytes: Buffer, othersAreDone: Promise<void>): AsyncIterable<Buffer> {
      yield bytes;
      await othersAreDone;
      throw new LadingError('IO', 'the plug was pulled');
    }

    /** Writes again; tells which layers were fetched. */
    const writeAgain = async (): Promise<Fetch[]> => {
      const counting = countingFetches(source);
      assert.ok((await write('out.tar', counting, [A, B])).equals(undisturbed));
      const layers = new Set([...imageA.layers, ...imageB.layers].map(({ descriptor }) => descriptor.digest));
      return counting.fetches.filter(({ digest }) => layers.has(digest));
    };

    /** Changes a byte in what the first run left of some content. */
    const damage = async ({ bytes }: Content): Promise<void> => {
      const part = await readFile(path('out.tar.part'));
      const position = part.indexOf(bytes.subarray(0, 1000));
      assert.ok(position > 0);
      part.writeUInt8(part.readUInt8(position + 500) ^ 1, position + 500);
      await writeFile(path('out.tar.part'), part);
    };

    it('fetches the rest of what was begun, and nothing of what was finished', async () => {
      assert.deepEqual(await writeAgain(), [{ digest: begun, start: BEGUN_BYTES }]);
    });

    it('fetches a finished blob again of which a byte was changed', async () => {
      const [layer] = imageA.layers;
      assert.ok(layer);
      await damage(layer);
      const byStart = (one: Fetch, other: Fetch): number => one.start - other.start;
      assert.deepEqual((await writeAgain()).sort(byStart), [
        { digest: layer.descriptor.digest, start: 0 },
        { digest: begun, start: BEGUN_BYTES },
      ]);
    });

    it('fetches all of a begun blob again of which a byte was changed', async () => {
      const layer = imageB.layers[1];
      assert.equal(layer?.descriptor.digest, begun);
      await damage(layer);
      assert.deepEqual(await writeAgain(), [
        { digest: begun, start: BEGUN_BYTES },
        { digest: begun, start: 0 },
      ]);
    });

    it('does not count on bytes that the file no longer has', async () => {
      await truncate(path('out.tar.part'), 100_000);
      const ofBegun = (await writeAgain()).filter(({ digest }) => digest === begun);
      assert.equal(ofBegun.at(-1)?.start, 0);
    });

    it('fetches everything where the journal is lost or says nonsense', async () => {
      await rm(path('out.tar.part.journal'));
      assert.equal((await writeAgain()).length, 5);
      await rename(path('out.tar'), path('out.tar.part'));
      await writeFile(
        path('out.tar.part.journal'),
        `nonsense\n${begun} 1e9 7\n${begun} 512 99999999999999999999`,
      );
      assert.equal((await writeAgain()).length, 5);
    });

    it('makes the archive that is asked for, though another was begun', async () => {
      const expected = await write('only-b.tar', source, [B]);
      assert.ok((await write('out.tar', source, [B])).equals(expected));
    });
  });

  describe('of which an image failed', () => {
    const failingAt = (digest: Digest | undefined): Source =>
      overriding(source, {
        async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
          if (descriptor.digest === digest) throw new LadingError('NOT_FOUND', 'the blob is gone');
          return source.fetch(descriptor, options);
        },
      });

    /** Others have bytes on their way when it fails, and more to come. */
    const failingLate = (digest: Digest): Source =>
      overriding(source, {
        async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
          const bytes = await buffer(await source.fetch(descriptor, options));
          return Readable.from(inPieces(bytes, descriptor.digest === digest));
        },
      });
    async function* inPieces(bytes: Buffer, isFailing: boolean): AsyncIterable<Buffer> {
      for (let start = 0; start < bytes.length; start += 1000) {
        await turn();
        if (isFailing && start > 1000) throw new LadingError('NOT_FOUND', 'the blob is gone');
        yield bytes.subarray(start, start + 1000);
      }
    }

    it('is as if that had never been asked for, when the others are to be kept', async () => {
      const good = await write('good.tar', source, [A]);
      for (const [place, { descriptor }] of imageB.layers.entries()) {
        const archive = await write(`${place}.tar`, failingAt(descriptor.digest), [A, B], {
          keepGoing: true,
        });
        assert.ok(archive.equals(good), `without layer ${place}`);
      }
    });

    it('is not finished when nothing is left of it', async () => {
      const failing = failingAt(imageB.layers[0]?.descriptor.digest);
      await assert.rejects(write('out.tar', failing, [B], { keepGoing: true }), { code: 'NOT_FOUND' });
      assert.equal(existsSync(path('out.tar')), false);
    });

    it('ends as a failure where it goes to a stream, whoever waits for the place behind', async () => {
      for (const { descriptor } of imageB.layers) {
        const store = createArchiveStream(new PassThrough().resume(), { format: 'universal' });
        const copy = copyInto(store, failingLate(descriptor.digest), [A, B]);
        await assert.rejects(copy, { code: 'NOT_FOUND' });
      }
    });

    it('tells of damage where it goes to a stream, which takes nothing back', async () => {
      const damaging = overriding(source, {
        async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
          const bytes = await buffer(await source.fetch(descriptor, options));
          return Readable.from([
            descriptor.digest === imageB.layers[0]?.descriptor.digest ? bytes.fill(0) : bytes,
          ]);
        },
      });
      const store = createArchiveStream(new PassThrough().resume(), { format: 'universal' });
      await assert.rejects(copyInto(store, damaging, [A, B]), {
        code: 'INVALID_ARCHIVE',
        message: /its digest is .*cannot be taken back/,
      });
    });
  });
});
