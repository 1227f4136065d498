import assert from 'node:assert/strict';
import { RegistryError } from '../../../src/errors.js';
import { FakeLine, type FakeLineOptions } from './fake-line.js';

export const broken = (): Error => new RegistryError('CUT_SHORT', 'broken');
export const refused = (): Error => new RegistryError('REGISTRY', 'no ranges');

/** How many milliseconds a blob takes over one connection. */
export const alone = (line: FakeLine): number => line.content.byteLength / (10 * 1024);

/** Reads a whole blob, which has to be right, and returns the line that it came over. */
export async function carried(options?: FakeLineOptions): Promise<FakeLine> {
  const line = new FakeLine(options);
  const open = line.inRanges();
  let bytes = Buffer.alloc(0);
  // At the end, there may be no other connection that could finish what one has left; then the reader asks again.
  for (let attempt = 1; bytes.byteLength < line.content.byteLength; attempt++) {
    assert.ok(attempt <= 2);
    const part = await line.read(open, { start: bytes.byteLength }).catch((error) => error.before);
    bytes = Buffer.concat([bytes, part]);
  }
  assert.ok(bytes.equals(line.content));
  await assertAllGivenBack(line);
  return line;
}

/** No connection and no place is left, and the window is as large as before. */
export async function assertAllGivenBack({ line, pool, ...fake }: FakeLine): Promise<void> {
  await new Promise(setImmediate);
  assert.deepEqual([line.connections, line.blobs, line.isTrying], [0, 0, false]);
  assert.ok(line.takeWindow(line.limits.windowBytes), 'the window is not given back');
  assert.equal(line.takeWindow(1), false);
  const places = Array.from({ length: pool.concurrency + 1 }, () => pool.takeFree());
  assert.equal(places.filter((place) => place !== undefined).length, pool.concurrency);
  assert.ok(fake.descriptor);
}
