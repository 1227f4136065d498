import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '../../src/content/digest.js';
import { LadingError } from '../../src/errors.js';
import type { CopyEvent } from '../../src/events.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { type FetchOptions, has, type Source, type Store } from '../../src/store/store.js';
import { type CopyOptions, type CopyResult, copyGraph } from '../../src/transfer/copy.js';
import { disordered, storeOf } from '../support/archives.js';
import { type MadeImage, makeImage, makeIndex, makeReferrer, pushAll } from '../support/images.js';
import { brokenOff, countingFetches, overriding, readAll } from '../support/openers.js';
import { planCopy } from '../support/plan.js';
import { useFolder } from '../support/temporary.js';

type Fetch = Source['fetch'];

describe('copyGraph', () => {
  const path = useFolder();
  let first: MadeImage;
  let second: MadeImage;
  let source: Store;
  before(async () => {
    first = await makeImage({ seed: 1, layers: [1_000_000, 20_000, 300] });
    second = await makeImage({ seed: 2, layers: [50_000, 400] });
    source = await storeOf({ a: first, b: second, both: makeIndex([first, second]) });
  });

  const copy = async (
    from: Source,
    names: readonly string[],
    destination: Store,
    options: CopyOptions = {},
  ): Promise<CopyResult> => {
    const plan = await planCopy(names.map((name) => ({ source: from, reference: name, name })));
    return copyGraph(plan, destination, options);
  };
  /** The source, with other answers for one piece of content. */
  const answering = (digest: Digest, fetch: (options: FetchOptions) => ReturnType<Fetch>): Source =>
    overriding(source, {
      fetch: (...[descriptor, options = {}]: Parameters<Fetch>) =>
        descriptor.digest === digest ? fetch(options) : source.fetch(descriptor, options),
    });
  const layerOf = (image: MadeImage, place: number): { digest: Digest; bytes: Buffer } => {
    const layer = image.layers[place];
    assert.ok(layer);
    return { digest: layer.descriptor.digest, bytes: layer.bytes };
  };
  const resolves = async (store: Source, name: string): Promise<boolean> =>
    store.resolve(name).then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof LadingError && error.code === 'NOT_FOUND');
        return false;
      },
    );

  it('copies all of the images and names them, each blob once, at any concurrency', async () => {
    for (const concurrency of [1, 8]) {
      const counting = countingFetches(disordered(source));
      const destination = createMemoryStore();
      const result = await copy(counting, ['a', 'b', 'both'], destination, { concurrency });
      const blobs = [...first.layers, first.config, ...second.layers, second.config];
      assert.deepEqual(result.blobs, { total: blobs.length, fetched: blobs.length, reused: 0 });
      assert.deepEqual(result.failures, []);
      for (const { descriptor, bytes } of [...first.all, ...second.all])
        assert.ok((await readAll(destination, descriptor)).equals(bytes));
      for (const name of ['a', 'b', 'both'])
        assert.deepEqual(await destination.resolve(name), await source.resolve(name));
      const fetched = counting.fetches.map(({ digest }) => digest);
      assert.equal(new Set(fetched).size, fetched.length);
    }
  });

  it('pushes children before the manifests that name them, and names at the very end', async () => {
    const order: string[] = [];
    const store = createMemoryStore();
    const destination = overriding(store, {
      push(...[descriptor, open, options]: Parameters<Store['push']>) {
        return store.push(descriptor, open, options).then(() => order.push(descriptor.digest));
      },
      tag(...[descriptor, name]: Parameters<Store['tag']>) {
        order.push(name);
        return store.tag(descriptor, name);
      },
    });
    await copy(disordered(source), ['both'], destination);
    const { digest } = await source.resolve('both');
    assert.deepEqual(order.slice(-2), [digest, 'both']);
    for (const { manifest, config, layers } of [first, second]) {
      const place = order.indexOf(manifest.descriptor.digest);
      for (const { descriptor } of [config, ...layers]) assert.ok(order.indexOf(descriptor.digest) < place);
    }
  });

  it('asks for nothing that the destination has', async () => {
    const destination = createMemoryStore();
    await copy(source, ['a'], destination);
    const counting = countingFetches(source);
    const events: CopyEvent[] = [];
    const result = await copy(counting, ['a', 'b'], destination, { onEvent: (event) => events.push(event) });
    assert.deepEqual(result.blobs, { total: 7, fetched: 3, reused: 4 });
    const skipped = events
      .filter((event) => event.type === 'skipped')
      .map((event) => event.descriptor.digest);
    const held = [...first.layers, first.config].map(({ descriptor }) => descriptor.digest);
    assert.deepEqual(skipped.sort(), held.sort());
    for (const { digest } of counting.fetches)
      assert.ok(!first.layers.some(({ descriptor }) => descriptor.digest === digest));
  });

  it('asks for a manifest only where all that it names was there', async () => {
    const store = createMemoryStore();
    await copy(source, ['a'], store);
    const asked: Digest[] = [];
    const destination = overriding(store, {
      sizeOf(...[content, options]: Parameters<Store['sizeOf']>) {
        asked.push(content.digest);
        return store.sizeOf(content, options);
      },
    });
    await copy(source, ['both'], destination);
    const index = await source.resolve('both');
    assert.ok(asked.includes(first.manifest.descriptor.digest));
    for (const { digest } of [second.manifest.descriptor, index]) assert.ok(!asked.includes(digest));
    assert.equal(await has(store, index), true);
  });

  it('tells the whole story of every blob', async () => {
    const { digest, bytes } = layerOf(first, 1);
    let breaks = 1;
    const breaking = answering(digest, async ({ start = 0 }) =>
      breaks-- > 0 ? brokenOff(bytes.subarray(start, 7000)) : Readable.from([bytes.subarray(start)]),
    );
    const events: CopyEvent[] = [];
    const destination = await openLayoutForWriting(path('layout'));
    const result = await copy(breaking, ['a'], destination, { onEvent: (event) => events.push(event) });
    await destination.close();
    const story = events.flatMap((event) => {
      if (event.type === 'retrying') return [['retrying', event.what === digest, event.attempt]];
      if (!('descriptor' in event) || event.descriptor.digest !== digest) return [];
      return [event.type === 'received' ? [event.type, event.bytes, event.origin] : [event.type]];
    });
    assert.deepEqual(story, [
      ['started'],
      ['received', 7000, 'fetched'],
      ['retrying', true, 1],
      ['received', bytes.length - 7000, 'fetched'],
      ['done'],
    ]);
    assert.deepEqual(events.at(-1), { type: 'tagged', name: 'a', descriptor: first.manifest.descriptor });
    const fetchedBytes = [...first.layers, first.config].reduce((sum, layer) => sum + layer.bytes.length, 0);
    assert.equal(result.bytes.fetched, fetchedBytes + first.manifest.bytes.length);
    assert.equal(result.bytes.total, result.bytes.fetched);
  });

  it('goes on from the byte at which the connection broke, again and again', async () => {
    const { digest, bytes } = layerOf(first, 0);
    const starts: number[] = [];
    const breaking = answering(digest, async ({ start = 0 }) => {
      starts.push(start);
      return start < 900_000
        ? brokenOff(bytes.subarray(start, start + 300_000))
        : Readable.from([bytes.subarray(start)]);
    });
    const destination = await openLayoutForWriting(path('layout'));
    await copy(breaking, ['a'], destination);
    assert.deepEqual(starts, [0, 300_000, 600_000, 900_000]);
    assert.ok(
      (
        await readAll(destination, { mediaType: 'application/octet-stream', digest, size: bytes.length })
      ).equals(bytes),
    );
    await destination.close();
  });

  it('fetches damaged content afresh, and fails where it stays damaged', async () => {
    const { digest, bytes } = layerOf(second, 1);
    let damages = 1;
    const damaged = answering(digest, async () =>
      Readable.from([damages-- > 0 ? Buffer.alloc(bytes.length) : bytes]),
    );
    const destination = createMemoryStore();
    await copy(damaged, ['b'], destination);
    assert.ok(
      (
        await readAll(destination, { mediaType: 'application/octet-stream', digest, size: bytes.length })
      ).equals(bytes),
    );

    damages = Number.POSITIVE_INFINITY;
    const empty = createMemoryStore();
    await assert.rejects(copy(damaged, ['b'], empty, { retries: 0 }), { code: 'DIGEST_MISMATCH' });
    assert.equal(await resolves(empty, 'b'), false);
  });

  it('ends with the first failure: what is under way stops, and nothing is left running', async () => {
    const { digest } = layerOf(first, 0);
    let running = 0;
    const fetch = async (...[descriptor, { signal } = {}]: Parameters<Fetch>): Promise<Readable> => {
      if (descriptor.digest === digest) throw new LadingError('NOT_FOUND', 'the blob is gone');
      running++;
      assert.ok(signal);
      if (!signal.aborted) await once(signal, 'abort');
      running--;
      throw signal.reason;
    };
    const destination = createMemoryStore();
    const plan = await planCopy([{ source, reference: 'a', name: 'a' }]);
    const blobs = plan.blobs.map((blob) => ({ ...blob, source: { fetch } }));
    await assert.rejects(copyGraph({ ...plan, blobs }, destination), { message: 'the blob is gone' });
    assert.equal(running, 0);
    assert.equal(await resolves(destination, 'a'), false);
  });

  it('names only complete images when it is to go on, and tells why not the others', async () => {
    const { digest } = layerOf(first, 1);
    const failing = answering(digest, async () => {
      throw new LadingError('NOT_FOUND', 'the blob is gone');
    });
    const destination = createMemoryStore();
    const events: CopyEvent[] = [];
    const result = await copy(failing, ['a', 'b', 'both'], destination, {
      keepGoing: true,
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual(
      result.failures.map(({ image, error }) => [image.name, error instanceof LadingError && error.code]),
      [
        ['a', 'NOT_FOUND'],
        ['both', 'NOT_FOUND'],
      ],
    );
    assert.deepEqual([await resolves(destination, 'a'), await resolves(destination, 'b')], [false, true]);
    assert.equal(await resolves(destination, 'both'), false);
    const { descriptor } = first.manifest;
    assert.equal(await has(destination, descriptor), false, 'no manifest stands without its blobs');
    const failed = events.flatMap((event) => (event.type === 'failed' ? [event.name] : []));
    assert.deepEqual(failed, ['a', 'both']);
  });

  it('fails when no image is left, and finishes nothing', async () => {
    const failing = answering(layerOf(second, 0).digest, async () => {
      throw new LadingError('NOT_FOUND', 'the blob is gone');
    });
    let commits = 0;
    const destination = overriding(createMemoryStore(), {
      commit: async () => {
        commits++;
      },
    });
    await assert.rejects(copy(failing, ['b', 'both'], destination, { keepGoing: true }), {
      message: 'the blob is gone',
    });
    assert.equal(commits, 0);
  });

  it('does not name an image of which an attachment failed', async () => {
    const note = makeReferrer(second.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
    const store = await storeOf({ b: second, a: first });
    await pushAll(store, note.all);
    const { digest } = layerOf(note, 0);
    const failing = overriding(store, {
      async fetch(...[descriptor, options]: Parameters<Fetch>) {
        if (descriptor.digest === digest) throw new LadingError('NOT_FOUND', 'the note is gone');
        return store.fetch(descriptor, options);
      },
    });
    const result = await copy(failing, ['a', 'b'], createMemoryStore(), { keepGoing: true });
    assert.deepEqual(
      result.failures.map(({ image }) => image.name),
      ['b'],
    );
  });

  it('stops when it is told to, also when it is to go on', async () => {
    for (const keepGoing of [false, true]) {
      const controller = new AbortController();
      const onEvent = ({ type }: CopyEvent): void => {
        if (type === 'done') controller.abort(new LadingError('ABORTED', 'interrupted'));
      };
      const destination = createMemoryStore();
      const { signal } = controller;
      await assert.rejects(
        copy(source, ['a', 'b'], destination, { signal, onEvent, keepGoing, concurrency: 1 }),
        { code: 'ABORTED' },
      );
      assert.equal(await resolves(destination, 'a'), false);
    }
  });

  it('takes what planning has read from memory', async () => {
    const plan = await planCopy([{ source, reference: 'a', name: 'a' }]);
    const counting = countingFetches(source);
    const destination = createMemoryStore();
    const blobs = plan.blobs.map((blob) => ({ ...blob, source: counting }));
    await copyGraph({ ...plan, blobs }, destination);
    const layers = first.layers.map(({ descriptor }) => descriptor.digest);
    assert.deepEqual(counting.fetches.map(({ digest }) => digest).sort(), layers.sort());
    assert.ok((await buffer(await destination.fetch(first.config.descriptor))).equals(first.config.bytes));
  });
});
