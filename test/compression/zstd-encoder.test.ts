import assert from 'node:assert/strict';
import { Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import zlib from 'node:zlib';
import { ByteSource } from '../../src/compression/byte-source.js';
import type { Engine } from '../../src/compression/node-engine.js';
import { unzstd } from '../../src/compression/zstd.js';
import { wholeOutput, zstdFrame } from '../../src/compression/zstd-encoder.js';
import { randomBytesFrom } from '../support/images.js';
import { leaveOutAlways } from '../support/needs.js';

/** A source of `content` in chunks of a size. */
function inChunks(content: Buffer, size: number): ByteSource {
  function* chunks(): Generator<Buffer> {
    for (let start = 0; start < content.length; start += size) yield content.subarray(start, start + size);
  }
  return new ByteSource(Readable.from(chunks(), { objectMode: false }));
}

describe('zstdFrame', () => {
  // libzstd divides what it is given into jobs of 8 MiB; chunks may end within them.
  const content = randomBytesFrom('zstd', 20_000_000);

  for (const size of [65_536, 65_000, 1_000_003])
    it(`has all of what comes in chunks of ${size} bytes`, async function () {
      if (!('createZstdCompress' in zlib)) leaveOutAlways(this, 'Node.js 22.15');
      const frame = await buffer(Readable.from(zstdFrame(inChunks(content, size), 3)));
      const back = await buffer(Readable.from(unzstd(inChunks(frame, 100_000), 'a frame')));
      assert(back.equals(content), `${back.length} of ${content.length} bytes`);
    });
});

describe('wholeOutput', () => {
  it('is not that of an encoder that ends before the content', async () => {
    let pieces = 0;
    const hasty = Object.assign(
      new Transform({
        transform(chunk, _, done) {
          pieces += 1;
          this.push(pieces === 1 ? chunk : null);
          done();
        },
      }),
      { bytesWritten: 100 },
    ) as Engine;
    const output = buffer(Readable.from(wholeOutput(hasty, inChunks(randomBytesFrom('hasty', 1000), 100))));
    await assert.rejects(output, /ended before the content/);
  });
});
