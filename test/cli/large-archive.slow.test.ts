import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { writeSparseArchive } from '../support/sparse-archive.js';
import { useFolder } from '../support/temporary.js';
import { TELLING_USAGE, type Usage, usageIn } from '../support/usage.js';
import { PROGRAM } from './program.js';

const MIB = 1024 * 1024;
/** The goals are a second and 150 MiB, on a quiet machine. */
function assertModest({ seconds, peakBytes }: Usage): void {
  assert.ok(seconds < 3, `${seconds} s of processor time`);
  assert.ok(peakBytes < 200 * MIB, `${Math.round(peakBytes / MIB)} MiB`);
}

describe('an archive of 100 GB with 20,000 blobs', function () {
  this.timeout(90_000); // making and removing it takes its time on a busy machine; what is asserted is processor time
  const path = useFolder('the suite');
  let archive: string;
  before(async () => {
    archive = path('large.tar');
    const made = await writeSparseArchive(archive, {
      images: 500,
      layers: 38,
      bytes: 100e9,
      format: 'universal',
    });
    assert.deepEqual([made.blobs, made.bytes > 100e9], [20_000, true]);
  });

  async function run(...args: string[]): Promise<{ result: unknown; usage: Usage }> {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', TELLING_USAGE, ...args],
      { maxBuffer: 64 * MIB, env: { ...process.env, XDG_CACHE_HOME: path('cache') } },
    );
    return { result: JSON.parse(stdout), usage: usageIn(stderr) };
  }

  it('is listed in little time and memory', async () => {
    const { result, usage } = await run(PROGRAM, 'ls', archive, '--json');
    assert.equal((result as { images: unknown[] }).images.length, 500);
    assertModest(usage);
  });

  it('shows one of its images as fast', async () => {
    const { result, usage } = await run(PROGRAM, 'inspect', archive, 'group/image-7:1', '--json');
    const [image] = (result as { images: { name: string; platforms: { layers: unknown[] }[] }[] }).images;
    assert.equal(image?.platforms[0]?.layers.length, 38);
    assertModest(usage);
  });

  it('is shown whole by the library', async () => {
    const library = new URL('../../dist/index.js', import.meta.url);
    const script = `const { inspect } = await import(${JSON.stringify(library)});
      const { images } = await inspect(process.argv[1]);
      process.stdout.write(JSON.stringify(images.length));`;
    const { result, usage } = await run('--input-type=module', '--eval', script, archive);
    assert.equal(result, 500);
    assertModest(usage);
  });

  it('shows the same when two open it at once, and in less time when what they found is remembered', async () => {
    await rm(path('cache'), { recursive: true, force: true });
    const show = () => run(PROGRAM, 'inspect', archive, 'group/image-7:1', '--json');
    const [first, other] = await Promise.all([show(), show()]);
    assert.deepEqual(other.result, first.result);
    // What was written in the last three seconds is not remembered.
    for (let tries = 0; tries < 5 && !(await readdir(path())).includes('cache'); tries++) await show();
    assert.equal((await readdir(path('cache/lading/archives'))).length, 1);
    const again = await show();
    assert.deepEqual(again.result, first.result);
    assert.ok(again.usage.seconds < first.usage.seconds);
  });
});
