import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { createOutput } from '../../src/cli/output.js';
import { watchStandardStreams } from '../../src/cli/standard-streams.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { copyInto, storeOf } from '../support/archives.js';
import { makeImage } from '../support/images.js';
import { type Outcome, run } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { PROGRAM } from './program.js';

/** A failure as the operating system names it. */
const failure = (code: string): Error => Object.assign(new Error(code), { code });

describe('standard streams that fail', () => {
  const watch = () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    return { stdout, stderr, streams: watchStandardStreams(stdout, stderr) };
  };

  it('end the command with 141 and no word when their reader has gone, whichever it is', async () => {
    for (const name of ['stdout', 'stderr'] as const) {
      const watched = watch();
      assert.equal(watched.streams.failure(), undefined);
      watched[name].destroy(failure('EPIPE'));
      assert.deepEqual(watched.streams.failure(), { exitCode: 141, message: undefined });
      await turn();
      assert.equal(watched.streams.signal.aborted, true);
    }
  });

  it('are an error in one line where standard output is full', () => {
    for (const [code, text] of Object.entries({
      ENOSPC: 'no space left',
      EFBIG: 'file too large',
      EIO: 'i/o',
    })) {
      const { stdout, streams } = watch();
      stdout.destroy(failure(code));
      const { exitCode, message } = streams.failure() ?? {};
      assert.equal(exitCode, 1);
      assert.match(message ?? '', new RegExp(`^lading: standard output: ${text}.*\\n$`));
    }
  });

  it('lose messages that standard error does not take, and go on', async () => {
    const { stderr, streams } = watch();
    stderr.destroy(failure('ENOSPC'));
    await turn();
    assert.deepEqual([streams.failure(), streams.signal.aborted], [undefined, false]);
  });

  it('do not end a server whose log nobody reads', async () => {
    const { stderr, streams } = watch();
    streams.ignoreStderr();
    stderr.destroy(failure('EPIPE'));
    await turn();
    assert.deepEqual([streams.failure(), streams.signal.aborted], [undefined, false]);
  });
});

describe('the program whose output is not taken', () => {
  const path = useFolder('the suite');
  before(async () => {
    const images = {
      'reg.test/a:1': await makeImage({ seed: 'a', layers: [300_000] }),
      'reg.test/b:1': await makeImage({ seed: 'b' }),
    };
    const archive = await openArchiveForWriting(path('images.tar'), { format: 'universal' });
    await copyInto(archive, await storeOf(images), Object.keys(images));
  });

  /** Runs the program in a shell, where file 4 is a pipe that nobody reads. */
  const inShell = (args: string, redirection: string): Promise<Outcome> => {
    const script = `mkfifo pipe; exec 3<>pipe 4>pipe 3<&-; rm pipe; "$0" "$1" ${args} ${redirection}`;
    const env = { PATH: process.env.PATH, HOME: '/nonexistent', TMPDIR: path() };
    const options = { env, cwd: path(), timeout: 15_000 };
    return run('bash', ['-c', script, process.execPath, PROGRAM], options);
  };
  const COUNTS = /^\d+ images?, \d+ blobs?, .*\n/;

  for (const command of [
    'ls images.tar',
    'inspect --json images.tar',
    'convert images.tar --to docker -o -',
    'convert images.tar --to docker -o - --format docker-archive --platform linux/amd64',
    '--version',
    '--help',
    'save --help',
    'completion',
  ]) {
    it(`ends ${command} with 141 and silence when the reader of a pipe has gone`, async () => {
      const { code, stderr } = await inShell(command, '>&4');
      assert.deepEqual([code, stderr.replace(COUNTS, '')], [141, '']);
    });

    it(`ends ${command} with 1 and one line when a device is full`, async () => {
      const { code, stderr } = await inShell(command, '>/dev/full');
      const line = 'lading: standard output: no space left on device (ENOSPC)\n';
      assert.deepEqual([code, stderr.replace(COUNTS, '')], [1, line]);
    });
  }

  it('breaks off when nobody reads its messages, and names nothing that is not whole', async () => {
    for (const flags of ['--progress json', '--progress lines', '--verbose']) {
      const { code, stderr } = await inShell(`convert images.tar --to docker -o out.tar ${flags}`, '2>&4');
      assert.deepEqual([code, stderr, existsSync(path('out.tar'))], [141, '', false], flags);
    }
    assert.equal((await inShell('fly', '2>&4')).code, 141, 'a mistake');
    assert.equal((await inShell('ls nothing.tar', '2>/dev/full')).code, 5, 'its own exit code');
  });

  it('refuses to write an archive to a terminal, and says what to do', () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    const output = createOutput({
      json: false,
      quiet: false,
      verbose: false,
      stdout: terminal,
      stderr: new PassThrough(),
    });
    assert.throws(() => output.reserveStdout(), { code: 'USAGE', hint: /-o FILE/ });
    assert.equal(terminal.read(), null);
  });
});
