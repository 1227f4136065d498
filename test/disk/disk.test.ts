import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { diskError, requireSpace, requireWritable, writeFileAtomically } from '../../src/disk/disk.js';
import { LadingError } from '../../src/errors.js';
import { openFileSink } from '../../src/store/file-sink.js';
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
      EFBIG: 'NO_SPACE',
      ENAMETOOLONG: 'NOT_WRITABLE',
      ELOOP: 'NOT_WRITABLE',
      EBUSY: 'NOT_WRITABLE',
      ETXTBSY: 'NOT_WRITABLE',
      EMFILE: 'IO',
      ENFILE: 'IO',
      ESTALE: 'IO',
      ENODEV: 'IO',
      ENOMEM: 'IO',
      EXDEV: 'IO',
    };
    for (const [system, code] of Object.entries(codes)) {
      const cause = Object.assign(new Error(system), { code: system });
      const error = diskError(cause, '/some/file');
      assert.ok(error instanceof LadingError);
      assert.deepEqual([error.code, error.cause], [code, cause], system);
      assert.match(error.message, /^[^\n]*\/some\/file[^\n]*$/);
      assert.ok(error.hint, `${system} says what to do`);
    }
    const other = new Error('a bug');
    assert.equal(diskError(other, '/some/file'), other);
    const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    assert.equal(diskError(reset, '/some/file'), reset, 'a connection is no disk');
  });

  it('are met before the first byte where FAT has no room for a file of 4 GiB', async () => {
    const on = (type: number) => async () => ({ type, bavail: 2 ** 40, bsize: 1 });
    const [fat, other] = [on(0x4d44), on(0xef53)];
    const [most, more] = [2 ** 32 - 1, 2 ** 32];
    await requireSpace('/stick', { bytes: most }, fat);
    await requireSpace('/stick', { bytes: 10 * more, largestFile: most }, fat);
    await requireSpace('/disk', { bytes: more }, other);
    for (const needs of [{ bytes: more }, { bytes: 1, largestFile: more }])
      await assert.rejects(requireSpace('/stick', needs, fat), {
        code: 'USAGE',
        message: /^\/stick is on a FAT file system/,
        hint: /exFAT.*Nothing was fetched/,
      });
  });

  it('are met before anything is fetched', async () => {
    await requireSpace(path(), { bytes: 0 });
    await assert.rejects(requireSpace(path(), { bytes: Number.MAX_SAFE_INTEGER }), {
      code: 'NO_SPACE',
      hint: /Nothing was fetched/,
    });
    await requireWritable(path('new.tar'));
    await assert.rejects(requireWritable(path('missing/new.tar')), { code: 'NOT_WRITABLE' });
    await writeFile(path('file'), '');
    await symlink('circle', path('circle'));
    await assert.rejects(requireWritable(path('file/new.tar')), { code: 'ALREADY_EXISTS' });
    await assert.rejects(requireWritable(`${path('file')}/`), { code: 'ALREADY_EXISTS' });
    await assert.rejects(requireWritable(path('circle')), { code: 'NOT_WRITABLE', message: /circle/ });
    await assert.rejects(requireWritable(path('n'.repeat(300))), { message: /name is too long$/ });
  });
});
