import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { GlobalArguments } from '../../src/cli/options.js';
import { createOutput } from '../../src/cli/output.js';
import { progressMode, withProgress } from '../../src/cli/progress.js';
import { LadingError } from '../../src/errors.js';
import type { CopyEvent } from '../../src/events.js';
import { contentOf } from '../support/images.js';
import { takeWritten } from '../support/written.js';

const { descriptor } = contentOf('text/plain', Buffer.alloc(1500));
const EVENTS: CopyEvent[] = [
  { type: 'reading', images: 2 },
  { type: 'resolved', name: 'reg.test/a:1', descriptor },
  { type: 'read', name: 'reg.test/a:1' },
  { type: 'planned', images: 1, blobs: 2, bytes: 3000 },
  { type: 'started', descriptor, name: 'reg.test/a:1' },
  { type: 'received', descriptor, bytes: 1500, origin: 'fetched' },
  {
    type: 'retrying',
    what: descriptor.digest,
    attempt: 1,
    delayMs: 250,
    error: new LadingError('CUT_SHORT', 'cut\n'),
  },
  { type: 'done', descriptor },
  { type: 'skipped', descriptor },
  { type: 'copied', name: 'reg.test/a:1' },
  { type: 'waiting', holder: 'process 7 on here' },
  { type: 'limited', registry: 'docker.io', limit: 100, remaining: 99, windowSeconds: 21_600 },
  { type: 'limited', registry: 'docker.io', limit: 100, remaining: 3, windowSeconds: 21_600 },
  { type: 'warning', message: 'beware' },
  { type: 'warning', message: 'no tag', remedy: 'tagDigests' },
  { type: 'failed', name: 'reg.test/b:1', error: new LadingError('NOT_FOUND', 'gone') },
  { type: 'tagged', name: 'reg.test/a:1', descriptor },
];

describe('the progress of a copy', () => {
  const shown = async (flags: Partial<GlobalArguments>): Promise<string[]> => {
    const all: GlobalArguments = { json: false, progress: 'lines', quiet: false, verbose: false, ...flags };
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const jsonLines = all.progress === 'json';
    const output = createOutput({ ...all, jsonLines, flags: { 'tag-digests': {} }, stdout, stderr });
    await withProgress(all, output, async ({ onEvent }) => {
      for (const event of EVENTS) onEvent(event);
    });
    assert.equal(stdout.read(), null, 'nothing of it is on standard output');
    return takeWritten(stderr).split('\n').slice(0, -1);
  };

  it('tells in lines what a user should know', async () => {
    assert.deepEqual(await shown({}), [
      '1 image, 2 blobs, 3.00 kB',
      'cut\\x0a; trying again',
      'waiting for process 7 on here, which writes to the same output',
      'docker.io allows 3 of 100 more pulls for 6 h',
      'warning: beware',
      'warning: no tag (--tag-digests gives it a tag)',
      'reg.test/b:1: failed',
    ]);
  });

  it('tells of every blob when it is to be verbose', async () => {
    const lines = await shown({ verbose: true });
    assert.ok(lines.includes(`reg.test/a:1: ${descriptor.digest}`));
    assert.ok(lines.includes(`${descriptor.digest}: done, 1.50 kB`));
    assert.ok(lines.includes(`${descriptor.digest}: already there`));
    assert.ok(lines.includes('docker.io allows 99 of 100 more pulls for 6 h'));
    assert.ok(lines.includes('reg.test/a:1: tagged'));
  });

  it('tells programs every event as a line of JSON', async () => {
    const lines = (await shown({ progress: 'json' })).map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ type }) => type),
      EVENTS.map(({ type }) => type),
    );
    assert.equal(lines.find(({ type }) => type === 'retrying').error, 'cut\\x0a');
    const hint = '--tag-digests gives it a tag.';
    assert.deepEqual(
      lines.filter(({ type }) => type === 'warning'),
      [
        { type: 'warning', message: 'beware' },
        { type: 'warning', message: 'no tag', hint, remedy: 'tagDigests' },
      ],
    );
  });

  it('is warnings alone without progress, and silent when it is to be quiet', async () => {
    assert.deepEqual(await shown({ progress: 'none' }), [
      'warning: beware',
      'warning: no tag (--tag-digests gives it a tag)',
    ]);
    assert.deepEqual(await shown({ quiet: true }), []);
  });

  it('is drawn where there are a terminal and a person, else written in lines', () => {
    const mode = (progress: string, isTTY: boolean, env: NodeJS.ProcessEnv = {}) =>
      progressMode({ quiet: false, progress } as GlobalArguments, { isTTY }, { TERM: 'xterm', ...env });
    assert.equal(mode('auto', true), 'bar');
    assert.equal(mode('auto', false), 'lines');
    assert.equal(mode('auto', true, { CI: 'true' }), 'lines');
    assert.equal(mode('auto', true, { CI: 'false' }), 'bar');
    assert.equal(mode('bar', true, { CI: 'true' }), 'bar');
    assert.equal(mode('bar', true, { TERM: 'dumb' }), 'lines', 'it has no cursor to move');
    assert.equal(mode('bar', false), 'lines');
    assert.equal(mode('json', true), 'json');
    assert.equal(progressMode({ quiet: true, progress: 'bar' }, { isTTY: true }, {}), 'none');
  });
});
