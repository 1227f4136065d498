import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { digestOf, encodedOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { LadingError, RegistryError } from '../../../src/errors.js';
import {
  createDockerArchiveStream,
  openDockerArchiveForWriting,
} from '../../../src/store/archive/docker-archive-writer.js';
import type { Source } from '../../../src/store/store.js';
import type { CopyOptions } from '../../../src/transfer/copy.js';
import { copyInto, filesIn, storeOf } from '../../support/archives.js';
import { type Content, contentOf, jsonContent, makeLayerTar } from '../../support/images.js';
import { countingFetches, overriding } from '../../support/openers.js';
import { useFolder } from '../../support/temporary.js';

const A = 'docker.io/library/a:1';
const MiB = 1024 * 1024;

interface Layer {
  tar: Buffer;
  content: Content;
}

describe('layers of a docker-archive that are large', () => {
  const path = useFolder();
  const tars: Buffer[] = [];
  /** Each is compressed once for all tests: that takes longer than what most of them do. */
  const compressed = new Map<Buffer, Buffer>();
  before(async () => {
    // Larger than what is worth a thread, and a request for its end.
    for (const [index, size] of [5.5 * MiB, 5 * MiB, 4.5 * MiB, 70_000].entries())
      tars.push(await makeLayerTar(`plain-layers ${index}`, size));
    for (const tar of tars) compressed.set(tar, gzipSync(tar, { level: 1 }));
  });

  const compressedOf = (tar: Buffer): Buffer => compressed.get(tar) ?? assert.fail();
  const layer = (index: number, compress = compressedOf): Layer => {
    const tar = tars[index] ?? assert.fail();
    return { tar, content: contentOf(MEDIA_TYPE.ociLayerGzip, compress(tar)) };
  };
  const write = async (
    name: string,
    source: Source,
    options: CopyOptions = {},
    names: readonly string[] = [A],
  ): Promise<Buffer> => {
    await copyInto(await openDockerArchiveForWriting(path(name)), source, names, options);
    return readFile(path(name));
  };
  /** Writes the layers several at once, and checks that the archive is the one that is made one after the other. */
  const writeBothWays = async (
    layers: readonly Layer[],
    wrap = (source: Source): Source => source,
  ): Promise<{ starts: number[][] }> => {
    const source = countingFetches(await storeOf({ [A]: imageOf(layers) }));
    const together = await write('together.tar', wrap(source));
    const starts = layers.map(({ content: { descriptor } }) =>
      source.fetches.filter(({ digest }) => digest === descriptor.digest).map(({ start }) => start),
    );
    assert.ok(together.equals(await write('one.tar', source, { concurrency: 1 })));
    const plain = new Set(layers.map(({ tar }) => `${encodedOf(digestOf(tar))}.tar`));
    const files = (await filesIn(path('together.tar'))).filter((file) => file.endsWith('.tar'));
    assert.deepEqual(files, [...plain].sort());
    return { starts };
  };

  it('are the same bytes at once and one after the other', async () => {
    const { starts } = await writeBothWays([0, 1, 2, 3].map((index) => layer(index)));
    // Each is opened once, and its end for the place of the next.
    assert.deepEqual(
      starts.map((of) => of.length),
      [2, 2, 2, 1],
    );
  });

  it('are opened together if the end of gzip says how large the first is', async () => {
    const layers = [layer(0), layer(1)];
    const store = await storeOf({ [A]: imageOf(layers) });
    const source = holdingBack(store, layers);
    await write('out.tar', source);
  });

  it('are the same bytes in a stream, though several are decompressed at once', async () => {
    const layers = [layer(0), layer(1)];
    const source = await storeOf({ [A]: imageOf(layers) });
    const expected = await write('file.tar', source);
    const chunks: Buffer[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _, callback) {
        chunks.push(Buffer.from(chunk));
        callback();
      },
    });
    await copyInto(await createDockerArchiveStream(stream), holdingBack(source, layers), [A]);
    assert.ok(Buffer.concat(chunks).equals(expected));
  });

  it('are requested once each of a registry without ranges, but for the end of the first', async () => {
    const store = await storeOf({ [A]: imageOf([layer(0), layer(1), layer(2)]) });
    const parts: (number | undefined)[] = [];
    const whole: number[] = [];
    const registry = overriding(store, {
      isLocal: false,
      location: 'registry.example/a',
      async fetch(...[descriptor, options = {}]: Parameters<Source['fetch']>) {
        if (options.length !== undefined) {
          parts.push(options.length);
          throw new RegistryError('REGISTRY', 'it sends everything');
        }
        if (descriptor.size > MiB) whole.push(options.start ?? 0);
        return store.fetch(descriptor, options);
      },
    });
    const archive = await write('registry.tar', registry);
    assert.deepEqual([parts, whole], [[4], [0, 0, 0]]);
    assert.ok(archive.equals(await write('local.tar', store)));
  });

  it('are right where the last of several gzip members is taken for all of it', async () => {
    const tar = Buffer.concat([await makeLayerTar('two members', 8 * MiB), Buffer.alloc(9 * MiB)]);
    const [start, end] = [tar.subarray(0, MiB), tar.subarray(MiB)];
    // The zeros take no space: the end states more than all is compressed, and is believed.
    const bytes = Buffer.concat([gzipSync(start), gzipSync(end, { level: 1 })]);
    const layers = [{ tar, content: contentOf(MEDIA_TYPE.ociLayerGzip, bytes) }, layer(1), layer(3)];
    const { starts } = await writeBothWays(layers, (source) => holdingBack(source, layers));
    // The second was written where the first one goes on, and is made again.
    assert.equal(starts[1]?.filter((at) => at === 0).length, 2);
  });

  for (const [what, compress] of [
    [
      'eStargz and bgzip, which end with an empty member',
      (tar: Buffer) => Buffer.concat([compressedOf(tar), gzipSync('')]),
    ],
    ['zeros behind gzip', (tar: Buffer) => Buffer.concat([compressedOf(tar), Buffer.alloc(5)])],
    ['plain layers', (tar: Buffer) => tar],
  ] as const)
    it(`are right with ${what}`, async () => {
      await writeBothWays([layer(0, compress), layer(1), layer(2), layer(3)]);
    });

  it('are moved where the one in front is there already in another form', async () => {
    const again = layer(0, (tar) => gzipSync(tar, { level: 9 }));
    await writeBothWays([layer(0), again, layer(1), layer(2)]);
  });

  it('are moved where the one in front could not be read, if others are kept', async () => {
    const B = 'docker.io/library/b:1';
    const store = await storeOf({ [A]: imageOf([layer(0), layer(1)]), [B]: imageOf([layer(2), layer(3)]) });
    const broken = layer(1).content.descriptor.digest;
    const failing = overriding(store, {
      async fetch(...[descriptor, options = {}]: Parameters<Source['fetch']>) {
        if (descriptor.digest === broken && options.start === undefined)
          throw new LadingError('NOT_FOUND', 'gone');
        return store.fetch(descriptor, options);
      },
    });
    const together = await write('out.tar', failing, { keepGoing: true }, [A, B]);
    const one = await write('one.tar', failing, { keepGoing: true, concurrency: 1 }, [A, B]);
    assert.ok(together.equals(one));
  });

  for (const isDamaged of [false, true])
    it(`go on in another run with what was finished${isDamaged ? ', unless it is not as it was' : ''}`, async () => {
      const layers = [0, 1, 2, 3].map((index) => layer(index));
      const store = await storeOf({ [A]: imageOf(layers) });
      const undisturbed = await write('undisturbed.tar', store);
      const digests = layers.map(({ content }) => content.descriptor.digest);
      let isSecondDone = (): void => undefined;
      const secondDone = new Promise<void>((resolve) => {
        isSecondDone = resolve;
      });
      const holding = holdingBack(store, layers);
      const failing = overriding(holding, {
        async fetch(...[descriptor, options = {}]: Parameters<Source['fetch']>) {
          // The third begins when the second is written.
          if (descriptor.digest === digests[2]) isSecondDone();
          if (descriptor.digest !== digests[0] || options.start !== undefined)
            return holding.fetch(descriptor, options);
          const body = await holding.fetch(descriptor, options);
          async function* parts(): AsyncGenerator<Buffer> {
            for await (const chunk of body as AsyncIterable<Buffer>) {
              if (chunk.byteLength === 1) await secondDone;
              if (chunk.byteLength === 1) throw new LadingError('IO', 'the plug was pulled');
              yield chunk;
            }
          }
          return Readable.from(parts(), { objectMode: false });
        },
      });
      await assert.rejects(write('out.tar', failing), { message: 'the plug was pulled' });
      assert.equal(existsSync(path('out.tar')), false);
      if (isDamaged) {
        const part = await readFile(path('out.tar.part'));
        const inSecond = 512 + (tars[0]?.byteLength ?? 0) + 512 + 1000;
        part.fill('damage', inSecond, inSecond + 100);
        await writeFile(path('out.tar.part'), part);
      }
      const counting = countingFetches(store);
      assert.ok((await write('out.tar', counting)).equals(undisturbed));
      const again = counting.fetches.filter(({ digest, start }) => digest === digests[1] && start === 0);
      assert.equal(again.length, isDamaged ? 1 : 0);
    });
});

/** The last byte of the first layer comes only when the second one is read too. */
function holdingBack<T extends Source>(store: T, [first, second]: readonly Layer[]): T {
  let opened = (): void => undefined;
  const isSecondOpen = new Promise<void>((resolve) => {
    opened = resolve;
  });
  return overriding(store, {
    async fetch(...[descriptor, options = {}]: Parameters<Source['fetch']>) {
      if (descriptor.digest === second?.content.descriptor.digest) opened();
      const isFirst = descriptor.digest === first?.content.descriptor.digest;
      if (!isFirst || options.start !== undefined) return store.fetch(descriptor, options);
      const { bytes } = first.content;
      async function* parts(): AsyncGenerator<Buffer> {
        yield bytes.subarray(0, -1);
        await isSecondOpen;
        yield bytes.subarray(-1);
      }
      return Readable.from(parts(), { objectMode: false });
    },
  });
}

/** An image of these layers. */
function imageOf(layers: readonly Layer[]): { all: Content[]; manifest: Content } {
  const config = jsonContent(MEDIA_TYPE.ociConfig, {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) },
  });
  const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: config.descriptor,
    layers: layers.map(({ content }) => content.descriptor),
  });
  return { all: [...layers.map(({ content }) => content), config, manifest], manifest };
}
