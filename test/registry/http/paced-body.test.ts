import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RegistryClientOptions } from '../../../src/registry/client.js';
import { ByteRate } from '../../../src/registry/http/byte-rate.js';
import { paceSending } from '../../../src/registry/http/paced-body.js';
import { withGrowingTime } from '../../support/growing-time.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { openerOf } from '../../support/openers.js';
import { useRegistries } from '../../support/registries.js';
import type { Handler } from '../http-server.js';

const KIB = 1024;

/** A clock that only waiting moves. */
function clock() {
  let now = 0;
  const waits: number[] = [];
  const rate = (bytesPerSecond: number) => {
    return new ByteRate(bytesPerSecond, { now: () => now });
  };
  const wait = async (ms: number) => {
    waits.push(ms);
    now += ms;
  };
  return { rate, wait, waits, now: () => now };
}

async function* chunksOf(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

describe('a body that is sent at a rate', () => {
  it('has the same bytes in parts that sockets send at once, each after its time', async () => {
    const { rate, wait, waits, now } = clock();
    const content = [randomBytes(300 * KIB + 7), randomBytes(10), randomBytes(128 * KIB)];
    const parts: Uint8Array[] = [];
    for await (const part of paceSending(chunksOf(...content), rate(64 * KIB), undefined, wait))
      parts.push(part);
    assert.ok(Buffer.concat(parts).equals(Buffer.concat(content)));
    assert.deepEqual(
      parts.map(({ byteLength }) => byteLength),
      [...Array(3).fill(64 * KIB), 108 * KIB + 7, 10, 64 * KIB, 64 * KIB],
    );
    assert.equal(waits.length, parts.length - 1, 'ten bytes are not worth a timer');
    assert.equal(Math.round(now()), Math.round((Buffer.concat(content).byteLength / (64 * KIB)) * 1000));
  });

  it('takes turns with others', async () => {
    const { rate, wait, now } = clock();
    const shared = rate(64 * KIB);
    const bodies = [1, 2].map(() => paceSending(chunksOf(Buffer.alloc(128 * KIB)), shared, undefined, wait));
    const times: [body: number, now: number][] = [];
    for (let part = 0; part < 2; part += 1) {
      for (const [index, body] of bodies.entries()) {
        await body.next();
        times.push([index, now()]);
      }
    }
    assert.deepEqual(times, [[0, 1000], [1, 2000], [0, 3000], [1, 4000]]); // biome-ignore format: pairs
  });

  it('ends at once when it is aborted while it waits', async () => {
    const aborting = new AbortController();
    const body = paceSending(chunksOf(Buffer.alloc(100 * KIB)), new ByteRate(1024), aborting.signal);
    const next = body.next();
    setImmediate(() => aborting.abort());
    await assert.rejects(next, { code: 'ABORTED' });
  });
});

describe('a client with a limited rate', () => {
  const content = contentOf('application/octet-stream', randomBytesFrom('a blob', 700 * KIB));
  const { digest, size } = content.descriptor;
  const { start, startRegistry, connect } = useRegistries({ retries: 0, bulkBytes: 1 });

  const sendContent: Handler = (_, response) => {
    response.writeHead(200, { 'content-length': size });
    response.end(content.bytes);
  };

  /** Sends the content to one registry and gets it three times from another, all at once. */
  async function carry(options: RegistryClientOptions): Promise<void> {
    const from = { registry: (await start(sendContent)).host, repository: 'a' };
    const destination = await startRegistry();
    const to = { registry: destination.host, repository: 'b' };
    const client = connect(options);
    const get = async () => buffer(await client.getBlob(from, digest, { size }));
    const push = client.uploadBlob(to, content.descriptor, openerOf(content.bytes));
    const [, ...got] = await Promise.all([push, get(), get(), get()]);
    for (const bytes of got) assert.ok(bytes.equals(content.bytes));
    const pushed = await buffer(await destination.repository('b').fetch(content.descriptor));
    assert.ok(pushed.equals(content.bytes));
  }

  it('keeps to it with all connections together, up and down, and brings the right bytes', async () => {
    await carry({ limitRate: 1e12 }); // loads what the first request needs
    await withGrowingTime(1200, async (ms) => {
      const began = performance.now();
      await carry({ limitRate: (4 * size * 1000) / ms });
      const ratio = ms / (performance.now() - began);
      assert.ok(ratio > 0.9 && ratio < 1.1, `${ratio.toFixed(2)} of the rate`);
    });
  });

  it('does not take its own waiting for a silence of the server', () =>
    withGrowingTime(50, (stallTimeoutMs) =>
      // Each of four connections waits for four parts of 64 KiB: four times as long as servers may be silent.
      carry({ stallTimeoutMs, limitRate: (64 * KIB * 1000) / stallTimeoutMs }),
    ));

  it('stops waiting when it is aborted, when its reader leaves, and when it is closed', async () => {
    const from = { registry: (await start(sendContent)).host, repository: 'a' };
    const to = { registry: (await startRegistry()).host, repository: 'b' };
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const timersBefore = timers();
    const aborting = new AbortController();
    const client = connect({ limitRate: 1024 });
    const get = (signal?: AbortSignal) => client.getBlob(from, digest, { size, signal });
    const [first, second, third] = await Promise.all([get(aborting.signal), get(), get()]);
    const ends = [
      assert.rejects(buffer(first), { code: 'ABORTED' }),
      assert.rejects(buffer(second), { code: 'ERR_STREAM_PREMATURE_CLOSE' }),
      assert.rejects(buffer(third), { code: 'CUT_SHORT' }),
      assert.rejects(client.uploadBlob(to, content.descriptor, openerOf(content.bytes))),
    ];
    await sleep(20);
    aborting.abort();
    second.destroy();
    await Promise.all(ends.slice(0, 2));
    await client.close();
    await Promise.all(ends);
    assert.ok(timers() - timersBefore < ends.length, 'no timer keeps the process');
  });
});
