import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { carryProgram, requireProgram } from '../../src/operations/carry-program.js';
import { needs } from '../support/needs.js';
import { succeed } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';

describe('the program that is carried beside an archive', () => {
  const path = useFolder();
  const instructions = (...names: string[]) => names.join(' and ');
  const program = () => path('from/lading-linux-x64');
  beforeEach(async () => {
    await mkdir(path('from'));
    await mkdir(path('to'));
    await writeFile(program(), Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(1000)]));
    await writeFile(path('to/images.tar'), 'images');
  });

  it('comes with checksums and instructions that hold', async function () {
    needs(this, 'Linux');
    const carried = await carryProgram({ output: path('to/images.tar'), program: program(), instructions });
    assert.deepEqual((await readdir(path('to'))).sort(), [
      ...['READ-ME-FIRST.txt', 'SHA256SUMS', 'images.tar', 'lading-linux-x64'],
    ]);
    assert.deepEqual(await readFile(carried.program), await readFile(program()));
    assert.equal((await stat(carried.program)).mode & 0o777, 0o755);
    const checked = await succeed('sha256sum', ['--check', 'SHA256SUMS'], { cwd: path('to') });
    assert.equal(checked, 'images.tar: OK\nlading-linux-x64: OK');
    const text = await readFile(carried.readMe, 'utf8');
    assert.equal(text, 'lading-linux-x64 and images.tar');
  });

  it('keeps the sums of other files, and is the same at each run', async () => {
    const other = `${'0'.repeat(64)}  other.tar`;
    await writeFile(path('to/SHA256SUMS'), `${other}\n${'1'.repeat(64)}  images.tar\n`);
    const carry = async () => {
      await carryProgram({ output: path('to/images.tar'), program: program(), instructions });
      return readFile(path('to/SHA256SUMS'), 'utf8');
    };
    const sums = await carry();
    assert.deepEqual([sums.split('\n')[0], sums.match(/images\.tar/g)?.length], [other, 1]);
    assert.equal(await carry(), sums);
  });

  it('has sums that hold for every name that a file can have', async function () {
    needs(this, 'Linux');
    for (const name of ['my images.tar', '-x.tar', 'a\\b.tar', 'two\nlines.tar', 'end\r', '*.tar', ' .tar']) {
      const output = path(`to/${name}`);
      await writeFile(output, name);
      const carry = () => carryProgram({ output, program: program(), instructions });
      await carry();
      const sums = await readFile(path('to/SHA256SUMS'), 'utf8');
      await carry();
      assert.equal(await readFile(path('to/SHA256SUMS'), 'utf8'), sums, name);
    }
    await succeed('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: path('to') });
  });

  it('sums the index of a layout, which has the digests of the rest', async () => {
    await mkdir(path('to/layout'));
    await writeFile(path('to/layout/index.json'), '{}');
    await carryProgram({ output: path('to/layout/'), program: program(), instructions });
    assert.match(await readFile(path('to/SHA256SUMS'), 'utf8'), / {2}layout\/index\.json\n/);
  });

  it('is not written through a link that lies at its temporary name', async () => {
    await writeFile(path('precious'), 'precious');
    for (const name of ['part', 'tmp']) await symlink(path('precious'), path(`to/lading-linux-x64.${name}`));
    await carryProgram({ output: path('to/images.tar'), program: program(), instructions });
    assert.equal(await readFile(path('precious'), 'utf8'), 'precious');
    assert.ok((await lstat(path('to/lading-linux-x64'))).isFile());
  });

  it('is refused before anything is saved', async () => {
    const refuses = (output: string, file: string, code: string) =>
      assert.rejects(requireProgram({ output, program: file }), { code });
    await refuses('-', program(), 'USAGE');
    await refuses(path('to/x.tar'), path('to/images.tar'), 'USAGE');
    await refuses(path('to/x.tar'), path('gone'), 'NOT_FOUND');
    await refuses(path('to/lading-linux-x64'), program(), 'USAGE');
  });
});
