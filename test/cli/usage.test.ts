import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';
import { runLading } from './program.js';

describe('wrong usage', () => {
  const path = useFolder();

  it('ends with 2 and a hint', async () => {
    const { code, stdout, stderr } = await runLading(['fly']);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^lading: .+\nhint: .+\n$/);
    assert.deepEqual(await runInProcess(['fly']), { code, stdout, stderr });
  });

  it('prints no result, whatever is wrong', async () => {
    const wrong = [
      [],
      ['fly'],
      ['save', 'reg.invalid/a:1'],
      ['save', '-o', path('x.tar')],
      ['save', 'UPPER', '-o', path('x.tar')],
      ['save', 'reg.invalid/a:1', '-o', path('x.tar'), '--format', 'zip'],
      ['save', 'reg.invalid/a:1', '-o', path('x.tar'), '--concurrency', '0'],
      ['save', 'reg.invalid/a:1', '-o', path('x.tar'), '--unknown'],
      ['serve', path('x.tar'), '--listen', 'everywhere'],
    ];
    const outcomes = await Promise.all(wrong.map((args) => runInProcess(args)));
    for (const [place, { code, stdout, stderr }] of outcomes.entries()) {
      const what = wrong[place]?.join(' ');
      assert.deepEqual([code, stdout], [2, ''], what);
      assert.match(stderr, /^lading: .+\n(hint: .+\n)?$/, what);
    }
    assert.equal(existsSync(path('x.tar')), false);
  });

  it('ends with 2, in one line, for a flag without its value and for one with a wrong value', async () => {
    const mistakes: [string[], string][] = [
      [['ls', 'a.tar', '--retries'], '--retries needs a value: attempts after the first'],
      [['save', 'a', '--platform', '-o', 'a.tar'], '--platform needs a value: all, or OS/ARCH'],
      [
        ['ls', 'a.tar', '--mirror', '--quiet'],
        '--mirror needs a value: a mirror, HOST=MIRROR[/PATH], to ask',
      ],
      [['ls', 'a.tar', '--progress'], '--progress needs a value: auto, bar, lines, json or none'],
      [['ls', '--SOURCE', 'a.tar'], 'ls takes SOURCE as an argument, not as a flag'],
      [['ls', 'a.tar', '--authfile', 'b', '--authfile', 'c'], '--authfile was given more than once'],
      [['ls', 'a.tar', '--progress', 'x'], '--progress takes auto, bar, lines, json or none, not "x"'],
      [
        ['convert', 'a.tar', 'app:1', 'b.tar', '--to', 'oci', '-o', 'x'],
        'too many arguments: "b.tar" is left over',
      ],
      [['version', '1'], 'version takes no arguments, and there is "1"'],
    ];
    for (const [args, message] of mistakes) {
      const { code, stderr } = await runInProcess(args);
      const [line = '', ...rest] = stderr.trimEnd().split('\n');
      assert.deepEqual([code, rest], [2, [`hint: lading ${args[0]} --help shows what there is.`]]);
      assert.ok(line.startsWith(`lading: ${message}`), line);
    }
  });

  it('ends with 2 and says in one line which arguments are missing', async () => {
    const missing: [string[], string][] = [
      [['load', '-i', 'a.tar'], 'load needs DEST: where to push, HOST[:PORT][/PREFIX]'],
      [['load', 'reg.test'], 'load needs --input: archive or layout; - for standard input'],
      [['save', 'a'], 'save needs --output: file, directory (DIR/), or - for standard output'],
      [
        ['copy', 'a'],
        'copy needs DST: docker://…, oci:DIR[:REF], oci-archive:FILE, docker-archive:FILE, or a path',
      ],
      [['copy'], 'copy needs SRC and DST'],
      [['convert'], 'convert needs SRC, --to and --output'],
      [['verify'], 'verify needs PATH: archives, layouts, buckets (s3://…), or JSON documents'],
      [['inspect'], 'inspect needs SOURCE: PATH or IMAGE'],
      [['ls'], 'ls needs SOURCE: PATH, HOST/REPOSITORY or HOST'],
    ];
    const outcomes = await Promise.all(missing.map(([args]) => runInProcess(args)));
    for (const [place, [[command], message]] of missing.entries()) {
      const stderr = `lading: ${message}\nhint: lading ${command} --help shows what there is.\n`;
      assert.deepEqual(outcomes[place], { code: 2, stdout: '', stderr });
    }
  });

  it('speaks of a mistyped flag, once, before it misses the right one', async () => {
    const mistakes: [string[], string, string][] = [
      [['save', 'a', '--ouput', 'x.tar'], 'unknown flag --ouput', 'Did you mean --output?'],
      [
        ['load', '--inptu', 'a.tar', '--keep-hots'],
        'unknown flags --inptu and --keep-hots',
        'Did you mean --input? Did you mean --keep-host?',
      ],
      [['convert', 'a', '--to', 'oic'], '--to takes oci, docker or schema1, not "oic"', 'Did you mean oci?'],
    ];
    for (const [args, message, hint] of mistakes)
      assert.deepEqual(await runInProcess(args), {
        code: 2,
        stdout: '',
        stderr: `lading: ${message}\nhint: ${hint}\n`,
      });
  });
});
