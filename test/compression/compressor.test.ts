import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { type CompressOptions, Compressor, decompressed } from '../../src/compression/compression.js';
import { BLOCK_BYTES } from '../../src/compression/deflate.js';
import { endThread } from '../../src/threads.js';
import { leaveOut } from '../support/needs.js';
import { running, useThreads } from '../support/threads.js';

const LARGE = textOf(3 * BLOCK_BYTES + 12_345);
const SMALL = LARGE.subarray(0, 1000);
/** The versions of zlib in Node.js 20 and 22, and in 24. */
const SAME_ZLIBS: unknown[] = ['1.3.1-e00f703', '1.3.2.1-motley-8002e91'];
const HEADER_LENGTH = 10;
const TRAILER_LENGTH = 8;

/** Returns the bytes in chunks of this size. */
const opener =
  (bytes: Buffer, chunkSize = 100_000) =>
  async (): Promise<Readable> =>
    Readable.from(cut(bytes, chunkSize), { objectMode: false });

/** Compresses with new threads. */
async function gzip(bytes: Buffer, options?: CompressOptions, open = opener(bytes)): Promise<Buffer> {
  const compressor = new Compressor(options);
  try {
    return await buffer(await compressor.compress(open));
  } finally {
    await compressor.close();
  }
}

