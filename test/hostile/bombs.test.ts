import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { verify } from '../../src/operations/verify/verify.js';
import { BOMBS, gzipBomb, withLayer, zstdBomb } from '../support/hostile/bombs.js';
import { runCommand } from '../support/hostile/command.js';
import { describeAttacks, useEnvironment } from '../support/hostile/run.js';
import { countAttack } from '../support/hostile/tally.js';
import { useFolder } from '../support/temporary.js';

const MiB = 1024 * 1024;

describeAttacks(BOMBS);

describe('limits of what may come out of a bomb', () => {
  const path = useFolder();
  const environment = useEnvironment(() => ({ TMPDIR: path('tmp'), XDG_CACHE_HOME: path('cache') }));
  beforeEach(async () => {
    for (const folder of ['tmp', 'cache', 'out']) await mkdir(path(folder));
    environment.enter();
  });
  afterEach(() => environment.leave());

  const READERS: Record<string, (archive: string) => string[]> = {
    verify: (archive) => ['verify', archive],
    inspect: (archive) => ['inspect', archive],
    ls: (archive) => ['ls', archive],
    load: (archive) => ['load', '-i', archive, '127.0.0.1:1'],
    convert: (archive) => ['convert', archive, '-o', path('out/a.tar'), '--to', 'docker'],
    copy: (archive) => ['copy', archive, `oci-archive:${path('out/b.tar')}`],
  };
  for (const [reader, commandFor] of Object.entries(READERS)) {
    for (const [flag, value] of [
      ['--max-archive-bytes', 8 * MiB],
      ['--max-ratio', 100],
    ] as const) {
      it(`hold for an archive that ${reader} decompresses: ${flag}`, async () => {
        const tally = countAttack(BOMBS.title);
        await writeFile(path('in.tar.gz'), gzipBomb(32));
        const { exit, stdout } = await runCommand(
          ...commandFor(path('in.tar.gz')),
          flag,
          String(value),
          '--json',
        );
        assert.equal(exit, 3, stdout);
        const { code, hint } = JSON.parse(stdout).error;
        assert.equal(code, 'TOO_LARGE');
        assert.ok(hint.includes(flag), hint);
        assert.deepEqual([await readdir(path('tmp')), await readdir(path('out'))], [[], []]);
        tally.end('refused');
      });
    }
  }

  for (const [compression, bomb] of [
    ['gzip', gzipBomb(32)],
    ['zstd', zstdBomb(32 * MiB)],
  ] as const) {
    it(`hold for a layer that convert compresses anew: ${compression}`, async () => {
      const tally = countAttack(BOMBS.title);
      await writeFile(path('in.tar'), withLayer(MEDIA_TYPE.ociLayerGzip, bomb));
      const output = ['-o', path('out/a.tar'), '--to', 'docker', '--compression'];
      for (const [way, flag] of [
        ['none', '--max-layer-bytes'],
        ['none', '--max-ratio'],
      ] as const) {
        const { exit, stdout } = await runCommand(
          'convert',
          path('in.tar'),
          ...output,
          way,
          flag,
          '100',
          '--json',
        );
        assert.equal(exit, 3, stdout);
        assert.equal(JSON.parse(stdout).error.code, 'TOO_LARGE');
        assert.deepEqual(await readdir(path('out')), []);
      }
      tally.end('refused');
    });
  }

  it('are not needed for memory: half a gigabyte of zeros is hashed as it comes', async () => {
    const tally = countAttack(BOMBS.title);
    await writeFile(path('in.tar'), withLayer(MEDIA_TYPE.ociLayerGzip, gzipBomb(512)));
    const before = process.memoryUsage.rss();
    let peak = before;
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 5);
    try {
      const { ok } = await verify(path('in.tar'));
      assert.equal(ok, false);
    } finally {
      clearInterval(timer);
    }
    assert.ok(peak - before < 200 * MiB, `${Math.round((peak - before) / MiB)} MiB more`);
    tally.end('refused');
  });
});
