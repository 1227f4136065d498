import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { isLadingError } from '../../../src/errors.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { openServedLayout, type ServedLayout } from '../../../src/store/layout/served.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { chunksOf } from '../../support/pushing.js';
import { useFolder } from '../../support/temporary.js';

const BLOB = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('upload', 3_000_000));
const { digest } = BLOB.descriptor;

describe('an upload to a layout that several servers have', () => {
  const path = useFolder();
  let served: ServedLayout;
  const opened: ServedLayout[] = [];
  const open = async (): Promise<ServedLayout> => {
    const layout = await openServedLayout(path('layout'));
    opened.push(layout);
    return layout;
  };
  beforeEach(async () => {
    served = await open();
  });
  afterEach(async () => {
    for (const layout of opened.splice(0)) await layout.close();
  });
  const stored = (of = digest): Promise<Buffer> => readFile(join(path('layout'), blobPath(of)));

  const ingest = (): Promise<string[]> => readdir(path('layout/ingest'));

  it('has one process at a time, and never the bytes of one under the digest of the other', async () => {
    const [one, two] = [BLOB.bytes.subarray(0, 1_000_000), BLOB.bytes.subarray(1_000_000, 2_000_000)];
    const mine = await (await served.openForPush('a')).createUpload();
    const repository = await (await open()).openForPush('a');
    const theirs = await repository.openUpload(mine.id);
    assert.ok(theirs);
    const meanwhile = async function* (): AsyncGenerator<Buffer> {
      yield one.subarray(0, 10);
      await assert.rejects(theirs.append(chunksOf(two)), { code: 'LOCKED' });
      await assert.rejects(theirs.commit(digestOf(two)), { code: 'LOCKED' });
      yield one.subarray(10);
    };
    await mine.append(meanwhile());
    await assert.rejects(theirs.append(chunksOf(two)), { code: 'LOCKED' }, 'what it knew is no longer true');
    assert.equal(theirs.size, one.length);
    await theirs.append(chunksOf(two));
    await assert.rejects(mine.append(chunksOf(two)), { code: 'LOCKED' });

    const both = BLOB.bytes.subarray(0, 2_000_000);
    const commits = await Promise.allSettled([mine.commit(digestOf(both)), theirs.commit(digestOf(both))]);
    assert.deepEqual(commits.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.ok((await stored(digestOf(both))).equals(both));
    for (const upload of [mine, theirs])
      await assert.rejects(upload.commit(digestOf(both)), { code: 'NOT_FOUND' });
    assert.deepEqual(await ingest(), []);
  });

  it('goes from one server to another and back with each piece, as behind a balancer', async () => {
    const { id } = await (await served.openForPush('a')).createUpload();
    const servers = [served, await open(), await open()];
    for (let start = 0; start < BLOB.bytes.length; start += 100_000) {
      const server = servers[(start / 100_000) % servers.length];
      const upload = await (await server?.openForPush('a'))?.openUpload(id);
      assert.equal(upload?.size, start);
      await upload?.append(chunksOf(BLOB.bytes.subarray(start, start + 100_000)));
    }
    const last = await (await served.openForPush('a')).openUpload(id);
    await last?.commit(digest);
    assert.ok((await stored()).equals(BLOB.bytes));
    for (const server of servers)
      assert.equal(await (await server.openForPush('a')).openUpload(id), undefined);
    assert.deepEqual(await ingest(), []);
  });

  it('is found and whole while two servers write to it at once, whoever comes first', async () => {
    const { id } = await (await served.openForPush('a')).createUpload();
    const other = await open();
    const half = BLOB.bytes.subarray(0, 1_500_000);
    const push = async (server: ServedLayout): Promise<void> => {
      const repository = await server.openForPush('a');
      for (;;) {
        const upload = await repository.openUpload(id);
        assert.ok(upload, 'it is there all the time');
        const { size } = upload;
        if (size === half.length) return;
        try {
          await upload.append(chunksOf(half.subarray(size, size + 10_000)));
        } catch (error) {
          if (!isLadingError(error, 'LOCKED')) throw error;
        }
      }
    };
    await Promise.all([push(served), push(other)]);
    await (await (await other.openForPush('a')).openUpload(id))?.commit(digestOf(half));
    assert.ok((await stored(digestOf(half))).equals(half));
  });

  it('goes on where a server was closed, and the next one is opened', async () => {
    const { id } = await (await served.openForPush('a')).createUpload();
    for (const [from, to] of [
      [0, 1_000_000],
      [1_000_000, 3_000_000],
    ]) {
      const server = await openServedLayout(path('layout'));
      await (await (await server.openForPush('a')).openUpload(id))?.append(
        chunksOf(BLOB.bytes.subarray(from, to)),
      );
      await server.close();
    }
    await (await (await served.openForPush('a')).openUpload(id))?.commit(digest);
    assert.ok((await stored()).equals(BLOB.bytes));
  });
});
