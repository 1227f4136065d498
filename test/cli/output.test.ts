import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import { formatBytes, formatTable, plural } from '../../src/cli/format.js';
import { createOutput, type OutputOptions } from '../../src/cli/output.js';
import { ContentError, type ErrorCode, LadingError } from '../../src/errors.js';
import { takeWritten } from '../support/written.js';

/** An output, and what was written to its streams. */
function capture(options: Partial<OutputOptions> = {}): {
  output: ReturnType<typeof createOutput>;
  written: () => [stdout: string, stderr: string];
} {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = createOutput({ json: false, quiet: false, verbose: false, stdout, stderr, ...options });
  return { output, written: () => [takeWritten(stdout), takeWritten(stderr)] };
}

describe('the output of a command', () => {
  it('has the result on standard output, as text or as one document', () => {
    const text = capture();
    text.output.result({ a: 1 }, () => 'one a\n');
    assert.deepEqual(text.written(), ['one a\n', '']);
    const json = capture({ json: true });
    json.output.result({ a: 1 }, () => 'one a\n');
    assert.deepEqual(json.written(), ['{\n  "a": 1\n}\n', '']);
  });

  it('has the bytes of a document, which only a terminal gets escaped', () => {
    const document = Buffer.from('{\n  "a": "\x9b31m\u202e"}');
    const plain = capture();
    plain.output.bytes(document);
    assert.deepEqual(plain.written(), [document.toString(), '']);
    const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 40 });
    const { output } = capture({ stdout });
    output.bytes(document);
    assert.deepEqual([output.width, takeWritten(stdout)], [40, '{\n  "a": "\\x9b31m\\u202e"}\n']);
    assert.equal(plain.output.width, undefined);
    // A serial console, or `docker exec -t` before its client told the size.
    const unknown = Object.assign(new PassThrough(), { isTTY: true, columns: 0 });
    assert.equal(capture({ stdout: unknown }).output.width, undefined);
  });

  it('leaves standard output to an archive', () => {
    const { output, written } = capture({ json: true });
    output.reserveStdout().write('archive');
    output.result({ a: 1 }, () => '');
    output.error(new LadingError('IO', 'disk'));
    const [stdout, stderr] = written();
    assert.equal(stdout, 'archive');
    assert.ok(stderr.startsWith('{\n  "a": 1\n}\n{"error":'));
  });

  it('has nothing but lines of JSON on standard error where lines of JSON were asked for', () => {
    const { output, written } = capture({ jsonLines: true });
    output.reserveStdout();
    output.warning('careful');
    output.message('for your information');
    output.event({ type: 'done' });
    output.result({ a: 1 }, () => 'one a\n');
    output.error(new LadingError('IO', 'disk', { hint: 'Look.' }));
    const [stdout, stderr] = written();
    assert.equal(stdout, '');
    const documents = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(documents, [
      { type: 'warning', message: 'careful' },
      { type: 'message', message: 'for your information' },
      { type: 'done' },
      { type: 'result', result: { a: 1 } },
      { type: 'error', error: { code: 'IO', message: 'disk', hint: 'Look.' } },
    ]);
  });

  it('says what went wrong, then what to do', () => {
    const { output, written } = capture();
    output.error(new LadingError('NOT_FOUND', 'x is not there', { hint: 'Look elsewhere.' }));
    output.error(new ContentError('INVALID_DIGEST', 'no hint'));
    assert.deepEqual(written(), ['', 'lading: x is not there\nhint: Look elsewhere.\nlading: no hint\n']);
  });

  it('says a remedy by the flags of the command, and to programs by its word, too', () => {
    const error = new LadingError('ALREADY_EXISTS', 'x holds y', { hint: 'Add to it.', remedy: 'append' });
    const hint = 'Add to it. --append keeps what is there.';
    const flags = { append: {}, referrers: {} };
    const text = capture({ flags });
    text.output.error(error);
    text.output.warning('much is attached', { remedy: 'referrers' });
    assert.deepEqual(text.written(), [
      '',
      `lading: x holds y\nhint: ${hint}\nwarning: much is attached (--no-referrers leaves out what is attached)\n`,
    ]);
    const described = { code: 'ALREADY_EXISTS', message: 'x holds y', hint, remedy: 'append' };
    assert.deepEqual(text.output.describe(error), described);
    const json = capture({ flags, json: true });
    json.output.error(error);
    assert.deepEqual(JSON.parse(json.written()[0]), { error: described });
    const lines = capture({ flags, jsonLines: true });
    lines.output.error(error);
    lines.output.warning('much is attached', { remedy: 'referrers' });
    const documents = lines.written()[1].trim().split('\n');
    assert.deepEqual(
      documents.map((line) => JSON.parse(line)),
      [
        { type: 'error', error: described },
        {
          type: 'warning',
          message: 'much is attached',
          hint: '--no-referrers leaves out what is attached.',
          remedy: 'referrers',
        },
      ],
    );
  });

  it('says nothing of a flag that the command does not have', () => {
    const { output, written } = capture();
    output.error(new LadingError('ALREADY_EXISTS', 'x holds y', { hint: 'Add to it.', remedy: 'append' }));
    output.error(new LadingError('USAGE', 'no', { remedy: 'omitFormat' }));
    assert.deepEqual(written(), ['', 'lading: x holds y\nhint: Add to it.\nlading: no\n']);
  });

  it('shows the chain of causes when it is to be verbose', () => {
    const cause = new Error('middle', {
      cause: Object.assign(new Error('root\nof it'), { name: 'SystemError' }),
    });
    const { output, written } = capture({ verbose: true });
    output.error(new LadingError('IO', 'top', { cause }));
    assert.deepEqual(written(), [
      '',
      'lading: top\ncause: Error: middle\ncause: SystemError: root\\x0aof it\n',
    ]);
  });

  it('owns up to a bug', () => {
    const { output, written } = capture();
    output.error(new TypeError('x is undefined'));
    assert.match(written()[1], /^lading: x is undefined\nhint: This should not happen/);
    const json = capture({ json: true });
    json.output.error('thrown text');
    const { error } = JSON.parse(json.written()[0]);
    assert.deepEqual([error.code, error.message], ['INTERNAL', 'thrown text']);
  });

  it('warns, unless it is to be quiet', () => {
    const loud = capture();
    loud.output.warning('a\u001b[31m');
    assert.deepEqual(loud.written(), ['', 'warning: a\\x1b[31m\n']);
    const quiet = capture({ quiet: true });
    quiet.output.warning('a');
    assert.deepEqual(quiet.written(), ['', '']);
  });
});

