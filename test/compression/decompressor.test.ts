import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Decompressor, type ThreadedOptions } from '../../src/compression/decompressor.js';
import { running, useThreads } from '../support/threads.js';

/** Large enough for a thread, compressed too. */
const NOISE = randomBytes(5 * 1024 * 1024);
const LARGE = Buffer.concat([NOISE, Buffer.alloc(3_000_001, 'text '), NOISE.subarray(0, 77)]);
const GZIP = gzipSync(LARGE, { level: 1 });

const opener =
  (bytes: Buffer, chunkSize = 700_000) =>
  async (): Promise<Readable> =>
    Readable.from(cut(bytes, chunkSize), { objectMode: false });

describe('Decompressor', () => {
  const threads = useThreads();
  let decompressor: Decompressor;
  beforeEach(() => {
    decompressor = new Decompressor({ threads: 2 });
  });
  afterEach(() => decompressor.close());

  const plainOf = async (
    bytes: Buffer,
    { open = opener(bytes), ...options }: Partial<ThreadedOptions> & { open?: () => Promise<Readable> } = {},
  ): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for await (const piece of decompressor.decompress(open, {
      size: bytes.length,
      name: 'layer',
      ...options,
    }))
      pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  };

  it('gives the plain form of large content by a thread, and of small content without', async () => {
    assert.ok((await plainOf(gzipSync(LARGE.subarray(0, 100_000)))).equals(LARGE.subarray(0, 100_000)));
    assert.equal(threads().length, 0);
    assert.ok((await plainOf(GZIP)).equals(LARGE));
    assert.equal(threads().length, 1);
  });

  it('does several at once, and uses their threads again', async () => {
    for (let round = 0; round < 2; round++) {
      const both = await Promise.all([plainOf(GZIP), plainOf(LARGE)]);
      for (const plain of both) assert.ok(plain.equals(LARGE));
    }
    assert.equal(threads().length, 2);
  });

  it('opens content of several gzip members again, as often as it has to', async () => {
    const members = Buffer.concat([gzipSync(NOISE), gzipSync(LARGE), gzipSync(Buffer.alloc(0))]);
    const expected = Buffer.concat([NOISE, LARGE]);
    for (let round = 0; round < 2; round++) assert.ok((await plainOf(members)).equals(expected));
    assert.ok((await plainOf(members, { open: opener(members, 5_000) })).equals(expected));
    assert.equal(threads().length, 1);
  });

  it('passes on what is wrong with the content, and goes on with other content', async () => {
    const damaged = Buffer.from(GZIP);
    damaged.fill(0, damaged.length - 8, damaged.length - 4);
    await assert.rejects(plainOf(damaged), {
      name: 'ContentError',
      code: 'INVALID_ARCHIVE',
      hint: /damaged/,
    });
    await assert.rejects(plainOf(GZIP.subarray(0, -1)), { code: 'INVALID_ARCHIVE', message: /layer is cut/ });
    assert.ok((await plainOf(GZIP)).equals(LARGE));
  });

  it("passes on the source's own error, and that it cannot be opened", async () => {
    const problem = new Error('the medium is damaged');
    const breaking = async (): Promise<Readable> =>
      Readable.from(
        (async function* () {
          yield* cut(GZIP.subarray(0, 2_000_000), 100_000);
          throw problem;
        })(),
        { objectMode: false },
      );
    await assert.rejects(plainOf(GZIP, { open: breaking }), problem);
    await assert.rejects(plainOf(GZIP, { open: () => Promise.reject(problem) }), problem);
  });

  it('lets go of a source that has stalled when it is aborted', async () => {
    const controller = new AbortController();
    const source = new Readable({ read: () => undefined });
    source.push(GZIP.subarray(0, 1_000_000));
    let isOpen = false;
    const open = async (): Promise<Readable> => {
      isOpen = true;
      return source;
    };
    const failed = assert.rejects(plainOf(GZIP, { open, signal: controller.signal }), /enough/);
    while (!isOpen) await setImmediate();
    const closed = once(source, 'close').catch(() => undefined);
    controller.abort(new Error('enough'));
    await failed;
    await closed;
    assert.ok(source.destroyed);
    assert.ok((await plainOf(GZIP)).equals(LARGE));
  });

  it('takes from the source only as fast as it is read', async () => {
    let given = 0;
    const open = async (): Promise<Readable> =>
      Readable.from(
        (function* () {
          for (const chunk of cut(LARGE, 100_000)) {
            given += chunk.length;
            yield chunk;
          }
        })(),
        { objectMode: false },
      );
    const pieces = decompressor.decompress(open, { size: LARGE.length, name: 'layer' });
    await pieces.next();
    let before = -1;
    for (let turns = 0; turns < 200 || before !== given; turns++) {
      before = given;
      await setImmediate();
    }
    assert.ok(given < LARGE.length, `${given}`);
    await pieces.return(undefined);
  });

  it('does not use a thread again that has ended by itself', async () => {
    await plainOf(GZIP);
    await Promise.all(threads().map((thread) => thread.terminate()));
    await plainOf(GZIP);
    assert.equal(running(threads()), 1);
  });

  it('ends its threads when it is closed', async () => {
    await plainOf(GZIP);
    await decompressor.close();
    assert.equal(running(threads()), 0);
  });
});

function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}
