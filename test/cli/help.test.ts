import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { COMMANDS } from '../../src/cli/commands.js';
import { completionsOf } from '../../src/cli/completion.js';
import { describeCommand } from '../../src/cli/describe-command.js';
import { EXIT } from '../../src/cli/exit-codes.js';
import { helpCommand } from '../../src/cli/help.js';
import { TOPICS } from '../../src/cli/help-topics.js';
import { createOutput } from '../../src/cli/output.js';
import { widthOf } from '../../src/cli/width.js';
import { runInProcess } from './in-process.js';
import { runLading } from './program.js';

describe('the help', () => {
  it('is the same for --help, help and an alias, with the usage first, and fits 80 columns', async () => {
    const { stdout } = await runInProcess(['save', '--help']);
    for (const args of [
      ['help', 'save'],
      ['help', 'pull'],
      ['help', 'save', '--help'],
      ['pull', '-h'],
      ['save', 'a', '--unknown', '--help'],
    ])
      assert.deepEqual(await runInProcess(args), { code: 0, stdout, stderr: '' }, args.join(' '));
    const headings = stdout.split('\n').filter((line) => /^[A-Z]\w*:/.test(line));
    assert.deepEqual(headings.slice(0, 3), ['Usage: lading save IMAGE... -o OUT', 'Examples:', 'Arguments:']);
    assert.deepEqual(headings.slice(-4), ['Options:', 'Output:', 'Registry:', 'Bucket:']);
    assert.match(stdout, /^ {2}-o, --output OUT .*\n.*\(required\)$/m);
    assert.match(stdout, /--\[no-\]referrers .*\(default: on\)/);
  });

  it('fits 80 columns but for commands to copy, and shows each default once', async () => {
    for (const { name } of [...COMMANDS, ...Object.keys(TOPICS).map((name) => ({ name }))]) {
      for (const line of (await helpOn(name)).split('\n'))
        assert.ok(widthOf(line) <= 80 || /^ {2}(\S+ .*\| )?lading /.test(line), `${name}: ${line}`);
    }
  });

  it('lists all commands and topics', async () => {
    const { code, stdout } = await runInProcess(['--help']);
    assert.equal(code, 0);
    for (const { name, summary } of COMMANDS) {
      assert.match(stdout, new RegExp(`^  ${name}\\b`, 'm'));
      assert.ok(stdout.replace(/\n +/g, ' ').includes(summary), summary);
    }
    for (const topic of Object.keys(TOPICS)) assert.ok(stdout.includes(`help ${topic}`));
    assert.deepEqual(await runInProcess(['help']), { code, stdout, stderr: '' });
  });

  it('has an example and a usage line of every command, with the flags that it requires', async () => {
    for (const command of COMMANDS) {
      const { usage, options, examples } = await describeCommand(command);
      assert.ok(examples.length > 0 && examples.every(({ line }) => line.includes(`lading ${command.name}`)));
      for (const { name, alias } of options.filter(({ isRequired }) => isRequired))
        assert.match(usage, new RegExp(` (--${name}|-${alias}) [A-Z]`));
    }
  });

  it('is data with --json', async () => {
    const { stdout } = await runInProcess(['help', 'save', '--json']);
    const { name, aliases, usage, options } = JSON.parse(stdout);
    assert.deepEqual([name, aliases, usage], ['save', ['pull'], 'lading save IMAGE... -o OUT']);
    assert.deepEqual(options[0], {
      name: 'output',
      alias: 'o',
      value: 'OUT',
      describe: 'File, directory (DIR/), or - for standard output',
      group: 'Options',
      isRequired: true,
      isRepeatable: false,
      isOnByDefault: false,
    });
  });

  it('explains every exit code', async () => {
    const { stdout } = await runInProcess(['help', 'exit-codes']);
    for (const code of Object.values(EXIT)) assert.match(stdout, new RegExp(`^  ${code} +\\w`, 'm'));
  });
});

/** Returns what `lading help TOPIC` prints where the width of the terminal is unknown. */
async function helpOn(topic: string): Promise<string> {
  let printed = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      printed += chunk;
      done();
    },
  });
  const flags = { json: false, quiet: false, verbose: false };
  const output = createOutput({ ...flags, stdout, stderr: stdout });
  const argv = { ...flags, progress: 'auto' as const, TOPIC: topic };
  const { signal } = new AbortController();
  const streams = { signal, ignoreStderr: () => undefined, failure: () => undefined };
  const settings = { given: new Set<string>(), settings: [], file: undefined, registries: {}, warnings: [] };
  assert.equal(await helpCommand.run(argv, { output, signal, streams, commands: COMMANDS, settings }), 0);
  return printed;
}

describe('completion', () => {
  const complete = async (...words: string[]): Promise<string[]> =>
    (await completionsOf(words, COMMANDS)).map(([word]) => word);

  it('offers commands, flags and the values of flags', async () => {
    assert.deepEqual(await complete('lo'), ['lock', 'load', 'login', 'logout']);
    assert.deepEqual(await complete('save', '--form'), ['--format']);
    assert.deepEqual(await complete('pull', '--no-ref'), ['--no-referrers']);
    assert.deepEqual(await complete('save', '--format', 'oci'), ['oci-archive', 'oci']);
    assert.deepEqual(await complete('save', '--format=oci'), ['--format=oci-archive', '--format=oci']);
    assert.deepEqual(await complete('save', '--format', '=', 'oci'), ['oci-archive', 'oci']);
    assert.equal((await complete('save', '--format', '=')).length, 4);
    assert.deepEqual(await complete('save', '--file=x'), []);
    assert.deepEqual(await complete('help', 'exit'), ['exit-codes']);
    assert.ok((await complete('ls', '--')).includes('--json'));
  });

  it('leaves names of files and images to the shell', async () => {
    assert.deepEqual(await complete('save', '-f', ''), []);
    assert.deepEqual(await complete('save', '--output', 'x'), []);
    assert.deepEqual(await complete('inspect', 'x.tar', ''), []);
    assert.deepEqual(await complete('inspect', ''), []);
  });

  it('is asked by the script of the shell', async () => {
    const env = { SHELL: '/bin/bash' };
    const { stdout } = await runInProcess(['completion'], { env });
    assert.match(stdout, /lading --get-yargs-completions/);
    assert.equal(
      (await runInProcess(['--get-yargs-completions', 'lading', 'ver'], { env })).stdout,
      'verify\nversion\n',
    );
    const zsh = await runLading(['--get-yargs-completions', 'lading', 'vers'], {
      env: { SHELL: '/bin/zsh' },
    });
    assert.equal(zsh.stdout, 'version:Print the version\n');
  });
});
