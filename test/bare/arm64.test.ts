import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { archiveOf } from '../interop/loaded.js';
import { makeImage } from '../support/images.js';
import { leaveOut, needs } from '../support/needs.js';
import { executable } from '../support/programs/executable.js';
import { runLading } from '../support/programs/lading.js';
import { type Outcome, run, succeed } from '../support/programs/run.js';
import { testCache } from '../support/programs/test-cache.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { debianMirror, passed } from './root.js';

/** What the executable needs of a Debian. */
const LIBRARIES = ['libc6', 'libgcc-s1', 'libstdc++6'];

describe('the single executable for arm64, emulated, with the libraries of Debian 12', () => {
  let libraries: string;
  let program: string;

  before(async function () {
    needs(this, 'qemu-aarch64-static');
    libraries = await librariesOf(this, 'bookworm', 'arm64');
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

/** Returns a folder with libraries for another kind of processor, unpacked at first need and kept for later runs. */
async function librariesOf(context: Context, release: string, architecture: string): Promise<string> {
  const kept = testCache('roots', `${release}-${architecture}-libraries`);
  if (existsSync(kept)) return kept;
  const [mirror] = await debianMirror();
  if (mirror === undefined) leaveOut(context, "Debian's packages");
  await mkdir(testCache('roots'), { recursive: true });
  const partial = await mkdtemp(`${kept}-`);
  try {
    // Lists and a status of its own: nothing changes on this machine, and apt checks signatures and sums.
    for (const folder of ['lists/partial', 'cache/archives/partial', 'files'])
      await mkdir(join(partial, folder), { recursive: true });
    const sources = join(partial, 'sources.list');
    await writeFile(sources, `deb [arch=${architecture}] ${mirror} ${release} main\n`);
    await writeFile(join(partial, 'status'), '');
    const settings = {
      'Dir::State': partial,
      'Dir::State::lists': join(partial, 'lists'),
      'Dir::State::status': join(partial, 'status'),
      'Dir::Cache': join(partial, 'cache'),
      'Dir::Etc::SourceList': sources,
      'Dir::Etc::SourceParts': '-',
      'APT::Architecture': architecture,
      'APT::Architectures::': architecture,
      'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
      'APT::Sandbox::User': 'root',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    for (const command of [['update'], ['download', ...LIBRARIES]]) {
      const { code, stderr } = await run('apt-get', ['-q', ...options, ...command], { cwd: partial });
      if (code !== 0) leaveOut(context, "Debian's packages", stderr);
    }
    const files = join(partial, 'files');
    for (const name of await readdir(partial))
      if (name.endsWith('.deb')) await succeed('dpkg-deb', ['-x', join(partial, name), files]);
    await rename(files, kept);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return kept;
}
