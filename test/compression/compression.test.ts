import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import {
  type DecompressOptions,
  decompressed,
  detectCompression,
} from '../../src/compression/compression.js';
import { xz } from '../support/xz.js';

const A = Buffer.from('first first first first');
const B = Buffer.from('second');
const BOTH = Buffer.concat([A, B]);

// Output of `zstd -c` 1.5.4: a frame of ten times "hello ", and one of fifty times "world".
const ZSTD_HELLO = Buffer.from('28b52ffd04586500003068656c6c6f200100cb598a8168c7f0', 'hex');
const ZSTD_WORLD = Buffer.from('28b52ffd045865000028776f726c6401007250450b4b9c57b1', 'hex');
const HELLO = 'hello '.repeat(10);
const WORLD = 'world'.repeat(50);
const SKIPPABLE = Buffer.concat([Buffer.from('522a4d1807000000', 'hex'), Buffer.from('skipped')]);
const EMPTY_SKIPPABLE = Buffer.from('502a4d1800000000', 'hex');

const opener =
  (...chunks: Buffer[]) =>
  async (): Promise<Readable> =>
    Readable.from(chunks, { objectMode: false });

async function all(chunks: Buffer[], options?: DecompressOptions): Promise<Buffer> {
  return buffer(await decompressed(opener(...chunks), options));
}

