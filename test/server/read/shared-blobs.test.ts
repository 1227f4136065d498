import assert from 'node:assert/strict';
import { once } from 'node:events';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { exactly, exactlyThrough, readsInto } from '../../../src/server/exactly.js';
import { HeldMemory } from '../../../src/server/held-memory.js';
import { VerifiedContent } from '../../../src/server/read/verified-content.js';
import { blobPath, type LayoutReader } from '../../../src/store/layout/layout-reader.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source } from '../../../src/store/store.js';
import { contentOf, pushAll, randomBytesFrom } from '../../support/images.js';
import { serve } from '../../support/registry-server.js';
import { useFolder } from '../../support/temporary.js';
import { layoutOf } from '../layout-folder.js';
import { watchedVerifier } from './watched-verifier.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('shared blob', 1_000_000));
const { descriptor } = blob;
const damaged = Buffer.from(blob.bytes);
damaged[3] = (damaged[3] ?? 0) ^ 1;

const memory = new HeldMemory(1024 * 1024 * 1024);

/** A response without a connection. */
interface Reader {
  /** Sends the next chunk; rejects if the connection would be cut. */
  next(): Promise<unknown>;
  /** Sends the rest, and returns the total number of bytes sent. */
  toEnd(): Promise<number>;
  leave(): Promise<void>;
}

for (const form of ['directory', 'tar'] as const) {
  describe(`a blob of a ${form} that many read`, () => {
    const folder = useFolder();
    let store: LayoutReader;
    let verified: VerifiedContent;
    let hashed: number;
    let readers: Reader[];
    beforeEach(() => {
      hashed = 0;
      readers = [];
      verified = new VerifiedContent({
        memory,
        createVerifier: (of) =>
          watchedVerifier(of, ({ byteLength }) => {
            hashed += byteLength;
          }),
      });
    });
    afterEach(async () => {
      for (const reader of readers) await reader.leave();
      await store.close();
    });

    const serveBytes = async (bytes: Buffer): Promise<void> => {
      store = await layoutOf(folder('layout'), { contents: [{ descriptor, bytes }] }, form);
    };
    const changeFile = async (): Promise<void> => {
      const region = await store.region(descriptor);
      assert.ok(region !== undefined);
      const file = await open(region.path, 'r+');
      await file.write(damaged, 0, 10, region.offset);
      await file.utimes(0, 1); // with a coarse clock, the change might not show in the time
      await file.close();
    };

    async function begin(): Promise<Reader> {
      const fetch = () => store.fetch(descriptor);
      const { source, verifier } = await verified.openBlob(store, descriptor, fetch);
      const bounds = { size: descriptor.size, endsEarly: false, verifier };
      const chunks = exactlyThrough(source, bounds, memory);
      let sent = 0;
      const next = async (): Promise<boolean> => {
        const { value, done = false } = await chunks.next();
        sent += value?.length ?? 0;
        return !done;
      };
      const reader: Reader = {
        next,
        async toEnd() {
          while (await next());
          return sent;
        },
        async leave() {
          if (!source.closed) await once(source.destroy(), 'close');
        },
      };
      readers.push(reader);
      return reader;
    }

    it('is hashed once for 64 who ask at once, and not again', async () => {
      await serveBytes(blob.bytes);
      const all = await Promise.all(Array.from({ length: 64 }, () => begin()));
      const sent = await Promise.all(all.map((reader) => reader.toEnd()));
      assert.deepEqual(new Set(sent), new Set([1_000_000]));
      assert.equal(hashed, 1_000_000);
      assert.equal(await (await begin()).toEnd(), 1_000_000);
      assert.equal(hashed, 1_000_000);
    });

    it('arrives whole at a fast reader while a slow one is at its beginning', async () => {
      await serveBytes(blob.bytes);
      const [slow, fast] = [await begin(), await begin()];
      await slow.next();
      assert.equal(await fast.toEnd(), 1_000_000);
      assert.equal(await slow.toEnd(), 1_000_000);
      assert.equal(hashed, 1_000_000);
    });

    it('never arrives whole where it is damaged, and is hashed afresh for who comes later', async () => {
      await serveBytes(damaged);
      const [slow, fast, third] = [await begin(), await begin(), await begin()];
      await slow.next();
      const wrong = { code: 'DIGEST_MISMATCH' };
      await assert.rejects(fast.toEnd(), wrong);
      const later = await begin(); // the others are still reading
      await assert.rejects(slow.next(), wrong);
      await assert.rejects(third.toEnd(), wrong);
      assert.equal(hashed, 1_000_000);
      await assert.rejects(later.toEnd(), wrong);
      assert.equal(hashed, 2_000_000);
    });

    it('is hashed on by those who stay, and from its beginning when all have left', async () => {
      await serveBytes(blob.bytes);
      const [leaving, staying] = [await begin(), await begin()];
      await leaving.next();
      await leaving.leave();
      const once = hashed;
      assert.ok(once > 0 && once < 1_000_000);
      await staying.next();
      assert.equal(hashed, once);
      await staying.leave();
      assert.equal(await (await begin()).toEnd(), 1_000_000);
      assert.equal(hashed, once + 1_000_000);
    });

    it('never arrives whole where its file is changed meanwhile', async () => {
      await serveBytes(blob.bytes);
      const [before, beside] = [await begin(), await begin()];
      await before.next();
      await changeFile();
      await assert.rejects(before.toEnd(), { code: 'IO', message: /was changed/ });
      await assert.rejects(beside.toEnd(), { code: 'IO', message: /was changed/ });
      const code = form === 'tar' ? 'IO' : 'DIGEST_MISMATCH'; // a changed tar is not read again
      await assert.rejects(async () => (await begin()).toEnd(), { code });
    });
  });
}

