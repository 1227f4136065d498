import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { expectedSize } from '../../src/compression/expected-size.js';

const PLAIN = Buffer.alloc(300_000, 'many words ');

/** What is expected of these bytes, of which only the ends are seen. */
async function expectedOf(bytes: Buffer, size = bytes.length): Promise<number | undefined> {
  const readEnd = async (length: number): Promise<Buffer> => bytes.subarray(-length);
  return expectedSize({ size, start: bytes.subarray(0, 18), readEnd });
}

describe('the expected size of plain content', () => {
  it('is what the end of gzip states', async () => {
    assert.equal(await expectedOf(gzipSync(PLAIN)), PLAIN.length);
  });

  it('is the size of what is not compressed', async () => {
    assert.equal(await expectedOf(PLAIN), PLAIN.length);
  });

  it('is unknown where the last of several members is empty, as in eStargz and bgzip', async () => {
    assert.equal(await expectedOf(Buffer.concat([gzipSync(PLAIN), gzipSync(Buffer.alloc(0))])), undefined);
  });

  it('is unknown where zeros follow the last member', async () => {
    assert.equal(await expectedOf(Buffer.concat([gzipSync(PLAIN), Buffer.alloc(512)])), undefined);
  });

  it('is unknown where content beyond 4 GiB leaves less than its compressed size', async () => {
    const bytes = gzipSync(PLAIN);
    assert.equal(await expectedOf(bytes, PLAIN.length + 10_000), undefined);
  });

  it('is unknown where the end cannot be read', async () => {
    const bytes = gzipSync(PLAIN);
    const readEnd = async (): Promise<undefined> => undefined;
    assert.equal(await expectedSize({ size: bytes.length, start: bytes, readEnd }), undefined);
  });

  it('is what the first frame of zstd states, in a field of any length', async () => {
    // RFC 8878, 3.1.1.1: magic number, descriptor, window, content size.
    for (const [header, size] of [
      ['28b52ffd20fa', 250],
      ['28b52ffd6000ff', 0xff00 + 256],
      ['28b52ffda078563412', 0x12345678],
      ['28b52ffdc4580100000002000000', 2 * 2 ** 32 + 1],
    ] as const)
      assert.equal(await expectedOf(Buffer.from(header, 'hex')), size, header);
    // Without such a field, cut short, and with a skippable frame in front.
    for (const header of ['28b52ffd0458', '28b52ffda07856', '502a4d180000000028b52ffd20fa'])
      assert.equal(await expectedOf(Buffer.from(header, 'hex')), undefined, header);
  });
});
