import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import type { Source } from '../../src/store/store.js';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { overriding } from '../support/openers.js';
import { type Terminal, useTerminals } from '../support/programs/terminal.js';
import { writeSparseArchive } from '../support/sparse-archive.js';
import { useFolder } from '../support/temporary.js';
import { PROGRAM, startLading } from './program.js';

/** A registry that stops in the middle of large layers until it is told to go on. */
class StoppingRegistry {
  readonly #registry: TestRegistry;
  #release = (): void => undefined;
  readonly #released = new Promise<void>((resolve) => {
    this.#release = resolve;
  });

  constructor(registry: TestRegistry) {
    this.#registry = registry;
  }

  /** From now on sends only so much of the layers of an image. */
  stop(repository: string, image: MadeImage, bytes: number): void {
    const store = this.#registry.storeOf(repository);
    const large = image.layers.find(({ descriptor }) => descriptor.size > 1_000_000);
    const released = this.#released;
    async function* stopping(content: Buffer): AsyncIterable<Buffer> {
      yield content.subarray(0, bytes);
      // The server holds the last piece back, as it does with the last one of all.
      yield content.subarray(bytes, bytes + 1);
      await released;
      yield content.subarray(bytes + 1);
    }
    const fetch: Source['fetch'] = async (descriptor, options) =>
      descriptor.digest === large?.descriptor.digest && large !== undefined
        ? Readable.from(stopping(large.bytes))
        : store.fetch(descriptor, options);
    this.#registry.replace(repository, overriding(store, { fetch }));
  }

  goOn(): void {
    this.#release();
  }
}

