import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { SavedUpload, UploadSessions } from '../../../src/store/remote/upload-sessions.js';
import { has } from '../../../src/store/store.js';
import { nth } from '../../support/fault-proxy.js';
import { brokenOff, openerOf, readAll } from '../../support/openers.js';
import { useFolder } from '../../support/temporary.js';
import { BIG, LAYER, REPOSITORY, useRemoteStores } from './pushing.js';

const { startRegistry, startProxy, open } = useRemoteStores();

describe('a push of a blob to a registry', () => {
  const path = useFolder();

  it('goes on after a cut from what the registry has, and tells of each byte once', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, nth('PUT', 1, { cutRequestAfter: 100_000 }));
    const store = open(proxy.host);
    let told = 0;
    const onBytes = (bytes: number) => {
      told += bytes;
    };
    const opener = openerOf(LAYER.bytes);
    await assert.rejects(store.push(LAYER.descriptor, opener, { onBytes }), { code: 'CUT_SHORT' });
    const [kept = 0] = registry.pending();
    assert.ok(kept > 0 && kept <= 100_000, String(kept));
    await store.push(LAYER.descriptor, opener, { onBytes });
    assert.deepEqual(opener.starts, [0, kept]);
    assert.equal(told, LAYER.bytes.length);
    assert.ok((await readAll(store, LAYER.descriptor)).equals(LAYER.bytes));
    assert.deepEqual(registry.requests.slice(2, 5), [
      `GET /v2/${REPOSITORY}/blobs/uploads/ID`,
      `PATCH /v2/${REPOSITORY}/blobs/uploads/ID ${kept}-${LAYER.bytes.length - 1}`,
      `PUT /v2/${REPOSITORY}/blobs/uploads/ID?digest=${LAYER.descriptor.digest}`,
    ]);
  });

  it('goes on in another process from what it remembered of a large one', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, nth('PUT', 1, { cutRequestAfter: 4_000_000 }));
    const remembered = new Map<string, SavedUpload>();
    const uploadSessions: UploadSessions = {
      load: async (key) => remembered.get(key),
      save: async (key, upload) => void remembered.set(key, upload),
      remove: async (key) => void remembered.delete(key),
    };
    const opener = openerOf(BIG.bytes);
    const first = open(proxy.host, { uploadSessions });
    await assert.rejects(first.push(BIG.descriptor, opener), { code: 'CUT_SHORT' });
    assert.deepEqual([...remembered.keys()], [`${proxy.host}/${REPOSITORY}@${BIG.descriptor.digest}`]);
    const [kept = 0] = registry.pending();
    const second = open(proxy.host, { uploadSessions });
    await second.push(BIG.descriptor, opener);
    assert.ok(kept > 0);
    assert.deepEqual(opener.starts, [0, kept]);
    assert.equal(remembered.size, 0);
  });

  it('sends while the upload is still being remembered, and ends when it is forgotten again', async () => {
    const log: string[] = [];
    let save = (): void => undefined;
    const saved = new Promise<void>((resolve) => {
      save = resolve;
    });
    // Remembering ends only after the registry was sent the bytes.
    const registry = await startRegistry({
      refuse: ({ method }) => {
        if (method === 'PUT') save();
        log.push(method ?? '');
        return undefined;
      },
    });
    const uploadSessions: UploadSessions = {
      load: async () => undefined,
      save: () => saved.then(() => void log.push('saved')),
      remove: () => saved.then(() => void log.push('removed')),
    };
    await open(registry.host, { uploadSessions }).push(BIG.descriptor, openerOf(BIG.bytes));
    assert.deepEqual(log, ['POST', 'PUT', 'saved', 'removed']);
  });

  it('starts over when the registry forgot a remembered upload, or its place is not to be asked', async () => {
    const registry = await startRegistry();
    const places = [`${registry.origin}/v2/x/blobs/uploads/gone`, 'ftp://127.0.0.1/x', 'no URL at all:'];
    for (const [index, location] of places.entries()) {
      const removed: string[] = [];
      const uploadSessions: UploadSessions = {
        load: async () => ({ location, offset: 5 }),
        save: async () => {},
        remove: async (key) => void removed.push(key),
      };
      const store = open(registry.host, { uploadSessions }, `repository/${index}`);
      await store.push(BIG.descriptor, openerOf(BIG.bytes));
      assert.equal(await has(store, BIG.descriptor), true);
      assert.ok(removed.length > 0);
    }
  });

  it('lets the failure of the source through as it is, and goes on from there', async () => {
    const registry = await startRegistry();
    const store = open(registry.host);
    const first = store.push(LAYER.descriptor, async () => brokenOff(LAYER.bytes.subarray(0, 1000)));
    await assert.rejects(first, { code: 'CUT_SHORT', message: 'the connection broke' });
    const failing = async () => {
      throw new Error('the disk is gone');
    };
    await assert.rejects(store.push(LAYER.descriptor, failing), { message: 'the disk is gone' });
    await store.push(LAYER.descriptor, openerOf(LAYER.bytes));
    assert.equal(await has(store, LAYER.descriptor), true);
  });

  it('reads from the disk where it is told that the bytes lie there, from any byte on', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, nth('PUT', 1, { cutRequestAfter: 2_500_000 }));
    const before = 12_345;
    await writeFile(
      path('archive.tar'),
      Buffer.concat([Buffer.alloc(before, 1), BIG.bytes, Buffer.alloc(99)]),
    );
    const region = { path: path('archive.tar'), offset: before, size: BIG.bytes.length };
    for (const options of [{ chunkBytes: undefined }, { chunkBytes: 1_500_001 }]) {
      const store = open(proxy.host, options, `on/disk${options.chunkBytes ?? ''}`);
      const opener = openerOf(Buffer.alloc(0));
      const push = () => store.push(BIG.descriptor, opener, { region });
      if (options.chunkBytes === undefined) await assert.rejects(push(), { code: 'CUT_SHORT' });
      await push();
      assert.deepEqual(opener.starts, []);
      assert.ok((await readAll(store, BIG.descriptor)).equals(BIG.bytes));
    }
    const short = { ...region, offset: before + 1000 };
    const cut = open(registry.host, {}, 'cut').push(BIG.descriptor, openerOf(BIG.bytes), { region: short });
    await assert.rejects(cut, { code: 'IO', message: /was truncated while it was read/ });
  });

  it('takes an upload whose answer was lost for done', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, nth('PUT', 1, { cutAnswerAfter: 0 }));
    const store = open(proxy.host);
    const opener = openerOf(LAYER.bytes);
    await assert.rejects(store.push(LAYER.descriptor, opener));
    await store.push(LAYER.descriptor, opener);
    assert.deepEqual(opener.starts, [0]);
  });

  it('says that the content is another when the registry does', async () => {
    const registry = await startRegistry();
    const wrong = Buffer.from(LAYER.bytes).fill(0, 5, 6);
    const push = open(registry.host).push(LAYER.descriptor, openerOf(wrong));
    await assert.rejects(push, ({ code, cause }: Error & { code: string }) => {
      assert.equal(code, 'DIGEST_MISMATCH');
      assert.match(String(cause), /DIGEST_INVALID/);
      return true;
    });
    assert.deepEqual(registry.pending(), []);
  });
});
