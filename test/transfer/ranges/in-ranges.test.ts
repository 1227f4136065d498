import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { inRanges } from '../../../src/transfer/ranges/in-ranges.js';
import { alone, assertAllGivenBack, broken, carried, refused } from './carried.js';
import { FakeLine, LIMITS } from './fake-line.js';

describe('inRanges', () => {
  it('takes several connections where each is narrow, and a fraction of the time', async () => {
    const line = await carried();
    assert.deepEqual(line.reasons, ['narrow']);
    assert.ok(line.ms < alone(line) * 0.5, `${line.ms} of ${alone(line)} ms`);
    assert.ok(line.most.connections > 4, `${line.most.connections} connections`);
    // The first two connections had more in their buffers than was read.
    assert.ok(line.sent < line.content.byteLength + 2 * 64 * 1024 + LIMITS.pieceBytes, `${line.sent} bytes`);
  });

  for (const concurrency of [1, 2, 3, 8]) {
    it(`never has more connections than ${concurrency}, and no more ahead than the window`, async () => {
      const line = new FakeLine({ concurrency });
      const bytes = await line.pool.run(() => line.read(line.inRanges()));
      assert.ok(bytes.equals(line.content));
      assert.equal(line.most.connections, concurrency);
      assert.equal(line.reasons.includes('narrow'), concurrency > 1);
      const buffers = concurrency * 64 * 1024 + 1024 * 1024;
      assert.ok(line.most.ahead <= LIMITS.windowBytes + buffers, `${line.most.ahead} bytes`);
    });
  }

  it('goes on with one connection where the line as a whole is the limit, and is as fast', async () => {
    const line = await carried({ totalBytesPerMs: 10 * 1024 });
    assert.deepEqual(line.reasons, ['total', 'total']);
    assert.equal(line.most.connections, 2);
    assert.ok(line.ms < alone(line) * 1.1, `${line.ms} of ${alone(line)} ms`);
  });

  it('leaves a fast connection alone, and a reader that is slower than it', async () => {
    const fast = await carried({ bytesPerMs: 100 * 1024 });
    assert.deepEqual([fast.events, fast.opened.length], [[], 1]);
    const slow = new FakeLine();
    assert.ok((await slow.read(slow.inRanges(), { pauseMs: 5 })).equals(slow.content));
    assert.deepEqual([slow.events, slow.opened.length], [[], 1]);
  });

  it('passes chunks on as they come, so that their buffers can be used again', async () => {
    const line = new FakeLine();
    const chunks = Array.from({ length: 8 }, (_, place) =>
      line.content.subarray(place * 2 ** 18).subarray(0, 2 ** 18),
    );
    const { open } = inRanges(async () => Readable.from(chunks), line.descriptor, {
      line: line.line,
      registry: 'r',
    });
    const received: Buffer[] = [];
    for await (const chunk of (await open()) as AsyncIterable<Buffer>) {
      received.push(chunk);
      await new Promise(setImmediate); // more chunks wait meanwhile
    }
    assert.deepEqual(
      received.map(({ buffer, byteLength }) => [buffer === line.content.buffer, byteLength]),
      chunks.map(({ byteLength }) => [true, byteLength]),
    );
  });

  it('leaves small blobs alone, and the rest of one', async () => {
    const small = await carried({ size: LIMITS.minBytes - 1 });
    assert.equal(small.opened.length, 1);
    const line = new FakeLine();
    const start = line.content.byteLength - LIMITS.minBytes + 1;
    const rest = await line.read(line.inRanges(), { start });
    assert.ok(rest.equals(line.content.subarray(start)));
    assert.equal(line.opened.length, 1);
  });

  it('goes on from a byte, over several connections, too', async () => {
    const line = new FakeLine();
    const rest = await line.read(line.inRanges(), { start: 12_345 });
    assert.ok(rest.equals(line.content.subarray(12_345)));
    assert.deepEqual(line.reasons, ['narrow']);
    assert.deepEqual(line.opened[0], { start: 12_345, length: undefined, count: 1 });
  });

  it('gives its places to content that waits, and goes on with one connection', async () => {
    const line = new FakeLine({ concurrency: 4 });
    let finish = (): void => undefined;
    const others: Promise<void>[] = [];
    const reading = line.pool.run(() => line.read(line.inRanges()));
    while (line.reasons.length === 0) await new Promise(setImmediate);
    let started = 0;
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    for (let i = 0; i < 3; i++)
      others.push(
        line.pool.run(() => {
          started++;
          return held;
        }),
      );
    while (started < 3) await new Promise(setImmediate);
    assert.ok(line.ms < 200, `${line.ms} ms`);
    for (let i = 0; i < 100; i++) await new Promise(setImmediate);
    assert.equal(line.connections, 1);
    assert.equal(line.opened.at(-1)?.length, line.content.byteLength - (line.opened.at(-1)?.start ?? 0));
    finish();
    assert.ok((await reading).equals(line.content));
    await Promise.all(others);
  });

  it('shares the places between two large blobs', async () => {
    const line = new FakeLine();
    const reading = [line.inRanges(), line.inRanges()].map((open) => line.pool.run(() => open()));
    const bodies = await Promise.all(reading);
    const reads = bodies.map((body) => line.read(async () => body));
    for (const bytes of await Promise.all(reads)) assert.ok(bytes.equals(line.content));
    assert.ok(line.reasons.length >= 2 && line.reasons.every((reason) => reason === 'narrow'));
    assert.ok(line.most.connections <= 8, `${line.most.connections} connections`);
  });

  it('stops at once when it is told to', async () => {
    const line = new FakeLine();
    const abort = new AbortController();
    const reading = line.read(line.inRanges(), { signal: abort.signal });
    reading.catch(() => undefined);
    while (line.reasons.length === 0) await new Promise(setImmediate);
    abort.abort(new Error('enough'));
    await assert.rejects(reading, { message: 'enough' });
    assert.equal(line.connections, 0);
    await assertAllGivenBack(line);
  });

  it('stops at once after its first connection has ended, when all of them came later', async () => {
    const line = new FakeLine({ size: 4 * 1024 * 1024 });
    const abort = new AbortController();
    const reading = line.read(line.inRanges(), { signal: abort.signal });
    reading.catch(() => undefined);
    while (line.opened.length < 20) await new Promise(setImmediate);
    const { sent } = line;
    abort.abort(new Error('enough'));
    await assert.rejects(reading, { message: 'enough' });
    assert.ok(line.sent - sent < 2 * LIMITS.pieceBytes, `${line.sent - sent} bytes`);
    assert.equal(line.connections, 0);
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
    await assertAllGivenBack(line);
  });

  it('stops at once when its reader goes away', async () => {
    const other = new FakeLine();
    const body = await other.inRanges()();
    body.resume();
    while (other.reasons.length === 0) await other.tick();
    body.destroy();
    await other.tick();
    assert.equal(other.connections, 0);
    await assertAllGivenBack(other);
  });
});

