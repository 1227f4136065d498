import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { LadingError } from '../../src/errors.js';
import {
  diskError,
  openFileSink,
  requireSpace,
  requireWritable,
  writeFileAtomically,
} from '../../src/store/disk.js';
import { useFolder } from '../support/temporary.js';

describe('a file that is written by position', () => {
  const path = useFolder();

  it('keeps what it holds, and takes pieces at any place', async () => {
    await writeFile(path('file'), '0123456789');
    const file = await openFileSink(path('file'));
    await file.write([Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')], 3);
    await file.write([Buffer.from('z')], 12);
    assert.equal(await file.size(), 13);
    assert.equal((await buffer(Readable.from(file.read(2, 5)))).toString(), '2abc6');
    assert.equal((await buffer(Readable.from(file.read(11, 100)))).toString(), '\0z', 'as far as it goes');
    await file.truncate(4);
    await file.close();
    assert.equal(await readFile(path('file'), 'utf8'), '012a');
  });
});

describe('writeFileAtomically', () => {
  const path = useFolder();

  it('puts the whole file in the place of the old, or leaves that', async () => {
    await writeFileAtomically(path('index.json'), Buffer.from('new'));
    assert.equal(await readFile(path('index.json'), 'utf8'), 'new');
    await mkdir(path('folder/inside'), { recursive: true });
    await assert.rejects(writeFileAtomically(path('folder'), Buffer.from('new')), { code: 'ALREADY_EXISTS' });
    await assert.rejects(writeFileAtomically(path('missing/file'), Buffer.from('new')), {
      code: 'NOT_WRITABLE',
    });
    assert.deepEqual((await readdir(path())).sort(), ['folder', 'index.json']);
  });
});

describe('failures of the file system', () => {
  const path = useFolder();

  it('are told in words that say what to do', () => {
    const codes = {
      ENOSPC: 'NO_SPACE',
      EDQUOT: 'NO_SPACE',
      EACCES: 'NOT_WRITABLE',
      EROFS: 'NOT_WRITABLE',
      EISDIR: 'ALREADY_EXISTS',
      ENOTDIR: 'ALREADY_EXISTS',
      ENOENT: 'NOT_WRITABLE',
      EIO: 'IO',
    };
    for (const [system, code] of Object.entries(codes)) {
      const cause = Object.assign(new Error(system), { code: system });
      const error = diskError(cause, '/some/file');
      assert.ok(error instanceof LadingError);
      assert.deepEqual([error.code, error.cause], [code, cause], system);
      assert.match(error.message, /\/some\/file/);
    }
    const other = new Error('a bug');
    assert.equal(diskError(other, '/some/file'), other);
  });

  it('are met before anything is fetched', async () => {
    await requireSpace(path(), 0);
    await assert.rejects(requireSpace(path(), Number.MAX_SAFE_INTEGER), {
      code: 'NO_SPACE',
      hint: /Nothing was fetched/,
    });
    await requireWritable(path('new.tar'));
    await assert.rejects(requireWritable(path('missing/new.tar')), { code: 'NOT_WRITABLE' });
  });
});
