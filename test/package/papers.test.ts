import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { completions } from '../../src/packaging/completions.mjs';
import { manPages } from '../../src/packaging/man.mjs';
import { readReference } from '../../src/packaging/reference.mjs';
import { succeed } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';

describe('what is made from the definitions of the help', function () {
  this.timeout(60_000);
  const path = useFolder();
  let reference: Awaited<ReturnType<typeof readReference>>;
  before(async () => {
    reference = await readReference();
  });

  it('are man pages: one for the program and one for each command, with all flags', () => {
    const pages = manPages(reference);
    assert.deepEqual(
      [...pages.keys()].sort(),
      ['lading.1', ...reference.commands.map(({ name }) => `lading-${name}.1`)].sort(),
    );
    for (const { name, options } of reference.commands) {
      const page = pages.get(`lading-${name}.1`) ?? '';
      for (const option of options)
        assert.ok(page.includes(option.name.replaceAll('-', '\\-')), `${name} --${option.name}`);
      assert.doesNotMatch(page, /[^\0-\x7f]/, name);
    }
  });

  it('is a completion of bash that knows commands, flags and choices', async () => {
    const script = completions(reference).get('bash-completion/completions/lading') ?? assert.fail();
    await writeFile(path('lading'), script);
    const complete = (...words: string[]) =>
      succeed('bash', [
        '-c',
        // The words of the reply, which bash has in an array.
        `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lading; echo "\${COMPREPLY[*]}"`,
        path('lading'),
        ...['lading', ...words],
      ]);
    assert.equal(await complete('verif'), 'verify');
    assert.equal(await complete('save', '--append'), '--append');
    assert.match(await complete('convert', 'a.tar', '--to', ''), /^oci docker schema1$/);
    assert.equal(await complete('pull', 'a', '--format', 'doc'), 'docker-archive');
  });

  it('are completions of zsh and fish with every command', async () => {
    for (const [name, text] of completions(reference)) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), text);
      for (const command of reference.commands)
        assert.ok(text.includes(command.name), `${name}: ${command.name}`);
    }
  });
});