describe('exit codes', () => {
  it('follow the kind of error', () => {
    const codes: [ErrorCode, number][] = [
      ['ALREADY_EXISTS', 1],
      ['NO_SPACE', 1],
      ['USAGE', 2],
      ['INVALID_REFERENCE', 2],
      ['DIGEST_MISMATCH', 3],
      ['MISSING_CONTENT', 3],
      ['TOO_LARGE', 3],
      ['PARTIAL', 4],
      ['NOT_FOUND', 5],
      ['UNAUTHORIZED', 6],
      ['DENIED', 6],
      ['UNREACHABLE', 7],
      ['CUT_SHORT', 7],
      ['ABORTED', 130],
    ];
    for (const [code, exit] of codes) assert.equal(exitCodeOf(new LadingError(code, code)), exit, code);
    assert.equal(exitCodeOf(new Error('bug')), 1);
  });
});

describe('what people read', () => {
  it('has bytes in decimal units with three digits', () => {
    const sizes: [number, string][] = [
      [0, '0 B'],
      [999, '999 B'],
      [1000, '1.00 kB'],
      [9949, '9.95 kB'],
      [12_345, '12.3 kB'],
      [999_499, '999 kB'],
      [999_500, '1.00 MB'],
      [123_456_789, '123 MB'],
      [5e12, '5.00 TB'],
      [5e15, '5000 TB'],
    ];
    for (const [bytes, text] of sizes) assert.equal(formatBytes(bytes), text);
  });

  it('has columns under each other, and nothing that moves the cursor', () => {
    assert.equal(
      formatTable([
        ['a', 'bb', 'c'],
        ['aaa', '\u001b[2J', ''],
      ]),
      'a    bb       c\naaa  \\x1b[2J\n',
    );
    assert.equal(formatTable([]), '');
    assert.deepEqual(
      [plural(1, 'blob'), plural(0, 'blob'), plural(2, 'blob')],
      ['1 blob', '0 blobs', '2 blobs'],
    );
  });
});
