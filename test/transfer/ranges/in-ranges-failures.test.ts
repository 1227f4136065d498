import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { isLadingError, RegistryError } from '../../../src/errors.js';
import { alone, assertAllGivenBack, broken, carried, refused } from './carried.js';
import { FakeLine } from './fake-line.js';

const denied = (): Error => new RegistryError('DENIED', 'expired', { status: 403 });

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