describe('Compressor', () => {
  const threads = useThreads();
  let compressor: Compressor;
  beforeEach(() => {
    compressor = new Compressor({ threads: 2 });
  });
  afterEach(() => compressor.close());

  const compress = async (bytes: Buffer): Promise<Buffer> => buffer(await compressor.compress(opener(bytes)));

  it('makes gzip that holds the content, of no bytes, of many and at the borders of blocks', async () => {
    for (const size of [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, LARGE.length]) {
      const content = LARGE.subarray(0, size);
      assert(gunzipSync(await gzip(content, { threads: 2 })).equals(content), `${size} bytes`);
    }
  });

  it('makes a single member, which tells nothing about when, where and of what it was made', async () => {
    const bytes = await gzip(LARGE, { threads: 2 });
    assert.equal(bytes.subarray(0, HEADER_LENGTH).toString('hex'), '1f8b08000000000000ff');
    const deflated = bytes.subarray(HEADER_LENGTH);
    const consumed = engineOf(inflateRawSync(deflated, { info: true })).bytesWritten;
    assert.equal(consumed, deflated.length - TRAILER_LENGTH);
  });

  it('makes what lading reads', async () => {
    const bytes = await gzip(LARGE, { threads: 2 });
    assert((await buffer(await decompressed(opener(bytes)))).equals(LARGE));
  });

  it('makes the same bytes at every number of threads, however the content comes', async () => {
    const expected = await gzip(LARGE, { threads: 1 });
    assert((await gzip(LARGE, { threads: 3 })).equals(expected));
    for (const chunkSize of [7_777, BLOCK_BYTES]) {
      const bytes = await gzip(LARGE, { threads: 2 }, opener(LARGE, chunkSize));
      assert(bytes.equals(expected), `${chunkSize}`);
    }
  });

  it('makes the same bytes as it ever did, as long as zlib does', async function () {
    if (!SAME_ZLIBS.includes(process.versions.zlib)) leaveOut(this, `zlib ${SAME_ZLIBS.join(' or ')}`);
    const bytes = await gzip(LARGE);
    assert.equal(
      createHash('sha256').update(bytes).digest('hex'),
      '967f13dc8ee7c95a1ed18f08824bd807694199b04b9cc7a9a2bae452a5fe08a0',
    );
  });

  it('finds again in a block what stood at the end of the one before', async () => {
    const noise = randomBytes(16 * 1024);
    const content = Buffer.concat([Buffer.alloc(BLOCK_BYTES - noise.length), noise, noise]);
    assert((await gzip(content)).length < 1.2 * noise.length);
  });

  it('makes content that cannot be compressed hardly larger', async () => {
    const noise = randomBytes(3 * BLOCK_BYTES);
    const bytes = await gzip(noise, { threads: 2 });
    assert(gunzipSync(bytes).equals(noise));
    assert(bytes.length < 1.002 * noise.length, `${bytes.length}`);
  });

  it('makes larger or smaller gzip as the level says', async () => {
    const sizes = [];
    for (const level of [1, 3, 6]) {
      const bytes = await gzip(LARGE, { level, threads: 2 });
      assert(gunzipSync(bytes).equals(LARGE));
      sizes.push(bytes.length);
    }
    assert.deepEqual(
      sizes.toSorted((a, b) => b - a),
      sizes,
    );
    assert.equal(new Set(sizes).size, 3);
  });

  it('starts no thread for small content and as many as it is told for large', async () => {
    await gzip(LARGE.subarray(0, 2 * BLOCK_BYTES), { threads: 3 });
    assert.equal(threads().length, 0);
    await gzip(LARGE, { threads: 3 });
    assert.equal(threads().length, 3);
  });

  it('takes from the source only as fast as it is read', async () => {
    let given = 0;
    const source = Readable.from(
      (function* () {
        for (; given < 64 * BLOCK_BYTES; given += BLOCK_BYTES) yield randomBytes(BLOCK_BYTES);
      })(),
      { objectMode: false },
    );
    const stream = await compressor.compress(async () => source);
    stream.read(0);
    await once(stream, 'readable');
    let before = -1;
    for (let turns = 0; turns < 200 || before !== given; turns++) {
      before = given;
      await setImmediate();
    }
    assert(given <= 12 * BLOCK_BYTES, `${given / BLOCK_BYTES} blocks`);
    stream.destroy();
    await once(stream, 'close');
    assert(source.destroyed);
  });

  describe('passes on', () => {
    it('that the source cannot be opened', async () => {
      const problem = new Error('no such layer');
      await assert.rejects(
        compressor.compress(() => Promise.reject(problem)),
        problem,
      );
    });

    for (const [size, when] of [
      [1000, 'before there are threads'],
      [LARGE.length, 'when there are threads'],
    ] as const) {
      it(`the source's own error, ${when}`, async () => {
        const problem = new Error('the medium is damaged');
        const source = Readable.from(
          (async function* () {
            yield* cut(LARGE.subarray(0, size), 100_000);
            throw problem;
          })(),
          { objectMode: false },
        );
        const stream = await compressor.compress(async () => source);
        const closed = once(stream, 'close').catch((error) => assert.equal(error, problem));
        await assert.rejects(buffer(stream), problem);
        await closed;
      });
    }

    it('that a thread has ended', async () => {
      const source = new Readable({ read: () => undefined });
      source.push(LARGE);
      const failed = assert.rejects(buffer(await compressor.compress(async () => source)), /has ended/);
      while (threads().length === 0) await setImmediate();
      await Promise.all(threads().map(endThread));
      source.push(LARGE);
      source.push(null);
      await failed;
    });
  });

  describe('lets go of a source that has stalled, and compresses on', () => {
    const stalled = async (signal?: AbortSignal): Promise<{ source: Readable; stream: Readable }> => {
      const source = new Readable({ read: () => undefined });
      for (const chunk of cut(LARGE, BLOCK_BYTES)) source.push(chunk);
      const stream = await compressor.compress(async () => source, { signal });
      while (threads().length === 0) {
        stream.read();
        await setImmediate();
      }
      return { source, stream };
    };

    it('when its stream is aborted', async () => {
      const controller = new AbortController();
      const { source, stream } = await stalled(controller.signal);
      const failed = once(stream, 'error');
      controller.abort();
      const [error] = await failed;
      assert.equal(error.name, 'AbortError');
      if (!stream.closed) await once(stream, 'close');
      assert(source.destroyed);
      assert(gunzipSync(await compress(LARGE)).equals(LARGE));
    });

    it('when its stream is destroyed', async () => {
      const { source, stream } = await stalled();
      stream.destroy();
      await once(stream, 'close');
      assert(source.destroyed);
      assert(gunzipSync(await compress(LARGE)).equals(LARGE));
    });
  });

  it('does not begin when it was aborted before', async () => {
    const signal = AbortSignal.abort();
    await assert.rejects(
      compressor.compress(() => assert.fail('opened'), { signal }),
      { name: 'AbortError' },
    );
  });

  it('makes many streams at once with one set of threads, each as if it were alone', async () => {
    const contents = [LARGE, SMALL, LARGE.subarray(77), Buffer.alloc(0), LARGE.subarray(0, 3 * BLOCK_BYTES)];
    const together = await Promise.all(contents.map(compress));
    assert.equal(threads().length, 2);
    for (const [i, content] of contents.entries()) {
      assert(gunzipSync(together[i] ?? SMALL).equals(content));
      assert((await gzip(content, { threads: 1 })).equals(together[i] ?? SMALL), `content ${i}`);
    }
  });

  it('compresses on while a stream is not read', async () => {
    const unread = await Promise.all(Array.from({ length: 4 }, () => compressor.compress(opener(LARGE))));
    for (const stream of unread) stream.read(0);
    assert(gunzipSync(await compress(LARGE)).equals(LARGE));
    for (const stream of unread) stream.destroy();
  });

  it('compresses on after a stream has failed', async () => {
    const source = Readable.from(
      (async function* () {
        yield LARGE;
        throw new Error('the medium is damaged');
      })(),
    );
    await assert.rejects(buffer(await compressor.compress(async () => source)), /damaged/);
    assert(gunzipSync(await compress(LARGE)).equals(LARGE));
  });

  it('ends its threads when it is closed, and streams that have not ended fail', async () => {
    const source = new Readable({ read: () => undefined });
    source.push(LARGE);
    const reading = buffer(await compressor.compress(async () => source));
    const failed = assert.rejects(reading, /closed|ended/);
    while (threads().length === 0) await setImmediate();
    await compressor.close();
    source.push(LARGE);
    source.push(null);
    await failed;
    assert.equal(running(threads()), 0);
    await assert.rejects(compress(SMALL), /closed/);
  });
});

function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** Returns content that compresses like text, and is always the same. */
function textOf(length: number): Buffer {
  const words = Array.from({ length: 4096 }, (_, i) => createHash('md5').update(`${i}`).digest('base64url'));
  let text = '';
  for (let state = 1; text.length < length; state = (state * 48_271) % 0x7fffffff) {
    text += words[state % words.length]?.slice(0, 3 + (state % 9));
    text += state % 11 === 0 ? '\n' : ' ';
  }
  return Buffer.from(text.slice(0, length));
}

/** The result of inflating with `info`; its types have only the bytes. */
function engineOf(result: unknown): { bytesWritten: number } {
  assert(typeof result === 'object' && result !== null && 'engine' in result);
  const { engine } = result;
  assert(typeof engine === 'object' && engine !== null && 'bytesWritten' in engine);
  assert(typeof engine.bytesWritten === 'number');
  return { bytesWritten: engine.bytesWritten };
}
