import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { digestOf } from '../../../src/content/digest.js';
import { type FileSink, openFileSink } from '../../../src/store/file-sink.js';
import { GrowingContent } from '../../../src/store/layout/growing-content.js';
import type { OpenContent } from '../../../src/store/store.js';
import { randomBytesFrom } from '../../support/images.js';
import { chunksOf } from '../../support/pushing.js';
import { useFolder } from '../../support/temporary.js';

const SIZE = 5 * 1024 * 1024 + 17;
const PIECE = 1024 * 1024;

describe('content that grows in a file', () => {
  const path = useFolder();
  const bytes = randomBytesFrom('growing', SIZE);
  const descriptor: Descriptor = {
    mediaType: 'application/octet-stream',
    digest: digestOf(bytes),
    size: SIZE,
  };
  let file: FileSink;
  beforeEach(async () => {
    file = await openFileSink(path('file'));
  });
  afterEach(() => file.close());

  /** The content from where it is asked for up to `end`; then it breaks off, unless that was all. */
  const upTo =
    (end: number, starts: (number | undefined)[] = []): OpenContent =>
    async ({ start = 0 } = {}) => {
      starts.push(start);
      async function* pieces(): AsyncGenerator<Buffer> {
        for (let place = start; place < end; place += PIECE)
          yield bytes.subarray(place, Math.min(end, place + PIECE));
        if (end < SIZE) throw new Error('broken off');
      }
      return Readable.from(pieces(), { objectMode: false });
    };
  const isWhole = async (): Promise<void> => assert.ok((await readFile(path('file'))).equals(bytes));

  it('is written and verified as its descriptor says, and told of as it comes', async () => {
    const told = { kept: 0, fetched: 0 };
    const content = new GrowingContent();
    const onBytes = (count: number, origin: 'kept' | 'fetched'): void => {
      told[origin] += count;
    };
    await content.complete(file, descriptor, upTo(SIZE), { onBytes });
    assert.deepEqual(told, { kept: 0, fetched: SIZE });
    await isWhole();
  });

  for (const algorithm of ['sha256', 'sha512'] as const)
    it(`goes on where it was broken off, and checks the whole (${algorithm})`, async () => {
      const named = { ...descriptor, digest: digestOf(bytes, algorithm) };
      const first = new GrowingContent({ algorithm });
      await assert.rejects(first.complete(file, named, upTo(3 * PIECE + 5)), /broken off/);
      assert.equal(first.size, 3 * PIECE + 5);
      const starts: (number | undefined)[] = [];
      const later = new GrowingContent({ size: first.size, algorithm });
      let kept = 0;
      const onBytes = (count: number, origin: string): void => {
        if (origin === 'kept') kept += count;
      };
      await later.complete(file, named, upTo(SIZE, starts), { onBytes });
      assert.deepEqual([starts, kept], [[3 * PIECE + 5], 3 * PIECE + 5]);
      await isWhole();
    });

  it('is refused as often as it is other than was named, or more, and nothing of it counts', async () => {
    for (const [wrong, code] of [
      [{ ...descriptor, digest: digestOf(Buffer.from('other')) }, 'DIGEST_MISMATCH'],
      [{ ...descriptor, size: SIZE - 1 }, 'SIZE_MISMATCH'],
    ] as const) {
      const content = new GrowingContent();
      for (const _ of [1, 2]) {
        await assert.rejects(content.complete(file, wrong, upTo(SIZE)), { code });
        assert.equal(content.size, 0);
      }
    }
    const longer = { ...descriptor, size: SIZE + 1 };
    const content = new GrowingContent();
    await assert.rejects(content.complete(file, longer, upTo(SIZE)), { code: 'CUT_SHORT' });
    assert.equal(content.size, SIZE);
  });

  it('is not believed where what an earlier run left has changed, or has gone', async () => {
    const first = new GrowingContent();
    await assert.rejects(first.complete(file, descriptor, upTo(2 * PIECE)), /broken off/);
    await file.write([Buffer.from([(bytes[5] ?? 0) ^ 1])], 5);
    const later = new GrowingContent({ size: 2 * PIECE });
    await assert.rejects(later.complete(file, descriptor, upTo(SIZE)), { code: 'DIGEST_MISMATCH' });

    await file.truncate(PIECE);
    const starts: (number | undefined)[] = [];
    await new GrowingContent({ size: 2 * PIECE }).complete(file, descriptor, upTo(SIZE, starts));
    assert.deepEqual(starts, [0]);
    await isWhole();
  });

  it('comes in pieces of any size, and has its digest at any time', async () => {
    const content = new GrowingContent();
    for (const [from, to] of [
      [0, 10],
      [10, 10],
      [10, 2 * PIECE],
      [2 * PIECE, SIZE],
    ])
      await content.append(file, chunksOf(bytes.subarray(from, to), 7000));
    assert.equal(content.size, SIZE);
    for (const algorithm of ['sha256', 'sha512', 'sha256'] as const)
      assert.equal(await content.digest(file, algorithm), digestOf(bytes, algorithm));
  });

  for (const ahead of [false, true])
    it(`has no gap where a write fails${ahead ? ' while more is received' : ''}`, async () => {
      const { write } = file;
      let writes = 0;
      file.write = async (chunks, position) => {
        writes += 1;
        if (writes === 2) throw new Error('the disk is full');
        return write.call(file, chunks, position);
      };
      const content = new GrowingContent();
      await assert.rejects(content.append(file, chunksOf(bytes), { ahead }), /the disk is full/);
      assert.deepEqual([writes, content.size, await file.size()], [2, PIECE, PIECE]);
      await content.append(file, chunksOf(bytes.subarray(PIECE)), { ahead });
      assert.equal(await content.digest(file, 'sha256'), descriptor.digest);
      await isWhole();
    });

  it('is not written to once it is another process’s', async () => {
    const content = new GrowingContent();
    let writes = 0;
    const assertHeld = (): void => {
      if (writes++ >= 2) throw new Error('lost');
    };
    await assert.rejects(content.append(file, chunksOf(bytes), { assertHeld }), /lost/);
    assert.deepEqual([content.size, await file.size()], [2 * PIECE, 2 * PIECE]);
  });
});
