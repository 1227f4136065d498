import assert from 'node:assert/strict';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needs } from '../support/needs.js';
import { freePort } from '../support/programs/daemon.js';
import { lading, runLading } from '../support/programs/lading.js';
import { mountSmallDisk } from '../support/programs/small-disk.js';
import { startThrottlingProxy } from '../support/programs/throttling-proxy.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { refuses } from './refusal.js';
import { addBigImage, openSource, SOURCE_PROGRAMS, type Source } from './source.js';

describe('save says in one line what is wrong, and hints at what to do', () => {
  let source: Source;
  let image: string;
  let folder: string;

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    image = `${source.host}/${source.chain}:2`;
    folder = await temporaryFolder('bad');
  });

  /** Refused, and without a trace under the name of the output. */
  async function refusesCleanly(code: number, what: RegExp, args: string[]): Promise<void> {
    const output = join(await temporaryFolder('out'), 'out.tar');
    await refuses(code, what, ['save', ...args, '-o', output]);
    await assert.rejects(access(output), { code: 'ENOENT' });
  }

  it('about a host that does not exist', async () => {
    await refusesCleanly(7, /no-such-host\.invalid/, ['no-such-host.invalid/app:1', '--retries', '0']);
  });

  it('about a host where nobody listens', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    await refusesCleanly(7, new RegExp(host), [`${host}/app:1`, '--retries', '0']);
  });

  it('about an unknown repository', async () => {
    await refusesCleanly(5, /no\/such/, [`${source.host}/no/such:1`]);
  });

  it('about an unknown tag', async () => {
    await refusesCleanly(5, /no-such-tag/, [`${source.host}/${source.chain}:no-such-tag`]);
  });

  it('about an unknown digest', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    await refusesCleanly(5, new RegExp(digest), [`${source.host}/${source.chain}@${digest}`]);
  });

  it('about a platform that the index does not have', async () => {
    const index = `${source.host}/${source.multi}:oci`;
    await refusesCleanly(5, /linux\/s390x/, [index, '--platform', 'linux/s390x']);
  });

  it('about one unknown image among several, and writes none', async () => {
    await refusesCleanly(5, /no-such-tag/, [image, `${source.host}/${source.chain}:no-such-tag`]);
  });

  it('about a reference that is none', async () => {
    await refusesCleanly(2, /Upper\/Case/, [`${source.host}/Upper/Case:1`]);
  });

  it('about a disk without enough room, before anything is fetched', async function () {
    const output = join(await mountSmallDisk(this, 8), 'out.tar');
    const big = `${source.host}/${await addBigImage()}:gzip`;
    await refuses(1, /8\.\d MB free/, ['save', big, '-o', output]);
    await assert.rejects(access(output), { code: 'ENOENT' });
  });

  for (const [format, name] of Object.entries({ universal: 'out.tar', oci: 'out' })) {
    it(`about a disk that others fill meanwhile, and goes on once there is room (${format})`, async function () {
      const disk = await mountSmallDisk(this, 300);
      const proxy = await startThrottlingProxy(source.host);
      const big = `${proxy.host}/${await addBigImage()}:gzip`;
      const args = ['save', big, '--format', format, '-o', join(disk, name)];

      proxy.bytesPerSecond = 50_000_000;
      const refused = refuses(1, /no space/i, args);
      await Promise.race([refused, proxy.until((passed) => passed.some(({ bytes }) => bytes > 5_000_000))]);
      const filler = join(disk, 'filler');
      await assert.rejects(writeFile(filler, Buffer.alloc(300_000_000)), { code: 'ENOSPC' });
      proxy.bytesPerSecond = Number.POSITIVE_INFINITY;
      await refused;
      if (format === 'universal') await assert.rejects(access(join(disk, name)), { code: 'ENOENT' });

      await rm(filler);
      await lading(...args);
      await lading('verify', join(disk, name));
    });
  }

  it('about standard output on a full device', async () => {
    const options = { stdoutFile: '/dev/full' };
    const { code, stderr } = await runLading(['save', image, '-o', '-', '--progress', 'none'], options);
    assert.equal(code, 1);
    // What else to do about a disk, a user who sends it elsewhere knows best: one line, as other programs have it.
    assert.match(stderr, /^lading: standard output: no space left on device \(ENOSPC\)\n$/);
  });

  it('about a folder where nothing can be written', async () => {
    await refuses(1, /\/sys\/out\.tar/, ['save', image, '-o', '/sys/out.tar']);
  });

  it('about an output file that is something else, and leaves it alone', async () => {
    const output = join(folder, 'letter.txt');
    await writeFile(output, 'dear reader\n');
    await refuses(1, /letter\.txt/, ['save', image, '-o', output]);
    await refuses(1, /letter\.txt/, ['save', image, '-o', output, '--append']);
    assert.equal(await readFile(output, 'utf8'), 'dear reader\n');
  });

  it('about an output folder that is something else, and leaves it alone', async () => {
    const output = join(folder, 'photos');
    await mkdir(output);
    await writeFile(join(output, 'sea.jpg'), 'blue\n');
    await refuses(1, /photos/, ['save', image, '-o', output]);
    assert.deepEqual(await readdir(output), ['sea.jpg']);
    assert.equal(await readFile(join(output, 'sea.jpg'), 'utf8'), 'blue\n');
  });
});
