import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { useFolder } from '../support/temporary.js';
import { TELLING_USAGE, usageIn } from '../support/usage.js';
import { PROGRAM } from './program.js';

const MIB = 1024 * 1024;
const IMAGES = 1000;

describe('a thousand images', function () {
  this.timeout(180_000);
  const path = useFolder('the suite');
  let registry: TestRegistry;
  let names: string[];
  before(async function () {
    needs(this, 'Linux');
    registry = await startRegistry();
    names = Array.from({ length: IMAGES }, (_, at) => `many/app-${at}:1`);
    for (const name of names)
      await registry.put(name, await makeImage({ seed: name, layers: [100, 100, 100, 200] }));
  });
  after(() => registry?.close());

  async function peakOf(...args: string[]): Promise<number> {
    const env = { PATH: process.env.PATH, HOME: '/nonexistent', XDG_CACHE_HOME: path('cache') };
    const { stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', TELLING_USAGE, PROGRAM, ...args, '--quiet'],
      { maxBuffer: 64 * MIB, env },
    );
    return Math.round(usageIn(stderr).peakBytes / MIB);
  }

  // Some 15% above what Node.js 20 takes. All that every command needs is 65 MiB, and a leak would show in the rest.
  for (const [output, limit] of [
    ['images.tar', 145],
    ['layout/', 170],
  ] as const)
    it(`are saved to ${output} with less than ${limit} MiB, and once more`, async () => {
      const images = names.map((name) => `${registry.name}/${name}`);
      for (const time of ['first', 'again']) {
        const peak = await peakOf('save', '-o', path(output), ...images);
        assert.ok(peak < limit, `${time}: ${peak} MiB`);
      }
    });

  for (const [command, limit] of [
    ['ls', 115], // which reads each manifest and config
    ['verify', 230], // which hashes in threads
  ] as const)
    it(`are shown by ${command} with less than ${limit} MiB`, async () => {
      const peak = await peakOf(command, path('images.tar'));
      assert.ok(peak < limit, `${peak} MiB`);
    });
});
