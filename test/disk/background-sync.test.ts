import assert from 'node:assert/strict';
import { BackgroundSync } from '../../src/disk/background-sync.js';
import { fileSink, openFileSink, type WritableFile } from '../../src/store/file-sink.js';
import { useFolder } from '../support/temporary.js';

const MIB = 1024 * 1024;

/** A file whose syncs end when the test says so. */
function controlledSync() {
  const pending: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  let begun = 0;
  const sync = (): Promise<void> =>
    new Promise((resolve, reject) => {
      begun++;
      pending.push({ resolve, reject });
    });
  const next = () => {
    const first = pending.shift();
    assert.ok(first, 'a sync is under way');
    return first;
  };
  return { sync, next, begun: () => begun };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('bringing a file to the disk while it is written', () => {
  it('begins every 32 MiB, one at a time in all files, and small files are synced at their end only', async () => {
    const [large, other, small] = [controlledSync(), controlledSync(), controlledSync()];
    const syncing = new BackgroundSync(large.sync);
    syncing.wrote(31 * MIB);
    assert.equal(large.begun(), 0);
    syncing.wrote(MIB);
    assert.equal(large.begun(), 1);
    syncing.wrote(40 * MIB);
    assert.equal(large.begun(), 1, 'the first is not done');
    const syncingOther = new BackgroundSync(other.sync);
    syncingOther.wrote(40 * MIB);
    assert.equal(other.begun(), 0, 'another file is being synced');

    large.next().resolve();
    await syncing.settled();
    syncing.wrote(MIB);
    assert.equal(large.begun(), 2, 'what had to wait');
    large.next().resolve();
    await syncing.settled();

    const syncingSmall = new BackgroundSync(small.sync);
    syncingSmall.wrote(MIB);
    assert.equal(small.begun(), 0);
    const finished = syncingSmall.finish();
    await turn();
    small.next().resolve();
    await finished;
    assert.equal(small.begun(), 1);
  });

  it('ends with a sync after the one that is under way', async () => {
    const file = controlledSync();
    const syncing = new BackgroundSync(file.sync);
    syncing.wrote(32 * MIB);
    let isFinished = false;
    const finished = syncing.finish().then(() => {
      isFinished = true;
    });
    await turn();
    assert.equal(file.begun(), 1, 'never two at once');
    file.next().resolve();
    await turn();
    assert.equal(isFinished, false);
    assert.equal(file.begun(), 2);
    file.next().resolve();
    await finished;
  });

  it('tells the first failure, at the end and ever after, without another try', async () => {
    const file = controlledSync();
    const syncing = new BackgroundSync(file.sync);
    syncing.wrote(32 * MIB);
    file.next().reject(new Error('first'));
    await syncing.settled();
    assert.equal(syncing.hasFailed, true);
    assert.throws(() => syncing.throwIfFailed(), /first/);
    syncing.wrote(32 * MIB);
    await assert.rejects(syncing.finish(), /first/);
    await assert.rejects(syncing.finish(), /first/);
    assert.equal(file.begun(), 1);
  });
});

describe('a file on a disk that fails', () => {
  const path = useFolder();
  const ioError = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });

  /** A file handle that does what it is told, and the calls in their order. */
  function fakeFile(datasync: () => Promise<void>) {
    const calls: string[] = [];
    const file = {
      writev: async (chunks: Buffer[]) => {
        calls.push('write');
        return { bytesWritten: chunks.reduce((sum, { byteLength }) => sum + byteLength, 0), buffers: chunks };
      },
      datasync: () => {
        calls.push('sync');
        return datasync();
      },
      truncate: async (size: number) => void calls.push(`truncate ${size}`),
      close: async () => void calls.push('close'),
    };
    return { calls, sink: fileSink(file as unknown as WritableFile, 'the file') }; // the rest is not used
  }

  it('takes nothing more, is never said to be whole, and keeps nothing that a later run could believe', async () => {
    const { calls, sink } = fakeFile(async () => {
      throw ioError;
    });
    await sink.write([Buffer.alloc(32 * MIB)], 0);
    await turn();
    await assert.rejects(sink.write([Buffer.from('x')], 32 * MIB), { code: 'IO' });
    await assert.rejects(sink.sync(), { code: 'IO', message: 'the disk failed at the file' });
    await sink.close();
    assert.deepEqual(calls, ['write', 'sync', 'truncate 0', 'close']);
  });

  it('says so to who waits for what is under way', async () => {
    const { sync, next } = controlledSync();
    const { sink } = fakeFile(sync);
    await sink.write([Buffer.alloc(32 * MIB)], 0);
    const settled = sink.settle();
    assert.equal(sink.isLost, false);
    next().reject(ioError);
    await assert.rejects(settled, { code: 'IO' });
    assert.equal(sink.isLost, true);
    await sink.close();
  });

  it('is closed after the sync that is under way', async () => {
    const { sync, next } = controlledSync();
    const { calls, sink } = fakeFile(sync);
    await sink.write([Buffer.alloc(32 * MIB)], 0);
    const closed = sink.close();
    await turn();
    assert.deepEqual(calls, ['write', 'sync']);
    next().resolve();
    await closed;
    assert.deepEqual(calls, ['write', 'sync', 'close']);
  });

  it('is what it was when nothing fails', async () => {
    const sink = await openFileSink(path('file'));
    await sink.write([Buffer.alloc(33 * MIB, 1)], 0);
    await sink.sync();
    assert.equal(await sink.size(), 33 * MIB);
    await sink.close();
  });
});
