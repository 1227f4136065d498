import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ContentError } from '../../src/errors.js';
import { openTar } from '../../src/tar/read.js';
import { makeTar } from '../support/tar-maker.js';
import { useFolder } from '../support/temporary.js';
import { crlf, followedByRandom, KINDS, LARGE, latin1, SMALL } from './no-tars.js';

describe('a file that is no tar', () => {
  const path = useFolder('the suite');

  async function errorFor(file: Buffer, name = 'file'): Promise<ContentError> {
    await mkdir(dirname(path(name)), { recursive: true });
    await writeFile(path(name), file);
    return openTar(path(name)).then(
      () => assert.fail('it was opened'),
      (error: ContentError) => error,
    );
  }

  for (const [title, file, told, hint, name] of KINDS) {
    it(`is called what it is: ${title}`, async () => {
      const error = await errorFor(file, name);
      assert.equal(error.code, 'INVALID_ARCHIVE');
      assert.match(error.message, told);
      assert.match(error.hint ?? '', hint);
      assert.equal(error.remedy, /docker save -o/.test(error.hint ?? '') ? 'save' : undefined);
    });
  }

  for (const [tool, magic] of [
    ['lz4', '\x04\x22\x4d\x18\x64'],
    ['lzip', 'LZIP\x01'],
    ['lzma', '\x5d\0\0\x80\0'],
    ['compress', '\x1f\x9d\x90'],
    ['lzop', '\x89LZO\0\r\n\x1a\n'],
  ] as const) {
    it(`may be sound, and is compressed with what lading does not read: ${tool}`, async () => {
      const error = await errorFor(followedByRandom(magic));
      assert.equal(error.code, 'UNSUPPORTED');
      assert.match(error.message, new RegExp(`is compressed with ${tool}, which lading does not read`));
      assert.match(error.hint ?? '', / -d < /);
    });
  }

  it('is empty', async () => {
    const { message, hint } = await errorFor(Buffer.alloc(0));
    assert.match(message, /is empty/);
    assert.match(hint ?? '', /full/);
  });

  it('is named in commands as a shell takes it', async () => {
    const { hint = '' } = await errorFor(followedByRandom('7z\xbc\xaf\x27\x1c'), "an 'odd' name; rm *");
    assert.ok(hint.endsWith("/an '\\''odd'\\'' name; rm *'"), hint);
  });

  it('shows nothing of a text but a line that complains', async () => {
    const { message } = await errorFor(latin1('user = me\npassword = geheim\n'));
    assert.doesNotMatch(message, /geheim/);
  });
});

describe('a tar that is damaged', () => {
  const path = useFolder('the suite');

  async function errorFor(file: Buffer, name = 'file'): Promise<ContentError> {
    await writeFile(path(name), file);
    const error = await openTar(path(name)).then(
      () => assert.fail('it was opened'),
      (reason: ContentError) => reason,
    );
    assert.equal(error.code, 'INVALID_ARCHIVE');
    return error;
  }

  async function hintFor(file: Buffer, name?: string): Promise<string> {
    return (await errorFor(file, name)).hint ?? '';
  }

  it('is to be made again where it was taken for text: UTF-8, or the ends of lines', async () => {
    assert.match(await hintFor(Buffer.from(LARGE.toString('latin1'))), /recoded to UTF-8/);
    assert.equal((await errorFor(Buffer.from(LARGE.toString('latin1')))).remedy, 'save');
    assert.match(await hintFor(Buffer.from(LARGE.toString('utf8'))), /recoded to UTF-8/);
    assert.match(await hintFor(crlf(LARGE)), /line ends were changed to CR and LF.*binary mode/);
  });

  for (const [name, hint] of [
    ['images.tar', /end of the file is missing/],
    ['images.tar.part', /unfinished download, copy or save/],
    ['images.tar.crdownload', /unfinished download, copy or save/],
    ['images.tar.partaa', /several pieces/],
    ['images.tar.aa', /several pieces/],
    ['images.tar.001', /several pieces/],
    ['images.part1', /several pieces/],
    ['xaa', /several pieces/],
  ] as const) {
    it(`is to be completed where its end is missing: ${name}`, async () => {
      assert.match(await hintFor(LARGE.subarray(0, 150_000), name), hint);
    });
  }

  it('is to be copied again where bytes have changed', async () => {
    const damaged = Buffer.from(LARGE);
    damaged[1024] = (damaged[1024] ?? 0) ^ 1;
    assert.match(await hintFor(damaged), /Copy the archive again/);
    damaged[0] = (damaged[0] ?? 0) ^ 1;
    assert.match(await hintFor(damaged), /Copy the archive again/);
  });

  it('is not to be copied again where it is whole, and its entries are refused', async () => {
    assert.match(await hintFor(makeTar({ name: '../a', body: 'x' })), /No tool writes such an entry/);
    assert.match(await hintFor(makeTar({ name: 'a', type: '7' })), /Different tools/);
  });

  it('may be two archives that were made one', async () => {
    const twice = makeTar({ name: 'manifest.json', body: '[]' }, { name: 'manifest.json', body: '[ ]' });
    for (const file of [twice, Buffer.concat([SMALL, Buffer.alloc(9216), SMALL])]) {
      const { hint = '', remedy } = await errorFor(file);
      assert.match(hint, /copy the images of both into one archive, one after the other/);
      assert.equal(remedy, 'copyBoth');
    }
  });
});
