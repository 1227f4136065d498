import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { RegistryError } from '../../../src/errors.js';
import type { CopyEvent } from '../../../src/events.js';
import type { PlannedContent } from '../../../src/graph/tree.js';
import { createPool } from '../../../src/pool.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { PushOptions, Store } from '../../../src/store/store.js';
import { copyGraph } from '../../../src/transfer/copy.js';
import type { Plan } from '../../../src/transfer/plan.js';
import { headStartStore } from '../../../src/transfer/registry/head-start.js';
import { storeOf } from '../../support/archives.js';
import { makeImage } from '../../support/images.js';
import { overriding } from '../../support/openers.js';
import { planCopy } from '../../support/plan.js';

describe('headStartStore', () => {
  let plan: Plan;
  let blob: PlannedContent;
  before(async () => {
    const source = await storeOf({ a: await makeImage({ seed: 'head-start', layers: [50_000, 300] }) });
    plan = await planCopy([{ source, reference: 'a', name: 'a' }]);
    const [largest] = plan.blobs;
    assert.ok(largest);
    blob = largest;
  });

  /** An empty store that lists the questions and pushes for the blob; `onPush` runs first in each push of it. */
  function watched(
    onPush: (options: PushOptions, attempt: number) => Promise<void> | void = () => undefined,
  ) {
    const store = createMemoryStore();
    const calls: string[] = [];
    const isBlob = ({ digest }: { digest: string }) => digest === blob.descriptor.digest;
    const members: Pick<Store, 'sizeOf' | 'push'> = {
      async sizeOf(content, options) {
        if (isBlob(content)) calls.push('sizeOf');
        return store.sizeOf(content, options);
      },
      async push(descriptor, open, options = {}) {
        if (isBlob(descriptor)) {
          calls.push('push');
          await onPush(options, calls.filter((call) => call === 'push').length);
        }
        return store.push(descriptor, open, options);
      },
    };
    return { store: overriding(store, members), calls };
  }

  /** What a copy tells of the blob. */
  function listening() {
    const events: CopyEvent[] = [];
    const onEvent = (event: CopyEvent) => {
      const isOfBlob = 'descriptor' in event && event.descriptor.digest === blob.descriptor.digest;
      if (isOfBlob || event.type === 'retrying') events.push(event);
    };
    return { events, onEvent };
  }

  it('asks for and sends a blob once, which counts as sent by the copy', async () => {
    const { store, calls } = watched();
    const pool = createPool(8);
    const early = headStartStore(store, pool);
    early.begin(blob);
    early.begin(blob);
    await early.settled();
    assert.deepEqual(calls, ['sizeOf', 'push']);
    const { events, onEvent } = listening();
    const { blobs, bytes } = await copyGraph(plan, early, { pool, onEvent });
    assert.deepEqual(calls, ['sizeOf', 'push']);
    assert.deepEqual(blobs, { total: plan.blobs.length, fetched: plan.blobs.length, reused: 0 });
    assert.equal(bytes.fetched, plan.bytes);
    assert.deepEqual(
      events.map((event) => (event.type === 'received' ? event.bytes : event.type)),
      ['started', blob.descriptor.size, 'done'],
    );
    assert.equal((await store.resolve('a')).digest, plan.images[0]?.root.digest);
  });

  it('sends nothing that is there', async () => {
    const { store, calls } = watched();
    await copyGraph(plan, store);
    calls.length = 0;
    const pool = createPool(8);
    const early = headStartStore(store, pool);
    early.begin(blob);
    const { blobs } = await copyGraph(plan, early, { pool });
    assert.deepEqual(calls, ['sizeOf']);
    assert.equal(blobs.reused, plan.blobs.length);
  });

  it('tells the size of a blob that was begun and is there, whatever size is asked for', async () => {
    const { store } = watched();
    await copyGraph(plan, store);
    const early = headStartStore(store, createPool(8));
    early.begin(blob);
    const { digest, size } = blob.descriptor;
    assert.equal(await early.sizeOf({ digest }), size);
    assert.equal(await early.sizeOf({ ...blob.descriptor, size: size + 1 }), size);
  });

  it('tells of bytes that came before the copy and after it joined, some of them from an earlier run', async () => {
    let goOn = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { store } = watched(async ({ onBytes }) => {
      onBytes?.(7, 'kept');
      onBytes?.(20, 'fetched');
      onBytes?.(3, 'fetched');
      await gate;
    });
    const pool = createPool(8);
    const early = headStartStore(store, pool);
    early.begin(blob);
    const told: [number, string][] = [];
    await copyGraph(plan, early, {
      pool,
      onEvent(event) {
        if (event.type !== 'received' || event.descriptor.digest !== blob.descriptor.digest) return;
        told.push([event.bytes, event.origin]);
        if (told.length === 2) goOn();
      },
    });
    assert.deepEqual(told, [
      [7, 'kept'],
      [23, 'fetched'],
      [blob.descriptor.size, 'fetched'],
    ]);
  });

  it('counts as the first try of the copy, which makes the others', async () => {
    const failure = new RegistryError('CUT_SHORT', 'the connection broke', { retryAfterMs: 1 });
    const failOnce = (_: PushOptions, attempt: number) => {
      if (attempt === 1) throw failure;
    };
    const { store, calls } = watched(failOnce);
    const pool = createPool(8);
    const early = headStartStore(store, pool);
    early.begin(blob);
    await early.settled();
    const { events, onEvent } = listening();
    await copyGraph(plan, early, { pool, onEvent, retries: 1 });
    assert.deepEqual(calls, ['sizeOf', 'push', 'push']);
    assert.equal(events.filter(({ type }) => type === 'retrying').length, 1);

    const again = headStartStore(watched(failOnce).store, createPool(8));
    again.begin(blob);
    await assert.rejects(copyGraph(plan, again, { retries: 0 }), {
      code: 'CUT_SHORT',
      message: 'the connection broke; it is needed by a',
    });
  });

  it('fails the copy where the store cannot say whether the blob is there', async () => {
    const failure = new RegistryError('DENIED', 'not for you');
    const denying = overriding(createMemoryStore(), { sizeOf: () => Promise.reject(failure) });
    const pool = createPool(8);
    const early = headStartStore(denying, pool);
    early.begin(blob);
    await early.settled();
    await assert.rejects(copyGraph(plan, early, { pool }), {
      code: 'DENIED',
      message: 'not for you',
    });
  });

  it('never waits for a place in the pool that whoever waits for it holds', async () => {
    const { store } = watched(async () => {
      await turn();
    });
    const pool = createPool(1);
    const early = headStartStore(store, pool);
    for (const content of plan.blobs) early.begin(content);
    const { blobs } = await copyGraph(plan, early, { pool });
    assert.equal(blobs.fetched, plan.blobs.length);
  });

  it('is settled when what an abort broke off has ended', async () => {
    let ended = false;
    let pushing = (): void => undefined;
    const underWay = new Promise<void>((resolve) => {
      pushing = resolve;
    });
    const { store } = watched(async ({ signal }) => {
      pushing();
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      await turn();
      ended = true;
      throw signal?.reason;
    });
    const pool = createPool(1);
    const early = headStartStore(store, pool);
    for (const content of plan.blobs) early.begin(content);
    await underWay;
    pool.abort(new Error('enough'));
    assert.equal(ended, false);
    await early.settled();
    assert.equal(ended, true);
  });
});
