import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { CHUNK_BYTES } from '../../src/content/chunks.js';
import { writeGathered } from '../../src/store/write-gathered.js';
import { randomBytesFrom } from '../support/images.js';

const SIZE = 3 * CHUNK_BYTES + 17;
const PIECE = 64 * 1024;

describe('chunks that are gathered', () => {
  const bytes = randomBytesFrom('gathered', SIZE);

  /** The content up to `end`; then it breaks off, unless that was all. */
  async function* upTo(end: number): AsyncGenerator<Buffer> {
    for (let place = 0; place < end; place += PIECE)
      yield bytes.subarray(place, Math.min(end, place + PIECE));
    if (end < SIZE) throw new Error('broken off');
  }

  for (const ahead of [false, true]) {
    describe(ahead ? 'while others are written' : 'and written in turn', () => {
      it('are written in batches, in their order and one at a time', async () => {
        const batches: Buffer[] = [];
        let running = 0;
        const write = async (batch: Buffer[], length: number): Promise<void> => {
          running += 1;
          assert.equal(running, 1);
          await turn();
          batches.push(Buffer.concat(batch));
          assert.equal(batches.at(-1)?.byteLength, length);
          running -= 1;
        };
        await writeGathered(upTo(SIZE), write, { ahead });
        assert.deepEqual(
          batches.map(({ byteLength }) => byteLength),
          [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 17],
        );
        assert.ok(Buffer.concat(batches).equals(bytes));
      });

      it('are written as far as they came where they break off, and where one of them is refused', async () => {
        const end = CHUNK_BYTES + PIECE;
        for (const { chunks, limit } of [
          { chunks: upTo(end), limit: SIZE },
          { chunks: upTo(SIZE), limit: end },
        ]) {
          const written: Buffer[] = [];
          let seen = 0;
          const onChunk = ({ byteLength }: Buffer): void => {
            if (seen + byteLength > limit) throw new Error('broken off');
            seen += byteLength;
          };
          const write = async (batch: Buffer[]): Promise<void> => void written.push(...batch);
          await assert.rejects(writeGathered(chunks, write, { ahead, onChunk }), /broken off/);
          assert.ok(Buffer.concat(written).equals(bytes.subarray(0, end)));
        }
      });

      it('are not written behind a batch that failed', async () => {
        let writes = 0;
        const write = async (): Promise<void> => {
          writes += 1;
          await turn();
          if (writes === 2) throw new Error('the disk is full');
        };
        await assert.rejects(writeGathered(upTo(SIZE), write, { ahead }), /the disk is full/);
        assert.equal(writes, 2);
      });
    });
  }
});