describe('inRanges, for a part', () => {
  it('does not ask a registry that has refused one, and comes over one connection there', async () => {
    const line = new FakeLine({ faultOf: ({ length }) => (length ? { refuse: refused() } : undefined) });
    const part = { start: line.content.byteLength - 4, length: 4 };
    for (const { open } of [line.ranged(), line.ranged()]) await assert.rejects(open(part));
    assert.equal(line.opened.length, 1);
    assert.ok((await line.read(line.inRanges())).equals(line.content));
    assert.deepEqual([line.events, line.opened.length], [[], 2]);
  });

  it('asks again after a failure that says nothing of ranges, or a part that was not needed any more', async () => {
    const refuse = broken();
    const line = new FakeLine({ faultOf: ({ count }) => (count === 1 ? { refuse } : undefined) });
    const { open } = line.ranged();
    const part = { start: 8, length: 4 };
    await assert.rejects(open(part), refuse);
    await assert.rejects(open({ ...part, signal: AbortSignal.abort(new Error('enough')) }));
    const bytes = await line.read(() => open(part));
    assert.ok(bytes.equals(line.content.subarray(8, 12)));
  });

  it('takes nothing from what is known about the blob', async () => {
    const line = new FakeLine({ faultOf: ({ count }) => (count === 6 ? { damage: true } : undefined) });
    const { open, distrust } = line.ranged();
    let isAsked = false;
    const bytes = await line.read(async (options) => {
      const body = await open(options);
      if (!isAsked) (await open({ start: 8, length: 4 })).destroy();
      isAsked = true;
      return body;
    });
    assert.ok(!bytes.equals(line.content));
    distrust();
    assert.deepEqual(line.reasons, ['narrow', 'damaged']);
  });
});
