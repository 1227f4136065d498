import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { digestOf } from '../../../src/content/digest.js';
import { writeHashed } from '../../../src/store/archive/write-hashed.js';
import { type FileSink, openFileSink } from '../../../src/store/disk.js';
import { useFolder } from '../../support/temporary.js';

const CONTENT = randomBytes(5_000_001);

function piecesOf(sizes: readonly number[]): Readable {
  const pieces: Buffer[] = [];
  for (let start = 0, turn = 0; start < CONTENT.byteLength; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(CONTENT.subarray(start, start + size));
    start += size;
  }
  return Readable.from(pieces, { objectMode: false });
}

describe('writeHashed', () => {
  const path = useFolder();
  let file: FileSink;

  beforeEach(async () => {
    file = await openFileSink(path('file'));
  });
  afterEach(() => file.close());

  for (const [how, sizes, expected] of [
    ['pieces smaller than a chunk', [70_000, 1], 0],
    ['pieces that fill chunks', [1024 * 1024], 0],
    ['pieces larger than chunks, hashed in a thread', [3_000_000, 5], 64 * 1024 * 1024],
  ] as const) {
    it(`writes ${how}, from the position on`, async () => {
      assert.deepEqual(await writeHashed(piecesOf(sizes), file, 7, expected), {
        digest: digestOf(CONTENT),
        size: CONTENT.byteLength,
      });
      assert.ok((await readFile(file.path)).subarray(7).equals(CONTENT));
    });
  }

  it('tells the digest of nothing', async () => {
    assert.deepEqual(await writeHashed(Readable.from([], { objectMode: false }), file, 0, 0), {
      digest: digestOf(Buffer.alloc(0)),
      size: 0,
    });
  });

  it('fails as the source does, with nothing left to be written', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield CONTENT.subarray(0, 2_000_000);
      throw new Error('the source broke');
    }
    await assert.rejects(
      writeHashed(Readable.from(broken(), { objectMode: false }), file, 0, 64 * 1024 * 1024),
      /the source broke/,
    );
    const size = await file.size();
    await new Promise(setImmediate);
    assert.equal(await file.size(), size);
  });

  it('fails as the disk does', async () => {
    const failing: FileSink = { ...file, write: () => Promise.reject(new Error('the disk broke')) };
    await assert.rejects(writeHashed(piecesOf([100_000]), failing, 0, 64 * 1024 * 1024), /the disk broke/);
  });
});
