import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { type HashRequest, type HashResult, hashRegions } from '../../src/hashing/hashing.js';
import { gzipBomb } from '../support/hostile/bombs.js';
import { useFolder } from '../support/temporary.js';

describe('hashRegions', () => {
  const path = useFolder();
  /** Large enough to use threads. The file is sparse, so it takes no disk space. */
  const LARGE_BYTES = 70 * 1024 * 1024;

  const hashAll = async (
    requests: HashRequest[],
    options: Parameters<typeof hashRegions>[2] = {},
  ): Promise<Map<HashRequest, string>> => {
    const digests = new Map<HashRequest, string>();
    const onDigest = (request: HashRequest, { hex }: HashResult): void => {
      assert.ok(!digests.has(request));
      digests.set(request, hex);
    };
    await hashRegions(requests, onDigest, options);
    return digests;
  };
  const request = (name: string, offset: number, size: number, algorithm = 'sha256'): HashRequest => ({
    region: { path: path(name), offset, size },
    algorithm,
  });

  it('hashes parts of files, each by its own algorithm, once', async () => {
    await writeFile(path('file'), '0123456789');
    const requests = [
      request('file', 0, 10),
      request('file', 3, 4),
      request('file', 10, 0),
      request('file', 0, 10, 'sha512'),
    ];
    let hashed = 0;
    const digests = await hashAll(requests, {
      onHashed: (bytes) => {
        hashed += bytes;
      },
    });
    const expected = ['0123456789', '3456', ''].map((text) =>
      createHash('sha256').update(text).digest('hex'),
    );
    assert.deepEqual(
      requests.map((each) => digests.get(each)),
      [...expected, createHash('sha512').update('0123456789').digest('hex')],
    );
    assert.equal(hashed, 24);
  });

  it('gives the same digests in threads', async () => {
    await writeFile(path('large'), 'head');
    await truncate(path('large'), LARGE_BYTES);
    await writeFile(path('small'), 'small');
    const requests = [request('large', 0, LARGE_BYTES), request('small', 0, 5), request('large', 2, 2)];
    let hashed = 0;
    const inThreads = await hashAll(requests, {
      threads: 2,
      onHashed: (bytes) => {
        hashed += bytes;
      },
    });
    assert.deepEqual(inThreads, await hashAll(requests, { threads: 1 }));
    assert.equal(hashed, LARGE_BYTES + 7);
  });

  it('rejects with IO where a file is gone or shorter, in threads too', async () => {
    await writeFile(path('short'), 'x');
    for (const size of [10, LARGE_BYTES]) {
      for (const name of ['short', 'missing']) {
        const requests = [request(name, 0, size), request(name, 0, size)];
        await assert.rejects(hashAll(requests, { threads: 2 }), { code: 'IO', message: new RegExp(name) });
      }
    }
  });

  it('stops when it is told to, in threads too', async () => {
    await writeFile(path('large'), '');
    await truncate(path('large'), LARGE_BYTES);
    for (const threads of [1, 2]) {
      const controller = new AbortController();
      const onHashed = (): void => controller.abort();
      const requests = [request('large', 0, LARGE_BYTES), request('large', 1, 10)];
      await assert.rejects(hashAll(requests, { threads, signal: controller.signal, onHashed }), {
        name: 'AbortError',
      });
    }
  });
});

describe('hashRegions of layers that expand without end', () => {
  const path = useFolder();
  for (const alwaysInThreads of [false, true]) {
    it(`stops when nobody waits any more, ${alwaysInThreads ? 'in threads' : 'in the thread that asks'}`, async () => {
      const bomb = gzipBomb(8 * 1024);
      await writeFile(path('bomb'), bomb);
      const region = { path: path('bomb'), offset: 0, size: bomb.length };
      const leaving = new AbortController();
      const hashing = hashRegions(
        [{ region, algorithm: 'sha256', decompress: 'layer', limits: { maxRatio: 10_000 } }],
        () => assert.fail('it was hashed to its end'),
        { signal: leaving.signal, alwaysInThreads },
      );
      setImmediate(() => leaving.abort());
      await assert.rejects(hashing, { name: 'AbortError' });
    });
  }
});
