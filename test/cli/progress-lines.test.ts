import assert from 'node:assert/strict';
import { progressLine, progressLines } from '../../src/cli/progress-lines.js';
import { ProgressState } from '../../src/cli/progress-state.js';
import { widthOf } from '../../src/cli/width.js';
import type { CopyEvent } from '../../src/events.js';

const MB = 1_000_000;

function blob(digit: string, size: number) {
  return { mediaType: 'application/octet-stream', digest: `sha256:${digit.repeat(64)}` as const, size };
}

const LARGE = blob('a', 60 * MB);
const MIDDLE = blob('b', 25 * MB);
const SMALL = blob('c', 1000);

/** A copy of four images that began with 15 MB of an earlier run and has run for five seconds. */
const COPYING: readonly (CopyEvent | number)[] = [
  { type: 'planned', images: 4, blobs: 3, bytes: 85 * MB + 1000 },
  { type: 'started', descriptor: LARGE, name: 'quay.io/org/database:16.2' },
  { type: 'started', descriptor: MIDDLE, name: 'registry.example/組織/データベース:1' },
  { type: 'started', descriptor: SMALL, name: 'quay.io/org/database:16.2' },
  { type: 'received', descriptor: LARGE, bytes: 15 * MB, origin: 'kept' },
  { type: 'received', descriptor: SMALL, bytes: 1000, origin: 'fetched' },
  { type: 'done', descriptor: SMALL },
  { type: 'copied', name: 'quay.io/org/small:1' },
  5000,
  { type: 'received', descriptor: LARGE, bytes: 15 * MB, origin: 'fetched' },
  { type: 'received', descriptor: MIDDLE, bytes: 10 * MB, origin: 'fetched' },
];

/** Numbers are milliseconds that pass. */
function taking(steps: readonly (CopyEvent | number)[]): { state: ProgressState; now: number } {
  let now = 0;
  const state = new ProgressState(() => now);
  for (const step of steps) {
    if (typeof step === 'number') now += step;
    else state.take(step);
  }
  return { state, now };
}

function screen(steps: readonly (CopyEvent | number)[], columns: number, rows = 24): string[] {
  const { state, now } = taking(steps);
  return progressLines(state, { columns, rows, now });
}

describe('the lines of progress', () => {
  it('are the whole, with the rate and the time left, and the largest transfers', () => {
    assert.deepEqual(screen(COPYING, 120), [
      '[==============                ]   47 %  40.0 of 85.0 MB  5.00 MB/s  9 s left  1 of 4 images  15.0 MB already there',
      '  quay.io/org/database:16.2                                                 sha256:aaaaaaaaaaaa   30.0 of 60.0 MB',
      '  registry.example/組織/データベース:1                                      sha256:bbbbbbbbbbbb   10.0 of 25.0 MB',
    ]);
  });

  it('leave out what matters least where a terminal is narrow', () => {
    assert.deepEqual(screen(COPYING, 80), [
      '[=======        ]   47 %  40.0 of 85.0 MB  5.00 MB/s  9 s left  1 of 4 images',
      '  quay.io/org/database:16.2             sha256:aaaaaaaaaaaa   30.0 of 60.0 MB',
      '  registry.example/組織/データベース:1  sha256:bbbbbbbbbbbb   10.0 of 25.0 MB',
    ]);
    assert.deepEqual(screen(COPYING, 40), [
      ' 47 %  40.0 of 85.0 MB  9 s left',
      '  quay.i…abase:16.2   30.0 of 60.0 MB',
      '  regist…タベース:1   10.0 of 25.0 MB',
    ]);
  });

  it('fit into every width, wide characters too', () => {
    for (let columns = 20; columns <= 200; columns++)
      for (const line of screen(COPYING, columns))
        assert(widthOf(line) < columns, `${columns} columns: ${line}`);
  });

  it('leave room in a terminal with few rows', () => {
    assert.deepEqual(
      [2, 3, 4, 5].map((rows) => screen(COPYING, 80, rows).length),
      [1, 1, 2, 3],
    );
  });

  it('say how far the reading of the images is', () => {
    const steps: CopyEvent[] = [
      { type: 'reading', images: 40 },
      { type: 'resolved', name: 'quay.io/a/one:1', descriptor: SMALL },
      { type: 'resolved', name: 'quay.io/a/two:1', descriptor: SMALL },
      { type: 'read', name: 'quay.io/a/one:1' },
    ];
    assert.deepEqual(screen([...steps, 3000], 80), [
      '[=                ]  reading 40 images  2 found  1 read  3 s  quay.io/a/one:1',
    ]);
    assert.deepEqual(screen(steps, 40), ['reading 40 images  2 found  1 read']);
  });

  it('begin again when another path is verified', () => {
    const { state } = taking([{ type: 'hashed', bytes: 10 * MB, totalBytes: 10 * MB }]);
    state.begin('two.tar (2 of 3)');
    assert.equal(progressLine(state, 0), 'starting, two.tar (2 of 3)');
    state.take({ type: 'hashed', bytes: 4 * MB, totalBytes: 8 * MB });
    assert.equal(progressLine(state, 0), 'verifying, 50 %, 4.00 of 8.00 MB, two.tar (2 of 3)');
  });

  it('count what several repositories get once, and no byte twice that was sent again', () => {
    const { state } = taking([
      { type: 'planned', images: 2, blobs: 1, bytes: MIDDLE.size },
      { type: 'received', descriptor: MIDDLE, bytes: 20 * MB, origin: 'fetched' },
      { type: 'received', descriptor: MIDDLE, bytes: 20 * MB, origin: 'fetched' },
      { type: 'skipped', descriptor: MIDDLE },
    ]);
    assert.equal(progressLine(state, 0), '100 %, 25.0 of 25.0 MB, 0 of 2 images');
  });

  it('are a line for a log, with everything', () => {
    const { state, now } = taking(COPYING);
    assert.equal(
      progressLine(state, now),
      '47 %, 40.0 of 85.0 MB, 5.00 MB/s, 9 s left, 1 of 4 images, 15.0 MB already there',
    );
  });

  it('escape what a name could do to a terminal', () => {
    const steps: CopyEvent[] = [
      { type: 'reading', images: 1 },
      { type: 'resolved', name: 'a\x1b[2Jb', descriptor: SMALL },
    ];
    assert.match(screen(steps, 100)[0] ?? '', /a\\x1b\[2Jb$/);
  });
});