/** Replaces what differs from run to run. */
function steady(lines: string[]): string[] {
  return lines.map((line) =>
    line
      .replace(/127\.0\.0\.1:\d{5}/g, '127.0.0.1:PORT.')
      .replace(/…\d+\//, '…PORT./')
      .replace(/\[=* *\]/, '[bar]')
      .replace(/ [\d.]+ [kMG]?B\/s/, ' RATE')
      .replace(/ \d+ (s|min \d+ s) left/, ' LEFT'),
  );
}

describe('what terminals show', () => {
  const path = useFolder('the suite');
  const open = useTerminals();
  let registry: TestRegistry;
  let stopping: StoppingRegistry;
  before(async function () {
    needs(this, 'tmux');
    registry = await startRegistry();
    stopping = new StoppingRegistry(registry);
    const [database, web] = [
      await makeImage({ seed: 'db', layers: [4_000_000, 5000] }),
      await makeImage({ seed: 'web', layers: [2_000_000] }),
    ];
    await registry.put('org/database:16.2', database);
    await registry.put('web:1', web);
    stopping.stop('org/database', database, 3_000_000);
    stopping.stop('web', web, 1_000_000);
  });
  after(async () => {
    stopping?.goOn();
    await registry?.close();
  });

  const save = (output: string) => [
    ...[process.execPath, PROGRAM, 'save', `${registry.name}/org/database:16.2`, `${registry.name}/web:1`],
    ...['--plain-http', '-o', path(output)],
  ];

  const PLANNED = '2 images, 5 blobs, 6.01 MB';
  const WIDE_GAP = ' '.repeat(41);
  const SCREENS: Record<number, string[]> = {
    40: [
      PLANNED,
      ' 66 %  4.01 of 6.01 MB  LEFT',
      '  127.0.…abase:16.2   3.00 of 4.00 MB',
      '  127.0.…PORT./web:1   1.00 of 2.00 MB',
    ],
    80: [
      PLANNED,
      '[bar]   66 %  4.01 of 6.01 MB  RATE  LEFT  0 of 2 images',
      '  127.0.0.1:PORT./org/database:16.2     sha256:a2fc512c9148   3.00 of 4.00 MB',
      '  127.0.0.1:PORT./web:1                 sha256:449bd7d556db   1.00 of 2.00 MB',
    ],
    160: [
      PLANNED,
      '[bar]   66 %  4.01 of 6.01 MB  RATE  LEFT  0 of 2 images',
      `  127.0.0.1:PORT./org/database:16.2${WIDE_GAP}sha256:a2fc512c9148   3.00 of 4.00 MB`,
      `  127.0.0.1:PORT./web:1            ${WIDE_GAP}sha256:449bd7d556db   1.00 of 2.00 MB`,
    ],
  };

  for (const [columns, screen] of Object.entries(SCREENS))
    it(`are the whole and the largest transfers in ${columns} columns`, async () => {
      const terminal = await open(save(`${columns}.tar`), { columns: Number(columns) });
      assert.deepEqual(await shown(terminal, screen), screen);
    });

  it('are drawn anew when the terminal becomes narrower or wider, with nothing left over', async () => {
    const terminal = await open(save('resized.tar'), { columns: 120 });
    // As long as figures change, lines may be drawn before the program is told of the new size.
    await terminal.until(
      (lines) => lines[1] ?? '',
      (line) => line.includes('  0 B/s  '),
    );
    for (const columns of [40, 160, 80, 40]) {
      await terminal.resize(columns, 16);
      // The line above them may have left the screen: its lines were broken into more than it has.
      const [, whole = '', ...transfers] = SCREENS[columns] ?? [];
      const settled = whole.replace(
        columns === 40 ? 'LEFT' : 'LEFT  ',
        columns === 40 ? '0 of 2 images' : '',
      );
      const lines = await shown(terminal, [settled, ...transfers], -3);
      assert.deepEqual(
        lines.filter((line) => line !== PLANNED),
        [settled, ...transfers],
      );
    }
  });

  it('are only the whole where there are few rows', async () => {
    const terminal = await open(save('low.tar'), { columns: 80, rows: 3 });
    const expected = SCREENS[80]?.slice(0, 2) ?? [];
    assert.deepEqual(await shown(terminal, expected), expected);
  });

  it('are removed by Ctrl-C, and the error stands in their place', async () => {
    const terminal = await open(save('interrupted.tar'), { columns: 80 });
    await terminal.until(steady, (lines) => lines.length === 4);
    await terminal.press('C-c');
    const lines = await terminal.until(steady, (found) => found.includes('exit 130'));
    // The terminal echoes ^C behind the lines, so that goes with them.
    assert.deepEqual(lines, [
      PLANNED,
      'lading: interrupted',
      'hint: Run the same command again; it continues where it stopped.',
      'exit 130',
    ]);
  });

  it('have no control sequence without a cursor to move, but a line from time to time', async () => {
    const terminal = await open(save('dumb.tar'), { columns: 100, env: { TERM: 'dumb' } });
    const expected = [PLANNED, '66 %, 4.01 of 6.01 MB, RATE, LEFT, 0 of 2 images'];
    assert.deepEqual((await shown(terminal, expected, 2)).slice(0, 2), expected);
    assert.ok(!(await terminal.written()).includes('\x1b'));
  });

  it('are the same lines in a pipe', async () => {
    const [, , ...args] = save('piped.tar');
    const { process: child, outcome } = startLading(args);
    setTimeout(() => child.kill('SIGTERM'), 3500);
    const { code, stdout, stderr } = await outcome;
    assert.deepEqual(
      [code, stdout, steady(stderr.trimEnd().split('\n'))],
      [
        143,
        '',
        [
          PLANNED,
          '66 %, 4.01 of 6.01 MB, RATE, LEFT, 0 of 2 images',
          'lading: interrupted',
          'hint: Run the same command again; it continues where it stopped.',
        ],
      ],
    );
  });

  it('colour the word for an error alone, and no word with NO_COLOR', async () => {
    const command = [process.execPath, PROGRAM, 'ls', path('missing.tar')];
    const written = async (env: Record<string, string>): Promise<string> => {
      const terminal = await open(command, { columns: 100, env });
      await terminal.until(
        (lines) => lines.at(-1),
        (last) => last === 'exit 5',
      );
      return (await terminal.written()).replaceAll(path('missing.tar'), 'PATH').replaceAll('\r', '');
    };
    const plain = 'lading: PATH does not exist\nexit 5\n';
    assert.equal(await written({}), plain.replace('lading:', '\x1b[1;31mlading:\x1b[0m'));
    assert.equal(await written({ NO_COLOR: '1' }), plain);
    assert.equal(await written({ TERM: 'dumb' }), plain);
  });

  it('say how far a verification is, and of which path', async () => {
    for (const name of ['one.tar', 'two.tar'])
      await writeSparseArchive(path(name), { images: 2, layers: 8, bytes: 2e9, format: 'universal' });
    const paths = [path('one.tar'), path('two.tar')];
    const terminal = await open([process.execPath, PROGRAM, 'verify', ...paths], { columns: 120 });
    const verifying = /^\[bar\] {2}verifying {2,4}\d+ % {2}[\d.]+ (MB )?of 2\.00 GB.*\.tar \([12] of 2\)$/;
    const isVerifying = (lines: string[]): boolean => verifying.test(lines[0] ?? '');
    const lines = await terminal.until(steady, isVerifying);
    assert.ok(isVerifying(lines) && lines.length === 1, lines.join('\n'));
  });

  // Last, since it lets all of them go on.
  it('end with the result alone', async () => {
    const terminal = await open(save('done.tar'), { columns: 160 });
    await terminal.until(steady, (lines) => lines.length === 4);
    stopping.goOn();
    const lines = await terminal.until(steady, (found) => found.at(-1) === 'exit 0');
    assert.deepEqual(
      lines.map((line) => line.replace(/sha256:\S+ +/, '').replaceAll(path('done.tar'), 'PATH')),
      [
        PLANNED,
        '127.0.0.1:PORT./org/database:16.2  4.01 MB',
        '127.0.0.1:PORT./web:1              2.00 MB',
        '2 images in PATH: 6.01 MB, 6.01 MB fetched',
        'exit 0',
      ],
    );
  });
});

/** Waits until the terminal shows these lines; with `count`, only the first ones are compared, or the last ones. */
async function shown(
  terminal: Terminal,
  expected: readonly string[],
  count = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const wanted = JSON.stringify(expected);
  return terminal.until(
    steady,
    (lines) => JSON.stringify(count < 0 ? lines.slice(count) : lines.slice(0, count)) === wanted,
  );
}
