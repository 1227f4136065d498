import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { readLine } from '../../src/cli/arguments.js';
import { saveCommand } from '../../src/cli/save.js';
import { instructions, programToCarry } from '../../src/cli/with-program.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

describe('--with-program', () => {
  const path = useFolder();
  const line = (...args: string[]) => readLine(args, saveCommand.options).args;

  it('takes a value behind = alone, so that an image that follows stays one', () => {
    assert.deepEqual(line('--with-program', 'alpine'), ['--with-program=this', 'alpine']);
    assert.deepEqual(line('--with-program=arm64', 'alpine'), ['--with-program=arm64', 'alpine']);
  });

  it('means this executable, one beside it, or a file', async () => {
    const running = { path: path('lading-linux-x64'), isExecutable: true };
    assert.equal(programToCarry('this', running), running.path);
    assert.equal(programToCarry('./other', running), './other');
    assert.throws(() => programToCarry('arm64', running), { code: 'NOT_FOUND' });
    await writeFile(path('lading-linux-arm64'), '');
    assert.equal(programToCarry('arm64', running), path('lading-linux-arm64'));
  });

  it('says in at most ten lines what to do with both', () => {
    const text = instructions('lading-linux-x64', 'images.tar');
    assert.ok(text.trimEnd().split('\n').length <= 10);
    for (const line of [
      'sha256sum -c SHA256SUMS',
      './lading-linux-x64 load -i images.tar',
      ' verify ',
      ' serve ',
    ])
      assert.ok(text.includes(line), line);
  });

  it('writes names so that a shell takes them as they are', () => {
    for (const [name, word] of Object.entries({
      'my images.tar': "'my images.tar'",
      '-x.tar': './-x.tar',
      $HOME: "'$HOME'",
      layout: 'layout',
    })) {
      const text = instructions('the lading', name);
      for (const verb of ['ls', 'verify', 'load -i', 'serve'])
        assert.ok(text.includes(`'./the lading' ${verb} ${word}`), text);
      assert.ok(text.includes("chmod +x './the lading'\n"), text);
    }
  });

  it('says how to get an executable where there is none, before anything is saved', async () => {
    const { code, stderr } = await runInProcess([
      'save',
      'reg.test/a',
      '-o',
      path('a.tar'),
      '--with-program',
    ]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^lading: lading runs from its package of npm.*\nhint: .*--with-program=lading-linux-x64/,
    );
  });
});
