import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { fetchPackages, NoDebian } from '../../src/packaging/debian-mirror.mjs';
import { archiveOf } from '../interop/loaded.js';
import { makeImage } from '../support/images.js';
import { leaveOut, needs } from '../support/needs.js';
import { executable } from '../support/programs/executable.js';
import { runLading } from '../support/programs/lading.js';
import { type Outcome, run, succeed } from '../support/programs/run.js';
import { testCache } from '../support/programs/test-cache.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { passed } from './root.js';

/** What the executable needs of a Debian. */
const LIBRARIES = ['libc6', 'libgcc-s1', 'libstdc++6'];

describe('the single executable for arm64, emulated, with the libraries of Debian 12', () => {
  let libraries: string;
  let program: string;

  before(async function () {
    needs(this, 'qemu-aarch64-static');
    libraries = await unpackedLibraries(this);
    program = await executable(this, 'arm64');
  });

  const lading = (...args: string[]): Promise<Outcome> => {
    const env = { PATH: '/usr/bin:/bin', HOME: '/nonexistent' };
    return run('qemu-aarch64-static', ['-L', libraries, program, ...args], { env });
  };

  it('says its version', async () => {
    assert.match(passed(await lading('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('verifies an archive, and compresses its layers in threads', async () => {
    const archive = await archiveOf({
      'example.com/app:1': await makeImage({ seed: 'arm64', layers: [2_000_000] }),
    });
    assert.match(passed(await lading('verify', archive)).stdout, /all right/);
    const converted = join(await temporaryFolder('converted'), 'images.tar');
    passed(await lading('convert', archive, '-o', converted, '--to', 'oci', '--compression', 'gzip:1'));
    passed(await runLading(['verify', converted]));
  });
});

/** Returns a folder with the libraries for arm64, unpacked at first need and kept for later runs. */
async function unpackedLibraries(context: Context): Promise<string> {
  const kept = testCache('roots', 'bookworm-arm64-libraries');
  if (existsSync(kept)) return kept;
  await mkdir(testCache('roots'), { recursive: true });
  const partial = await mkdtemp(`${kept}-`);
  try {
    const files = join(partial, 'files');
    for (const file of await fetched(context, partial)) await succeed('dpkg-deb', ['-x', file, files]);
    await rename(files, kept);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return kept;
}

async function fetched(context: Context, folder: string): Promise<string[]> {
  try {
    return await fetchPackages(folder, 'arm64', LIBRARIES);
  } catch (error) {
    if (!(error instanceof NoDebian)) throw error;
    return leaveOut(context, "Debian's packages", error.message);
  }
}