describe('a blob whose file is replaced', () => {
  const folder = useFolder();
  const file = () => join(folder('layout'), blobPath(descriptor.digest));
  const read = async (verified: VerifiedContent, from: Source, open: () => Promise<Readable>) => {
    const { source, verifier } = await verified.openBlob(from, descriptor, open);
    try {
      assert.ok(readsInto(source));
      for await (const _ of exactlyThrough(
        source,
        { size: descriptor.size, endsEarly: false, verifier },
        memory,
      ));
      return 'whole';
    } catch {
      return 'cut';
    } finally {
      await once(source.destroy(), 'close');
    }
  };

  it('is judged by the file that was opened, not by the one that was found', async () => {
    const store = await layoutOf(folder('layout'), { contents: [blob] });
    const verified = new VerifiedContent({ memory });
    const fetch = () => store.fetch(descriptor);
    const fetchReplaced = async (bytes: Buffer) => {
      await writeFile(folder('new'), bytes);
      await rename(folder('new'), file());
      return fetch();
    };
    assert.equal(await read(verified, store, fetch), 'whole'); // the file has been verified
    assert.equal(await read(verified, store, () => fetchReplaced(damaged)), 'cut');
    assert.equal(await read(verified, store, () => fetchReplaced(blob.bytes)), 'whole');
    assert.equal(await read(verified, store, fetch), 'whole');
    await store.close();
  });

  it('arrives from the file that is open, though that has gone from its place', async () => {
    for (const [bytes, expected] of [
      [blob.bytes, 'whole'],
      [damaged, 'cut'],
    ] as const) {
      const store = await layoutOf(folder('layout'), { contents: [{ descriptor, bytes }] });
      const fetchRemoved = async () => {
        const source = await store.fetch(descriptor);
        await rm(file());
        return source;
      };
      assert.equal(await read(new VerifiedContent({ memory }), store, fetchRemoved), expected);
      await store.close();
    }
  });
});

describe('a blob that does not lie in a file', () => {
  let hashed: number;
  let verified: VerifiedContent;
  let store: Source;
  beforeEach(async () => {
    const memoryStore = createMemoryStore();
    await pushAll(memoryStore, [blob]);
    store = memoryStore;
    hashed = 0;
    verified = new VerifiedContent({
      memory,
      createVerifier: (of) =>
        watchedVerifier(of, ({ byteLength }) => {
          hashed += byteLength;
        }),
    });
  });

  async function read(version?: string): Promise<void> {
    const fetch = async (): Promise<Readable> => {
      const source = await store.fetch(descriptor);
      return version === undefined ? source : Object.assign(source, { version });
    };
    const { source, verifier } = await verified.openBlob(store, descriptor, fetch);
    for await (const _ of exactly(source, { size: descriptor.size, endsEarly: false, verifier }));
  }

  it('is hashed for each who reads it', async () => {
    for (let round = 1; round <= 2; round += 1) {
      await read();
      assert.equal(hashed, round * 1_000_000);
    }
  });

  it('is hashed once for each version that its store tells', async () => {
    await Promise.all([read('first'), read('first')]);
    await read('first');
    assert.equal(hashed, 1_000_000);
    await read('second');
    assert.equal(hashed, 2_000_000);
    await read();
    assert.equal(hashed, 3_000_000);
  });
});

describe('a blob whose readers leave', () => {
  const folder = useFolder();

  it('is read no further', async () => {
    await writeFile(folder('file'), 'where it is said to lie');
    const size = 2 ** 40;
    const endless = { ...descriptor, size };
    let given = 0;
    let closed = 0;
    const chunk = Buffer.alloc(65_536);
    const fetch: Source['fetch'] = async () =>
      new Readable({
        read() {
          given += chunk.length;
          this.push(chunk);
        },
        destroy(error, callback) {
          closed += 1;
          callback(error);
        },
      });
    const store: Source = {
      ...createMemoryStore(),
      sizeOf: async () => endless.size,
      region: async () => ({ path: folder('file'), offset: 0, size }),
      fetch,
    };
    const over: (() => void)[] = [];
    const ends = Array.from({ length: 3 }, () => new Promise<void>((resolve) => over.push(resolve)));
    const served = await serve({ a: store }, { onRequest: () => over.pop()?.() });
    const clients = ends.map(() => connect(served.port, '127.0.0.1'));
    for (const client of clients)
      client.write(`GET /v2/a/blobs/${descriptor.digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
    for (const client of clients) await once(client, 'data');
    for (const client of clients) client.destroy();
    await Promise.all(ends);

    const givenByThen = given;
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    assert.equal(given, givenByThen);
    assert.ok(given < 2 ** 28, `${given} bytes were read`);
    assert.equal(closed, 3);
    await served.close();
  });
});
