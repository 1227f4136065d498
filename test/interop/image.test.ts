import assert from 'node:assert/strict';
import { chown, copyFile, cp, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixturePath } from '../support/fixtures.js';
import { leaveOut, needs } from '../support/needs.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { architectureHere, executable } from '../support/programs/executable.js';
import { lading, ladingJSON } from '../support/programs/lading.js';
import { podman } from '../support/programs/podman.js';
import { type Outcome, run, succeed } from '../support/programs/run.js';
import { skopeo } from '../support/programs/skopeo.js';
import { umociUnpack } from '../support/programs/umoci.js';
import { temporaryFolder } from '../support/programs/workplace.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const USER = '65532:65532';

interface Listing {
  images: { name: string; digest: string; platforms: string[] }[];
}

interface Config {
  User: string;
  Env: string[];
  Entrypoint: string[];
  WorkingDir: string;
  Labels: Record<string, string>;
}

describe('the image of lading itself', function () {
  this.timeout(600_000);
  let version: string;
  /** `linux/amd64` and `linux/arm64`. */
  let archive: string;

  before(async function () {
    for (const architecture of ['x64', 'arm64'] as const) await executable(this, architecture);
    ({ version } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')));
    archive = join(await temporaryFolder('image'), 'image.tar');
    const printed = await makeImage();
    const reason = /^The image is left out: (.*)/.exec(printed)?.[1];
    if (reason !== undefined) leaveOut(this, "Debian's packages", reason);
    assert.match(printed, /^linux\/amd64: .*libc6 2\.36-\S+, .*\nlinux\/arm64: .*libc6 2\.36-\S+, /m);
    await rename(join(PROJECT, 'release', `lading-${version}-image.tar`), archive);
  });

  const makeImage = (...architectures: string[]): Promise<string> =>
    succeed(process.execPath, ['src/packaging/image.mjs', ...architectures], { cwd: PROJECT });

  /** The root file system of the image for an architecture, as umoci unpacks it. */
  async function unpacked(architecture: 'amd64' | 'arm64'): Promise<string> {
    const layout = await temporaryFolder('image-layout');
    await skopeo('--override-arch', architecture, 'copy', '-q', `oci-archive:${archive}`, `oci:${layout}:a`);
    return umociUnpack(layout, 'a');
  }

  it('is whole, named after its version, and for two platforms', async () => {
    assert.match(await lading('verify', archive), /3 manifests, 6 blobs, .*: all right/);
    const { images } = await ladingJSON<Listing>('ls', archive);
    assert.deepEqual(
      images.map(({ name, platforms }) => ({ name, platforms })),
      [{ name: `docker.io/library/lading:${version}`, platforms: ['linux/amd64', 'linux/arm64'] }],
    );
  });

  it('is the same bytes when it is made again, alone for one architecture', async function () {
    const architecture = architectureHere(this);
    const platform = architecture === 'x64' ? 'linux/amd64' : 'linux/arm64';
    await makeImage(architecture);
    const alone = join(PROJECT, 'release', `lading-${version}-image.tar`);
    const digestIn = async (path: string): Promise<unknown> =>
      JSON.parse(await lading('inspect', path, '--raw', '--platform', platform));
    assert.deepEqual(await digestIn(alone), await digestIn(archive));
  });

  it('is read by skopeo, and loads in Docker and podman', async function () {
    needs(this, 'skopeo', 'docker', 'dockerd', 'podman', 'root');
    const read: { Labels: Record<string, string>; Architecture: string } = JSON.parse(
      await skopeo('inspect', '--override-arch', 'amd64', `oci-archive:${archive}`),
    );
    assert.equal(read.Labels['org.opencontainers.image.version'], version);
    assert.match(read.Labels['io.github.lading-project.debian-packages'] ?? '', /libc6 2\.36-/);

    const { docker } = await startDockerd();
    assert.match(
      await docker('load', '--input', archive),
      new RegExp(`^Loaded image: lading:${version}$`, 'm'),
    );
    await podman('load', '--quiet', '--input', archive);
    const name = `lading:${version}`;
    for (const engine of [docker, podman]) {
      const [image]: { Config: Config; Architecture: string }[] = JSON.parse(
        await engine('image', 'inspect', name),
      );
      const { User, Env, Entrypoint, WorkingDir, Labels } = image?.Config ?? assert.fail();
      assert.deepEqual(
        { User, Entrypoint, WorkingDir },
        { User: USER, Entrypoint: ['/usr/bin/lading'], WorkingDir: '/work' },
      );
      assert.deepEqual(Env, ['PATH=/usr/bin', 'HOME=/home/lading']);
      assert.equal(Labels['org.opencontainers.image.title'], 'lading');
    }
  });

  it('runs in Docker and podman, and writes to a mounted folder as the user who asks', async function () {
    needs(this, 'docker', 'dockerd', 'podman', 'runc', 'root');
    // Higher limits, which are the default, need privileges that root of a container does not have.
    const flags = ['run', '--rm', '--network=none', '--ulimit=nofile=1024:1024', '--ulimit=nproc=1024:1024'];
    const { docker } = await startDockerd();
    const folder = await temporaryFolder('mounted');
    await copyFile(fixturePath('archives/docker20-multi.tar'), join(folder, 'in.tar'));
    await chown(folder, 1000, 1000);
    for (const [engine, output] of [
      [docker, 'docker.tar'],
      [podman, 'podman.tar.zst'],
    ] as const) {
      await engine('load', '--input', archive);
      const started = await engine(...flags, `lading:${version}`, '--version').catch((error: unknown) =>
        leaveOut(this, 'a system that runs containers', String(error)),
      );
      assert.equal(started, version);
      const asUser = [...flags, '--user=1000:1000', '--volume', `${folder}:/work`, `lading:${version}`];
      await engine(...asUser, 'convert', 'in.tar', '-o', output, '--to', 'oci');
      assert.equal((await stat(join(folder, output))).uid, 1000);
      assert.match(await lading('verify', join(folder, output)), /all right/);
    }
  });

  it('runs as its user in its own files: it answers, verifies, and writes to its folder', async function () {
    needs(this, 'root', 'skopeo', 'umoci');
    const root = await unpacked(architectureHere(this) === 'x64' ? 'amd64' : 'arm64');
    const inside = (user: string, ...args: string[]): Promise<Outcome> =>
      run('chroot', [`--userspec=${user}`, root, '/usr/bin/lading', ...args], {
        env: { PATH: '/usr/sbin:/usr/bin', HOME: '/home/lading' },
      });
    await copyFile(fixturePath('archives/docker20-multi.tar'), join(root, 'work/in.tar'));
    // With `--user`, the image runs as the user of the host, to whom the mounted folder belongs.
    for (const user of [USER, '1000:1000']) {
      assert.deepEqual(await inside(user, '--version'), { code: 0, stdout: `${version}\n`, stderr: '' });
      assert.equal((await inside(user, 'verify', '/work/in.tar')).code, 0);
      const output = `/work/of-${user.split(':')[0]}.tar.zst`;
      const converted = await inside(user, 'convert', '/work/in.tar', '-o', output, '--to', 'oci');
      assert.equal(converted.code, 0, converted.stderr);
      assert.match(await lading('verify', join(root, output)), /all right/);
    }
  });

  it('answers on arm64, in an emulator', async function () {
    needs(this, 'root', 'skopeo', 'umoci', 'qemu-aarch64-static');
    const root = await unpacked('arm64');
    const emulator = await succeed('sh', ['-c', 'command -v qemu-aarch64-static']);
    await cp(emulator, join(root, 'tmp/emulator'));
    const args = [`--userspec=${USER}`, root, '/tmp/emulator', '/usr/bin/lading', '--version'];
    assert.equal(await succeed('chroot', args), version);
  });
});
