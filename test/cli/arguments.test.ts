import assert from 'node:assert/strict';
import { readLine } from '../../src/cli/arguments.js';
import { type CommandOptions, GLOBAL_OPTIONS } from '../../src/cli/options.js';
import { saveCommand } from '../../src/cli/save.js';

const OPTIONS: CommandOptions = { ...saveCommand.options, ...GLOBAL_OPTIONS };

describe('readLine', () => {
  const read = (line: string): string[] => readLine(line.split(' '), OPTIONS).args;

  it('reads the value of a short flag wherever it stands', () => {
    for (const line of ['-o x.tar', '-ox.tar', '-o=x.tar', '--output x.tar', '--output=x.tar'])
      assert.deepEqual(read(line), ['--output=x.tar'], line);
    assert.deepEqual(read('-o- a'), ['--output=-', 'a']);
    assert.deepEqual(read('-qaox.tar'), ['--quiet=true', '--all-tags=true', '--output=x.tar']);
    assert.deepEqual(read('-qo x.tar'), ['--quiet=true', '--output=x.tar']);
    assert.deepEqual(read('-ox=y'), ['--output=x=y']);
  });

  it('reads flags without a value in all their spellings', () => {
    assert.deepEqual(read('--no-referrers -v'), ['--referrers=false', '--verbose=true']);
    assert.deepEqual(read('--tls-verify=false --json true a'), ['--tls-verify=false', '--json=true', 'a']);
  });

  it('remembers which flags were given, and which are unknown', () => {
    const { given, unknown } = readLine(
      ['-q', '--no-referrers', '--nothing=1', '-oz', '-Z', '--no-output'],
      OPTIONS,
    );
    assert.deepEqual([...given], ['quiet', 'referrers', 'output']);
    assert.deepEqual(unknown, ['--nothing', '-Z', '--no-output']);
  });

  it('refuses values that are missing, wrong, or given twice', () => {
    const mistakes: [string, RegExp][] = [
      ['-o', /^--output needs a value: file, directory/],
      ['--output=', /^--output needs a value/],
      ['--output --quiet', /^--output needs a value/],
      ['--retries many', /^--retries takes a whole number, not "many"$/],
      ['--format zip', /^--format takes universal, oci-archive, oci or docker-archive, not "zip"$/],
      ['--json=yes', /^--json takes true or false, not "yes"$/],
      ['--no-json=true', /^--no-json takes no value$/],
      ['-o a -o b', /^--output was given more than once$/],
      ['--json --no-json', /^--json was given more than once$/],
    ];
    for (const [line, message] of mistakes) assert.throws(() => read(line), { code: 'USAGE', message }, line);
  });

  it('does not take another value of a flag for an image', () => {
    const hints: [string, RegExp][] = [
      ['--platform linux/amd64 linux/arm64', /^Write --platform linux\/amd64,linux\/arm64\.$/],
      ['--mirror a.test=b.test c.test=d.test', /^Write --mirror a\.test=b\.test --mirror c\.test=d\.test\.$/],
      ['--creds a.test=u:p b.test=u:p', /^Repeat --creds/],
    ];
    for (const [line, hint] of hints) assert.throws(() => read(line), { code: 'USAGE', hint }, line);
    assert.deepEqual(read('--platform linux/amd64 linux/app'), ['--platform=linux/amd64', 'linux/app']);
    assert.deepEqual(read('--mirror a=b c@sha256:0'), ['--mirror=a=b', 'c@sha256:0']);
    assert.deepEqual(read('--mirror a=b --tls-verify=false'), ['--mirror=a=b', '--tls-verify=false']);
  });
});
