import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { isLadingError, RegistryError } from '../../../src/errors.js';
import { inRanges } from '../../../src/transfer/ranges/in-ranges.js';
import { FakeLine, type FakeLineOptions, LIMITS } from './fake-line.js';

const broken = (): Error => new RegistryError('CUT_SHORT', 'broken');
const refused = (): Error => new RegistryError('REGISTRY', 'no ranges');
const denied = (): Error => new RegistryError('DENIED', 'expired', { status: 403 });

/** Reads a whole blob, which has to be right, and returns the line that it came over. */
async function carried(options?: FakeLineOptions): Promise<FakeLine> {
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
async function assertAllGivenBack({ line, pool, ...fake }: FakeLine): Promise<void> {
  await new Promise(setImmediate);
  assert.deepEqual([line.connections, line.blobs, line.isTrying], [0, 0, false]);
  assert.ok(line.takeWindow(line.limits.windowBytes), 'the window is not given back');
  assert.equal(line.takeWindow(1), false);
  const places = Array.from({ length: pool.concurrency + 1 }, () => pool.takeFree());
  assert.equal(places.filter((place) => place !== undefined).length, pool.concurrency);
  assert.ok(fake.descriptor);
}

/** How many milliseconds a blob takes over one connection. */
const alone = (line: FakeLine): number => line.content.byteLength / (10 * 1024);

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

  it('stops at once when it is told to, and when its reader goes away', async () => {
    const line = new FakeLine();
    const abort = new AbortController();
    const reading = line.read(line.inRanges(), { signal: abort.signal });
    reading.catch(() => undefined);
    while (line.reasons.length === 0) await new Promise(setImmediate);
    abort.abort(new Error('enough'));
    await assert.rejects(reading, { message: 'enough' });
    assert.equal(line.connections, 0);
    await assertAllGivenBack(line);

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

describe('inRanges, where something goes wrong', () => {
  it('lets go of the signal where the blob cannot be opened, and opens nothing after an abort', async () => {
    const line = new FakeLine({ faultOf: ({ count }) => (count <= 3 ? { refuse: broken() } : undefined) });
    const open = line.inRanges();
    const { signal } = new AbortController();
    for (let attempt = 0; attempt < 3; attempt++) await assert.rejects(open({ signal }));
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    await assert.rejects(open({ signal: AbortSignal.abort(new Error('enough')) }), { message: 'enough' });
    assert.equal(line.opened.length, 3);
  });

  it('does not call a blob damaged that is only asked for again from its start', async () => {
    const line = new FakeLine();
    const open = line.inRanges();
    const body = await open();
    body.resume();
    while (line.reasons.length === 0 && line.ms < 1000) await line.tick();
    body.destroy();
    assert.ok((await line.read(open)).equals(line.content));
    assert.deepEqual(line.reasons, ['narrow', 'narrow']);
  });

  it('never passes two parts of one buffer on, since the first reader gives it back', async () => {
    // The first connection gets its bytes back in the middle of a chunk.
    const line = new FakeLine({
      limits: { trialBytes: 100_000 },
      faultOf: ({ count }) => (count === 2 ? { neverArrives: true } : undefined),
    });
    const memory: ArrayBufferLike[] = [];
    const body = await line.inRanges()();
    body.on('data', ({ buffer }: Buffer) => {
      if (line.memory.has(buffer)) memory.push(buffer);
    });
    while (!body.closed && line.ms < 1000) await line.tick();
    assert.ok(body.readableEnded, 'it does not end well');
    assert.ok(line.opened.length > 1);
    assert.equal(new Set(memory).size, memory.length);
  });

  it('goes on with the first connection where ranges are refused', async () => {
    for (const refuse of [refused(), denied()]) {
      const line = await carried({
        faultOf: ({ length }) => (length === undefined ? undefined : { refuse }),
      });
      assert.deepEqual(line.reasons, ['refused']);
      assert.equal(line.opened.length, 2);
      // The registry's other blobs come over one connection from the beginning.
      assert.ok((await line.read(line.inRanges())).equals(line.content));
      assert.equal(line.opened.length, 3);
    }
  });

  for (const count of [3, 4, 9, 14]) {
    it(`goes on without ranges where request ${count} is refused one`, async () => {
      const line = await carried({
        faultOf: (request) =>
          request.count >= count && request.length !== undefined ? { refuse: refused() } : undefined,
      });
      assert.equal(line.reasons[0], 'narrow');
      assert.ok(line.reasons.includes('refused'));
      assert.equal(line.opened.at(-1)?.length, undefined);
    });

    it(`lets other connections finish what request ${count} has left`, async () => {
      for (const breaks of [{ bytes: 0 }, { bytes: 1000 }, { bytes: 63 * 1024 }]) {
        const breakAfter = { ...breaks, error: broken() };
        const line = await carried({
          faultOf: (request) => (request.count === count ? { breakAfter } : undefined),
        });
        assert.deepEqual(line.reasons, ['narrow', 'failed']);
        assert.ok(line.ms < alone(line) * 0.6, `${line.ms} of ${alone(line)} ms`);
      }
    });

    it(`notices that the answer to request ${count} is too short`, async () => {
      const line = await carried({
        faultOf: (request) => (request.count === count ? { endAfter: 1000 } : undefined),
      });
      assert.deepEqual(line.reasons, ['narrow', 'failed']);
    });
  }

  it('gets by with the connections that a server allows', async () => {
    const busy = new RegistryError('TOO_MANY_REQUESTS', 'too many', { status: 429 });
    const line: FakeLine = new FakeLine({
      faultOf: () => (line.connections >= 4 ? { refuse: busy } : undefined),
    });
    assert.ok((await line.read(line.inRanges())).equals(line.content));
    assert.equal(line.reasons[0], 'narrow');
    assert.equal(line.most.connections, 4);
    assert.ok(line.opened.length < 70, `${line.opened.length} requests`);
  });

  it('does without connections that a server keeps waiting', async () => {
    const line = await carried({ served: 4 });
    assert.equal(line.reasons[0], 'narrow');
    assert.ok(line.ms < alone(line), `${line.ms} of ${alone(line)} ms`);
  });

  it('fails where a server answers no more, so that it is asked again', async () => {
    const line: FakeLine = new FakeLine({
      faultOf: ({ length }) => (length && line.connections >= 4 ? { neverArrives: true } : undefined),
    });
    const open = line.inRanges();
    let before: Buffer = Buffer.alloc(0);
    await assert.rejects(line.read(open), (error: Error & { before: Buffer }) => {
      before = error.before;
      return isLadingError(error, 'CUT_SHORT');
    });
    assert.ok(line.ms < 1000, `${line.ms} ms`);
    await assertAllGivenBack(line);
    const rest = await line.read(open, { start: before.byteLength });
    assert.ok(Buffer.concat([before, rest]).equals(line.content));
  });

  it('takes back a trial whose connection breaks or never answers', async () => {
    const cut = await carried({
      faultOf: ({ count }) => (count === 2 ? { breakAfter: { bytes: 2000, error: broken() } } : undefined),
    });
    assert.deepEqual(cut.reasons.slice(0, 2), ['failed', 'narrow']);
    const silent = new FakeLine({
      faultOf: ({ count }) => (count === 2 ? { neverArrives: true } : undefined),
    });
    assert.ok((await silent.read(silent.inRanges())).equals(silent.content), 'at the first attempt');
    assert.ok(silent.ms < alone(silent) * 1.1, `${silent.ms} of ${alone(silent)} ms`);
  });

  it('fails with what the first connection failed with, after all bytes before it', async () => {
    for (const bytes of [1000, 100_000, 300_000]) {
      const line = new FakeLine({
        faultOf: ({ count }) => (count === 1 ? { breakAfter: { bytes, error: broken() } } : undefined),
      });
      const open = line.inRanges();
      await assert.rejects(line.read(open), ({ message, before }: Error & { before: Buffer }) => {
        assert.equal(message, 'broken');
        assert.ok(before.equals(line.content.subarray(0, before.byteLength)));
        assert.equal(before.byteLength, bytes);
        return true;
      });
      // Whoever asks again goes on from there.
      const rest = await line.read(open, { start: bytes });
      assert.ok(rest.equals(line.content.subarray(bytes)));
      await assertAllGivenBack(line);
    }
  });

  it('fails when all connections do, and is content with one after the third time', async () => {
    let isBroken = false;
    const line: FakeLine = new FakeLine({
      faultOf: ({ count, length }) => {
        if (count > 1 && length !== undefined && line.reasons.at(-1) === 'narrow') isBroken = true;
        return isBroken ? { breakAfter: { bytes: 100, error: broken() } } : undefined;
      },
    });
    const open = line.inRanges();
    let start = 0;
    for (let attempt = 1; attempt <= 4; attempt++) {
      isBroken = false;
      try {
        start += (await line.read(open, { start })).byteLength;
      } catch (error) {
        start += (error as { before: Buffer }).before.byteLength; // as `read` adds it
      }
      if (start === line.content.byteLength) break;
    }
    assert.equal(start, line.content.byteLength);
  });

  it('fetches damaged content once more, over one connection', async () => {
    const line = new FakeLine({ faultOf: ({ count }) => (count === 5 ? { damage: true } : undefined) });
    const { open, distrust } = line.ranged();
    assert.ok(!(await line.read(open)).equals(line.content));
    assert.deepEqual(line.reasons, ['narrow']);
    distrust();
    const before = line.opened.length;
    assert.ok((await line.read(open)).equals(line.content));
    assert.deepEqual(line.reasons, ['narrow', 'damaged']);
    assert.equal(line.opened.length, before + 1);
  });
});
