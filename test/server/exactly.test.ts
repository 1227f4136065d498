import assert from 'node:assert/strict';
import { once } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import { type RegionStream, streamRegion } from '../../src/disk/region.js';
import { exactly, exactlyThrough, readsInto } from '../../src/server/exactly.js';
import { HeldMemory } from '../../src/server/held-memory.js';
import { randomBytesFrom } from '../support/images.js';
import { useFolder } from '../support/temporary.js';

const bytes = randomBytesFrom('exactly', 1_200_000);
const memory = new HeldMemory(1024 * 1024 * 1024);
const ways = {
  exactly,
  exactlyThrough: (source: RegionStream, bounds: Parameters<typeof exactly>[1]) =>
    exactlyThrough(source, bounds, memory),
};

for (const [way, read] of Object.entries(ways)) {
  describe(`${way}, of a file`, () => {
    const folder = useFolder();
    let file: string;
    beforeEach(async () => {
      file = folder('blob');
      await writeFile(file, bytes);
    });

    async function stream(offset = 0, size = bytes.length): Promise<RegionStream> {
      return streamRegion(await open(file), { path: file, offset, size }, { ownsHandle: true });
    }

    /** Collects the output; each chunk is copied before the next is read. */
    async function collect(source: RegionStream, size: number, endsEarly = false) {
      const received: Buffer[] = [];
      let error: unknown;
      try {
        for await (const chunk of read(source, { size, endsEarly })) received.push(Buffer.from(chunk));
      } catch (thrown) {
        error = thrown;
      }
      if (!source.destroyed) await once(source.destroy(), 'close');
      return { received: Buffer.concat(received), chunks: received.length, error };
    }

    it('passes on all that was announced', async () => {
      const { received, chunks, error } = await collect(await stream(), bytes.length);
      assert.equal(error, undefined);
      assert.ok(received.equals(bytes));
      assert.ok(chunks > 1);
    });

    it('stops where a range ends', async () => {
      const { received, error } = await collect(await stream(100), 600_000, true);
      assert.equal(error, undefined);
      assert.ok(received.equals(bytes.subarray(100, 600_100)));
    });

    it('leaves the client without some bytes when there are too many or too few', async () => {
      const tooMany = await collect(await stream(), 1_000_000);
      assert.match(String(tooMany.error), /longer than its size of 1000000 bytes/);
      assert.ok(tooMany.received.length < 1_000_000);
      const tooFew = await collect(await stream(0, 1_000_000), bytes.length);
      assert.match(String(tooFew.error), /ended 200000 bytes before its size of 1200000/);
      assert.ok(tooFew.received.length <= 1_000_000);
    });

    it('leaves the client without some bytes when the file became shorter', async () => {
      const source = await stream();
      await writeFile(file, bytes.subarray(0, 900_000));
      const { received, error } = await collect(source, bytes.length);
      assert.match(String(error), /ends at byte 900000/);
      assert.ok(received.length <= 900_000);
    });

    it('passes on nothing where nothing is announced', async () => {
      assert.deepEqual(await collect(await stream(5, 0), 0), {
        received: Buffer.alloc(0),
        chunks: 0,
        error: undefined,
      });
    });
  });
}

describe('exactlyThrough', () => {
  const folder = useFolder();

  it('needs one buffer for all chunks, as big as the content at most', async () => {
    const file = folder('blob');
    await writeFile(file, bytes);
    for (const size of [10, bytes.length]) {
      const source = streamRegion(await open(file), { path: file, offset: 0, size }, { ownsHandle: true });
      assert.ok(readsInto(source));
      const buffers = new Set<ArrayBufferLike>();
      for await (const chunk of exactlyThrough(source, { size, endsEarly: false }, memory))
        buffers.add(chunk.buffer);
      const sizes = [...buffers].map(({ byteLength }) => byteLength);
      assert.deepEqual(sizes, [Math.min(size, 262_144)]);
      await once(source.destroy(), 'close');
    }
  });
});