function cutAt(bytes: Buffer, at: number): Buffer[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

/** Checks that the result is the same for any split of the input in two, for one chunk, and for single bytes. */
async function forEveryCut(bytes: Buffer, check: (chunks: Buffer[]) => Promise<void>): Promise<void> {
  for (let at = 0; at <= bytes.length; at += 1) await check(cutAt(bytes, at));
  await check(Array.from(bytes, (byte) => Buffer.of(byte)));
}

const INVALID = { code: 'INVALID_ARCHIVE' };

describe('detectCompression', () => {
  it('tells the format by the first bytes', () => {
    assert.equal(detectCompression(gzipSync(A)), 'gzip');
    assert.equal(detectCompression(ZSTD_HELLO), 'zstd');
    assert.equal(detectCompression(SKIPPABLE), 'zstd');
    assert.equal(detectCompression(Buffer.from('BZh91AY&SY')), 'bzip2');
    assert.equal(detectCompression(Buffer.from('fd377a585a0000', 'hex')), 'xz');
    for (const plain of ['', '\x1f', 'P*M', '`*M\x18', '{"a":1}', 'oci-layout']) {
      assert.equal(detectCompression(Buffer.from(plain, 'latin1')), 'none', plain);
    }
  });
});

describe('decompressed', () => {
  it('passes plain bytes on, even none', async () => {
    assert((await all([A])).equals(A));
    assert.equal((await all([])).length, 0);
    assert.equal((await all([Buffer.of(0x1f)])).length, 1);
  });

  it('refuses bzip2 by name', async () => {
    await assert.rejects(all([Buffer.from('BZh91AY')]), { code: 'UNSUPPORTED', message: /bzip2/ });
  });

  describe('xz', () => {
    const LONG = Buffer.concat([A, Buffer.alloc(200_000, 7)]);

    it('gives the content of one stream and of several, however the input is cut', async () => {
      assert((await all([xz(LONG)])).equals(LONG));
      await forEveryCut(Buffer.concat([xz(A), xz(B)]), async (chunks) =>
        assert((await all(chunks)).equals(BOTH)),
      );
    });

    it('fails where the input ends early, at every byte', async () => {
      const whole = xz(A);
      for (let length = 6; length < whole.length; length++)
        await assert.rejects(all([whole.subarray(0, length)]), INVALID, `${length} bytes`);
    });

    it('fails on other content, by the checksum, and on what follows the end', async () => {
      const damaged = Buffer.from(xz(A));
      damaged.writeUInt8((damaged[30] ?? 0) ^ 1, 30);
      await assert.rejects(all([damaged]), INVALID);
      await assert.rejects(all([xz(A), Buffer.from('more')]), INVALID);
    });

    it('refuses a check that it does not know, since the content could not be checked', async () => {
      const flags = Buffer.from([0x00, 0x0a]); // SHA-256
      const sum = Buffer.alloc(4);
      sum.writeUInt32LE(crc32(flags));
      const other = Buffer.concat([xz(A).subarray(0, 6), flags, sum, xz(A).subarray(12)]);
      await assert.rejects(all([other]), {
        code: 'UNSUPPORTED',
        message: /a filter or a check/,
        hint: /xz -d/,
      });
    });
  });

  describe('gzip', () => {
    it('gives the content of one member, however the input is cut', () =>
      forEveryCut(gzipSync(A), async (chunks) => assert((await all(chunks)).equals(A))));

    it('gives the content of all members, however the input is cut', () =>
      forEveryCut(Buffer.concat([gzipSync(A), gzipSync(B)]), async (chunks) =>
        assert((await all(chunks)).equals(BOTH)),
      ));

    it('gives the content of many members, some of them empty or large', async () => {
      const large = randomBytes(700_000);
      const parts = [A, Buffer.alloc(0), large, B, Buffer.alloc(0)];
      const compressed = Buffer.concat(parts.map((part) => gzipSync(part)));
      for (const size of [1000, 65536, 1_000_000]) {
        const chunks: Buffer[] = [];
        for (let at = 0; at < compressed.length; at += size) chunks.push(compressed.subarray(at, at + size));
        assert((await all(chunks)).equals(Buffer.concat(parts)));
      }
    });

    it('passes over zeros after the end, however the input is cut', () =>
      forEveryCut(Buffer.concat([gzipSync(A), Buffer.alloc(20)]), async (chunks) =>
        assert((await all(chunks)).equals(A)),
      ));

    it('refuses anything else after the end, however the input is cut', () =>
      forEveryCut(Buffer.concat([gzipSync(A), Buffer.from('garbage')]), (chunks) =>
        assert.rejects(all(chunks), INVALID),
      ));

    it('refuses a member after zeros, which node:zlib would leave out', () =>
      forEveryCut(Buffer.concat([gzipSync(A), Buffer.alloc(5), gzipSync(B)]), (chunks) =>
        assert.rejects(all(chunks), INVALID),
      ));

    it('refuses a stream that is cut short at any byte, of one member or in the second', async () => {
      const one = gzipSync(A);
      const two = Buffer.concat([one, gzipSync(B)]);
      for (let length = 3; length < two.length; length += 1) {
        if (length !== one.length)
          await assert.rejects(all([two.subarray(0, length)]), INVALID, `${length} bytes`);
      }
    });

    it('refuses damage in header, body and checksum', async () => {
      const good = gzipSync(randomBytes(5000));
      for (const at of [3, 20, 2000, good.length - 8, good.length - 1]) {
        const damaged = Buffer.from(good);
        damaged.writeUInt8(damaged.readUInt8(at) ^ 0xff, at);
        await assert.rejects(all([damaged]), { ...INVALID, message: /gzip/ }, `byte ${at}`);
      }
    });

    it('gives large content unchanged', async () => {
      const content = Buffer.concat([
        randomBytes(1_000_000),
        Buffer.alloc(5_000_000, 'abc'),
        randomBytes(300_000),
      ]);
      assert((await all([gzipSync(content, { level: 1 })])).equals(content));
    });

    it('gives content whose size is that of an output buffer, or one off', async () => {
      for (const size of [256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 512 * 1024]) {
        const content = Buffer.alloc(size, 7);
        assert((await all([gzipSync(content)])).equals(content), `${size}`);
      }
    });

    it('opens a source of many members a second time, and lets go of both', async () => {
      const sources: Readable[] = [];
      const compressed = Buffer.concat([gzipSync(A), gzipSync(B)]);
      const stream = await decompressed(async () => {
        const source = Readable.from([compressed], { objectMode: false });
        sources.push(source);
        return source;
      });
      assert((await buffer(stream)).equals(BOTH));
      assert(sources.length <= 2);
      assert(sources.every((source) => source.destroyed));
    });
  });

  describe('zstd', () => {
    const cases: [string, Buffer[], string][] = [
      ['one frame', [ZSTD_HELLO], HELLO],
      ['two frames', [ZSTD_HELLO, ZSTD_WORLD], HELLO + WORLD],
      [
        'skippable frames anywhere',
        [SKIPPABLE, ZSTD_HELLO, EMPTY_SKIPPABLE, ZSTD_WORLD, SKIPPABLE],
        HELLO + WORLD,
      ],
    ];
    for (const [what, frames, content] of cases) {
      it(`gives the content of ${what}, however the input is cut`, () =>
        forEveryCut(Buffer.concat(frames), async (chunks) =>
          assert.equal((await all(chunks)).toString(), content),
        ));
    }

    it('refuses a stream that is cut short at any byte', async () => {
      const whole = Buffer.concat([ZSTD_HELLO, SKIPPABLE, ZSTD_WORLD]);
      const ends = [ZSTD_HELLO.length, ZSTD_HELLO.length + SKIPPABLE.length];
      for (let length = 4; length < whole.length; length += 1) {
        if (!ends.includes(length))
          await assert.rejects(all([whole.subarray(0, length)]), INVALID, `${length} bytes`);
      }
    });

    it('refuses what follows the last frame, zeros too', async () => {
      for (const rest of [Buffer.alloc(40), Buffer.from('garbage')]) {
        await assert.rejects(all([ZSTD_HELLO, rest]), INVALID);
      }
    });

    it('refuses blocks that are not valid', async () => {
      const reserved = Buffer.from('28b52ffd00580700004142', 'hex');
      const tooLarge = Buffer.from('28b52ffd00580100a041', 'hex');
      const nonsense = Buffer.from('28b52ffd0058450000ffffffffffffffff', 'hex');
      for (const frame of [reserved, tooLarge, nonsense]) await assert.rejects(all([frame]), INVALID);
    });

    it('refuses a window of more than 128 MiB, and a dictionary, without allotting anything', async () => {
      const window256MiB = Buffer.from('28b52ffd0090010000', 'hex');
      const segment4GiB = Buffer.from('28b52ffda0ffffffff010000', 'hex');
      const dictionary = Buffer.from('28b52ffd015807010000', 'hex');
      for (const frame of [window256MiB, segment4GiB, dictionary]) {
        await assert.rejects(all([ZSTD_HELLO, frame]), { code: 'UNSUPPORTED' });
      }
    });
  });

  describe('limits', () => {
    const zeros = gzipSync(Buffer.alloc(20_000_000));

    it('stops at maxBytes, and not before', async () => {
      assert.equal((await all([gzipSync(A)], { limits: { maxBytes: A.length } })).length, A.length);
      await assert.rejects(all([gzipSync(A)], { name: 'sha256:abc', limits: { maxBytes: A.length - 1 } }), {
        code: 'TOO_LARGE',
        message: /^sha256:abc expands to more than/,
        remedy: 'maxLayerBytes',
      });
    });

    it('stops at maxRatio, which plain gzip never reaches by default', async () => {
      assert.equal((await all([zeros])).length, 20_000_000);
      await assert.rejects(all([zeros], { limits: { maxRatio: 100 } }), {
        code: 'TOO_LARGE',
        hint: /raise the limit\.$/,
        remedy: 'maxRatio',
      });
    });

    it('stops a zstd bomb of run-length blocks by the default ratio', async () => {
      const block = Buffer.from('02001000', 'hex'); // 128 KiB of zeros in four bytes
      const bomb = Buffer.concat([
        Buffer.from('28b52ffd0058', 'hex'),
        ...Array<Buffer>(1000).fill(block),
        Buffer.from('010000', 'hex'),
      ]);
      await assert.rejects(all([bomb]), { code: 'TOO_LARGE' });
    });

    it('takes from the source only as fast as it is read', async () => {
      let opened = 0;
      const chunk = randomBytes(1 << 20);
      const stored = deflateRawSync(chunk, { level: 0 });
      // A member whose blocks are not final, so that it does not end before its source.
      const endless = Buffer.concat([Buffer.from('1f8b0800000000000003', 'hex'), unfinished(stored)]);
      const stream = await decompressed(async () =>
        Readable.from(
          (async function* () {
            for (;;) {
              opened += 1;
              yield opened === 1 ? endless : unfinished(stored);
            }
          })(),
          { objectMode: false, highWaterMark: 1 },
        ),
      );
      await new Promise((resolve) => stream.once('readable', resolve));
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
      assert(opened < 10, `${opened} chunks were taken`);
      stream.destroy();
    });
  });

  describe('errors and ends', () => {
    it("passes the source's own error on", async () => {
      const failure = new Error('the line broke');
      const compressed = gzipSync(randomBytes(100_000));
      const open = async (): Promise<Readable> =>
        Readable.from(
          (async function* () {
            yield compressed.subarray(0, 50_000);
            throw failure;
          })(),
          { objectMode: false },
        );
      await assert.rejects(buffer(await decompressed(open)), failure);
      await assert.rejects(
        decompressed(() => Promise.reject(failure)),
        failure,
      );
    });

    it('stops at an aborted signal and lets go of a source that has stalled', async () => {
      const controller = new AbortController();
      const source = new Readable({ read() {} });
      source.push(gzipSync(A).subarray(0, 20));
      const stream = await decompressed(async () => source, { signal: controller.signal });
      const done = buffer(stream);
      controller.abort();
      await assert.rejects(done, { name: 'AbortError' });
      assert(source.destroyed);
      await assert.rejects(decompressed(opener(A), { signal: controller.signal }), { name: 'AbortError' });
    });

    it('lets go of a stalled source when its stream is destroyed', async () => {
      const source = new Readable({ read() {} });
      source.push(gzipSync(A).subarray(0, 20));
      const stream = await decompressed(async () => source);
      stream.resume();
      await setImmediate();
      stream.destroy();
      await new Promise((resolve) => stream.once('close', resolve));
      assert(source.destroyed);
    });
  });
});

/** Returns stored blocks, the last of which is not marked as final, so that more can follow. */
function unfinished(stored: Buffer): Buffer {
  const blocks = Buffer.from(stored);
  for (let at = 0; at < blocks.length; ) {
    blocks.writeUInt8(blocks.readUInt8(at) & 0xfe, at);
    at += 5 + blocks.readUInt16LE(at + 1);
  }
  return blocks;
}
