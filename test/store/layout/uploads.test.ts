import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  open as openFile,
  readdir,
  readFile,
  rename,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { mock } from 'node:test';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { FileInTurns } from '../../../src/disk/file-in-turns.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { openServedLayout, type ServedLayout } from '../../../src/store/layout/served.js';
import { UploadFile } from '../../../src/store/layout/upload-file.js';
import { has } from '../../../src/store/store.js';
import type { BlobUpload } from '../../../src/store/writable-repository.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { needs } from '../../support/needs.js';
import { chunksOf, uploadTo } from '../../support/pushing.js';
import { useFolder } from '../../support/temporary.js';

const BLOB = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('upload', 3_000_000));
const { digest } = BLOB.descriptor;

const KEPT = { claim: async () => undefined, keep: async () => undefined };

describe('an upload to a layout', () => {
  const path = useFolder();
  let served: ServedLayout;
  const opened: ServedLayout[] = [];
  const open = async (options: Parameters<typeof openServedLayout>[1] = {}): Promise<ServedLayout> => {
    const layout = await openServedLayout(path('layout'), options);
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

  it('takes a blob in pieces, shows it when it is whole, and leaves nothing else', async () => {
    const repository = await served.openForPush('a');
    const upload = await repository.createUpload();
    await upload.append(chunksOf(BLOB.bytes.subarray(0, 1_234_567)));
    assert.equal(upload.size, 1_234_567);
    assert.equal(existsSync(path(`layout/${blobPath(digest)}`)), false);
    assert.equal(await repository.sizeOf({ digest }), undefined);
    await upload.append(chunksOf(BLOB.bytes.subarray(1_234_567)));
    await upload.commit(digest);
    assert.ok((await stored()).equals(BLOB.bytes));
    assert.equal(await repository.sizeOf({ digest }), BLOB.bytes.length);
    assert.deepEqual(await ingest(), []);
    assert.equal(await repository.openUpload(upload.id), undefined);
    await assert.rejects(upload.append(chunksOf(BLOB.bytes)), { code: 'NOT_FOUND' });
  });

  it('is found again by another process, which hashes what is there', async () => {
    const upload = await (await served.openForPush('a/b')).createUpload();
    await upload.append(chunksOf(BLOB.bytes.subarray(0, 2_000_000)));
    const later = await (await (await open()).openForPush('a/b')).openUpload(upload.id);
    assert.equal(later?.size, 2_000_000);
    await later?.append(chunksOf(BLOB.bytes.subarray(2_000_000)));
    await later?.commit(digest);
    assert.ok((await stored()).equals(BLOB.bytes));
    assert.equal(await (await served.openForPush('a/b')).openUpload(upload.id), undefined);
  });

  it('belongs to its repository, and to nobody who guesses at paths', async () => {
    const upload = await (await served.openForPush('a')).createUpload();
    for (const [repository, id] of [
      ['b', upload.id],
      ['a', 'ffffffff-0000-0000-0000-000000000000'],
      ['a', '../ingest.lock'],
      ['a', `${upload.id}/..`],
      ['a', ''],
    ] as const)
      assert.equal(
        await (await served.openForPush(repository)).openUpload(id),
        undefined,
        `${repository} ${id}`,
      );
    assert.equal((await (await served.openForPush('a')).openUpload(upload.id))?.id, upload.id);
  });

  it('takes digests of other algorithms', async () => {
    const repository = await served.openForPush('a');
    for (const algorithm of ['sha512', 'sha384'] as const) {
      const other = digestOf(BLOB.bytes, algorithm);
      await uploadTo(repository, { ...BLOB, descriptor: { ...BLOB.descriptor, digest: other } });
      assert.ok((await stored(other)).equals(BLOB.bytes));
      assert.equal(await has(repository, { ...BLOB.descriptor, digest: other }), true);
    }
  });

  it('is gone with its bytes when they are others than the digest says', async () => {
    for (const wrong of [digestOf(Buffer.from('other')), digestOf(Buffer.from('other'), 'sha512')]) {
      const upload = await (await served.openForPush('a')).createUpload();
      await upload.append(chunksOf(BLOB.bytes));
      await assert.rejects(upload.commit(wrong), { code: 'DIGEST_MISMATCH' });
      await assert.rejects(upload.commit(digest), { code: 'NOT_FOUND' });
      assert.equal(await (await served.openForPush('a')).openUpload(upload.id), undefined);
      assert.deepEqual(await ingest(), []);
      assert.equal(existsSync(path(`layout/${blobPath(wrong)}`)), false);
    }
  });

  it('keeps what came before the client broke off, and goes on from there', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield* chunksOf(BLOB.bytes.subarray(0, 1_500_001));
      throw new Error('the client is gone');
    }
    const repository = await served.openForPush('a');
    const { id } = await repository.createUpload();
    const upload = await repository.openUpload(id);
    await assert.rejects(async () => upload?.append(broken()), { message: 'the client is gone' });
    const again = await repository.openUpload(id);
    assert.equal(again?.size, 1_500_001);
    await again?.append(chunksOf(BLOB.bytes.subarray(1_500_001)));
    await again?.commit(digest);
    assert.ok((await stored()).equals(BLOB.bytes));
  });

  it('stops when it is told to', async () => {
    const upload = await (await served.openForPush('a')).createUpload();
    const append = upload.append(chunksOf(BLOB.bytes), { signal: AbortSignal.abort(new Error('stop')) });
    await assert.rejects(append, { message: 'stop' });
    assert.equal(upload.size, 0);
  });

  it('has one caller at a time, whichever object it has', async () => {
    let proceed = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    async function* slow(): AsyncGenerator<Buffer> {
      yield BLOB.bytes.subarray(0, 10);
      await waiting;
      yield BLOB.bytes.subarray(10);
    }
    const repository = await served.openForPush('a');
    const { id } = await repository.createUpload();
    const [first, second] = await Promise.all([repository.openUpload(id), repository.openUpload(id)]);
    const appending = first?.append(slow());
    await assert.rejects(async () => second?.append(chunksOf(BLOB.bytes)), { code: 'LOCKED' });
    await assert.rejects(async () => second?.commit(digest), { code: 'LOCKED' });
    await assert.rejects(async () => second?.cancel(), { code: 'LOCKED' });
    proceed();
    await appending;
    assert.equal(second?.size, BLOB.bytes.length);
    await second?.commit(digest);
    assert.ok((await stored()).equals(BLOB.bytes));
  });

  it('keeps its file open for the next piece, of which there are not too many', async function () {
    needs(this, 'Linux');
    const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const before = await openFiles();
    const repository = await served.openForPush('a');
    const uploads: BlobUpload[] = [];
    for (let count = 0; count < 130; count++) uploads.push(await repository.createUpload());
    const piece = (upload: BlobUpload): Buffer => Buffer.from(`a piece of ${upload.id}`);
    for (const upload of uploads) await upload.append(chunksOf(piece(upload)));
    assert.ok((await openFiles()) - before < 120, `${before} and ${await openFiles()}`);
    for (const upload of uploads) {
      await upload.append(chunksOf(piece(upload)));
      await upload.commit(digestOf(Buffer.concat([piece(upload), piece(upload)])));
    }
    assert.ok((await openFiles()) - before < 20, `${before} and ${await openFiles()}`);
  });

  it('is never kept with what lies under its name by now, if that is other than was hashed', async () => {
    const upload = await (await served.openForPush('a')).createUpload();
    await upload.append(chunksOf(BLOB.bytes));
    const [name = ''] = await ingest();
    await rename(path(`layout/ingest/${name}`), path('moved'));
    await writeFile(path(`layout/ingest/${name}`), Buffer.alloc(BLOB.bytes.length));
    await assert.rejects(upload.commit(digest), { code: 'DIGEST_MISMATCH' });
    assert.equal(existsSync(join(path('layout'), blobPath(digest))), false);
  });

  it('is over when its file was swept away by another process, at whatever moment', async () => {
    const repository = await served.openForPush('a');
    const begun = async (): Promise<BlobUpload> => {
      const upload = await repository.createUpload();
      await upload.append(chunksOf(BLOB.bytes));
      return upload;
    };
    // It may get another name while it is looked for.
    const sweep = async (): Promise<void> => {
      let left = 1;
      while (left > 0) {
        const names = (await ingest()).filter((name) => name.endsWith('.upload'));
        for (const name of names) await rm(path(`layout/ingest/${name}`), { force: true });
        left = names.length;
      }
    };
    for (const use of [
      (upload: BlobUpload) => upload.append(chunksOf(BLOB.bytes)),
      (upload: BlobUpload) => upload.commit(digest),
    ]) {
      const upload = await begun();
      await sweep();
      await assert.rejects(use(upload), { code: 'NOT_FOUND' });
      assert.equal(await repository.openUpload(upload.id), undefined);
    }
    const upload = await begun();
    const committing = upload.commit(digestOf(BLOB.bytes, 'sha512')); // reads all of it again
    await sweep();
    await assert.rejects(committing, { code: 'NOT_FOUND' });
    await (await begun()).cancel();
    await rm(path('layout/ingest'), { recursive: true });
    await assert.rejects(upload.append(chunksOf(BLOB.bytes)), { code: 'NOT_FOUND' });
    assert.equal(existsSync(join(path('layout'), blobPath(digest))), false);
  });

  it('throws away what came when it is cancelled', async () => {
    const upload = await (await served.openForPush('a')).createUpload();
    await upload.append(chunksOf(BLOB.bytes));
    await upload.cancel();
    assert.deepEqual(await ingest(), []);
    await assert.rejects(upload.commit(digest), { code: 'NOT_FOUND' });
  });

  it('makes one blob of eight pushes at once, by two servers', async () => {
    const other = await open();
    await Promise.all(
      Array.from({ length: 8 }, async (_, push) =>
        uploadTo(await (push % 2 ? other : served).openForPush(`repository-${push}`), BLOB),
      ),
    );
    assert.ok((await stored()).equals(BLOB.bytes));
    assert.deepEqual(await readdir(path('layout/blobs/sha256')), [digest.slice('sha256:'.length)]);
    assert.deepEqual(await ingest(), []);
  });

  it('takes a blob of no bytes', async () => {
    const empty = contentOf('text/plain', Buffer.alloc(0));
    await uploadTo(await served.openForPush('a'), empty);
    assert.equal((await stored(empty.descriptor.digest)).length, 0);
  });

  it('is removed when its client was not heard of for a day, at the start too; parts of a save stay', async () => {
    const repository = await served.openForPush('a');
    const [dead, alive] = [await repository.createUpload(), await repository.createUpload()];
    await writeFile(path('layout/ingest/sha256-00.part'), 'of a save');
    await writeFile(path('layout/index.json.1.tmp'), 'of a process that died');
    const lock = `layout/ingest/${(await ingest()).find((name) => name.startsWith(dead.id))}.lock`;
    await mkdir(path(lock));
    await writeFile(path(`${lock}/owner-00000000-0000-4000-8000-000000000000`), 'of another machine');
    const yesterday = new Date(Date.now() - 25 * 3600_000);
    const fileOf = async (id: string): Promise<string> =>
      path(`layout/ingest/${(await ingest()).find((name) => name.startsWith(id))}`);
    for (const file of [
      await fileOf(dead.id),
      path('layout/ingest/sha256-00.part'),
      path('layout/index.json.1.tmp'),
      path(lock),
    ])
      await utimes(file, yesterday, yesterday);

    await served.sweep();
    assert.equal(await repository.openUpload(dead.id), undefined);
    assert.equal((await repository.openUpload(alive.id))?.id, alive.id);
    assert.deepEqual((await ingest()).length, 2);
    assert.equal(existsSync(path('layout/index.json.1.tmp')), false);

    await utimes(await fileOf(alive.id), yesterday, yesterday);
    await open({ maxUploadAgeMs: 26 * 3600_000 });
    assert.equal((await ingest()).length, 2);
    await open();
    assert.deepEqual(await ingest(), ['sha256-00.part']);
  });

  it('is never kept with bytes of another process under the digest of its own', async () => {
    const counted = BLOB.bytes.subarray(0, 1_000_000);
    for (const size of [0, counted.length]) {
      const file = new FileInTurns(path('file'), '.upload');
      await writeFile(file.ownPath, size === 0 ? Buffer.alloc(0) : counted);
      const upload = new UploadFile({
        id: 'x',
        file,
        claim: () => assert.fail('is claimed'),
        keep: () => assert.fail('is kept'),
      });
      await upload.look();
      assert.equal(upload.size, size);
      if (size === 0) await upload.append(chunksOf(counted));
      await writeFile(file.ownPath, BLOB.bytes.subarray(counted.length), { flag: 'a' });
      await assert.rejects(upload.commit(digestOf(counted)), { code: 'DIGEST_MISMATCH' });
    }
  });

  it('says when the disk is full, and counts only what is on it', async () => {
    const file = new FileInTurns(path('full'), '.upload');
    await writeFile(file.ownPath, '');
    const handle = await openFile(file.ownPath);
    const full = mock.method(Object.getPrototypeOf(handle), 'writev', async () => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    });
    const upload = new UploadFile({ id: 'x', file, ...KEPT });
    try {
      await assert.rejects(upload.append(chunksOf(BLOB.bytes)), { code: 'NO_SPACE', hint: /Make room/ });
      assert.equal(upload.size, 0);
      await assert.rejects(upload.append(chunksOf(BLOB.bytes)), { code: 'NO_SPACE' });
      assert.equal(full.mock.callCount(), 2);
    } finally {
      full.mock.restore();
      await handle.close();
      await upload.release();
    }
  });

  it('says when the directory cannot be written', async function () {
    needs(this, 'a user other than root');
    const repository = await served.openForPush('a');
    await repository.createUpload();
    await chmod(path('layout/ingest'), 0o500);
    await assert.rejects(repository.createUpload(), { code: 'NOT_WRITABLE' });
    await chmod(path('layout'), 0o500);
    await assert.rejects(openServedLayout(path('layout')), { code: 'NOT_WRITABLE' });
    for (const directory of ['layout', 'layout/ingest']) await chmod(path(directory), 0o700);
  });
});
