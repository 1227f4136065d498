import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/programs/containerd.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { type LadingServer, lading, startLadingServer } from '../support/programs/lading.js';
import { podman } from '../support/programs/podman.js';
import { documentOf, getManifest, sha256, TYPE } from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { umociUnpack } from '../support/programs/umoci.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { HELLO, imageIDOf, pushAttached, pushDockerChain, pushTwoPlatforms } from './images.js';
import { heldAt } from './loaded.js';
import { addBigImage, openSource, SOURCE_PROGRAMS, type Source } from './source.js';
import { openWritten } from './written.js';

describe('serve --writable', () => {
  let source: Source;
  let server: LadingServer;
  let host: string;
  let layout: string;
  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    layout = join(await temporaryFolder('pushed'), 'layout');
    server = await startLadingServer('--writable', layout);
    host = server.host;
  });
  after(() => server?.stop());

  /** All of it is there, and skopeo reads it in the layout at once, unless it is Docker's, which skopeo 1.9 passes over there. */
  async function isHeld(repository: string, tag: string, digest?: string): Promise<string> {
    const served = await getManifest(host, repository, tag);
    if (digest !== undefined) assert.equal(served.digest, digest, `${repository}:${tag}`);
    assert.ok((await heldAt(host, repository, tag)).length > 0);
    const { refName } = await openWritten(layout);
    const name = refName(served.digest);
    if (served.mediaType === TYPE.ociManifest || served.mediaType === TYPE.ociIndex)
      assert.equal(sha256(await skopeo('inspect', '--raw', `oci:${layout}:${name}`)), served.digest);
    return served.digest;
  }

  const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];

  it('takes what Docker pushes, which podman and containerd then pull', async function () {
    needs(this, 'docker', 'dockerd', 'podman', 'containerd', 'ctr');
    await pushDockerChain(host, 'docker/chain');
    const { ctr } = await startContainerd();
    for (const tag of ['1', '2']) {
      const digest = await isHeld('docker/chain', tag);
      const id = await imageIDOf(host, 'docker/chain', tag);
      for (const name of [`${host}/docker/chain:${tag}`, `${host}/docker/chain@${digest}`]) {
        await podman('rmi', '--all', '--force');
        await podman('pull', '--tls-verify=false', name);
        assert.equal(`sha256:${await podman('image', 'inspect', '--format', '{{.Id}}', name)}`, id);
        await ctr('push', 'image', 'pull', '--plain-http', '--snapshotter', 'native', name);
      }
    }
  });

  it('takes what podman pushes, in both formats, which Docker then pulls', async function () {
    needs(this, 'podman', 'docker', 'dockerd');
    const { docker, forgetImages } = await startDockerd();
    const image = `${source.host}/${source.chain}:2`;
    await podman('pull', '--tls-verify=false', image);
    for (const format of ['oci', 'v2s2']) {
      await podman('push', '--tls-verify=false', '--format', format, image, `${host}/podman/app:${format}`);
      const digest = await isHeld('podman/app', format);
      const { mediaType } = await getManifest(host, 'podman/app', format);
      assert.equal(mediaType, format === 'oci' ? TYPE.ociManifest : TYPE.dockerManifest);
      await forgetImages();
      await docker('pull', `${host}/podman/app@${digest}`);
    }
  });

  it('takes the index and the list that buildah pushes, all platforms', async function () {
    needs(this, 'buildah', 'skopeo');
    await pushTwoPlatforms(host, 'buildah/multi');
    for (const tag of ['oci', 'docker']) {
      const digest = await isHeld('buildah/multi', tag);
      assert.equal((await heldAt(host, 'buildah/multi', tag)).length, 2);
      const copy = await temporaryFolder('dir');
      await skopeo(
        'copy',
        '--all',
        '--src-tls-verify=false',
        `docker://${host}/buildah/multi:${tag}`,
        `dir:${copy}`,
      );
      assert.equal(sha256(await readFile(join(copy, 'manifest.json'))), digest);
    }
  });

  it('takes what skopeo copies, by tag and by digest, images, indexes and lists', async function () {
    needs(this, 'skopeo');
    const images = [
      [source.chain, '2'],
      [source.single, '1'],
      [source.multi, 'oci'],
      [source.multi, 'docker'],
    ] as const;
    for (const [repository, tag] of images) {
      const { digest } = await getManifest(source.host, repository, tag);
      const flags = ['copy', '--all', '--preserve-digests', ...plain];
      const from = `docker://${source.host}/${repository}`;
      await skopeo(...flags, `${from}:${tag}`, `docker://${host}/skopeo/${repository}:${tag}`);
      await isHeld(`skopeo/${repository}`, tag, digest);
      await skopeo(...flags, `${from}@${digest}`, `docker://${host}/by-digest/${repository}@${digest}`);
      assert.equal((await getManifest(host, `by-digest/${repository}`, digest)).digest, digest);
    }
  });

  it('takes what containerd pushes, by tag and by digest, all platforms', async function () {
    needs(this, 'containerd', 'ctr');
    const { ctr } = await startContainerd();
    const from = `${source.host}/${source.multi}:oci`;
    const { digest } = await getManifest(source.host, source.multi, 'oci');
    await ctr('push', 'image', 'pull', '--plain-http', '--all-platforms', '--snapshotter', 'native', from);
    for (const to of [`${host}/ctr/multi:oci`, `${host}/ctr/multi@${digest}`])
      await ctr('push', 'image', 'push', '--plain-http', to, from);
    await isHeld('ctr/multi', 'oci', digest);
    assert.equal((await heldAt(host, 'ctr/multi', digest)).length, 2);
  });

  it('takes large layers, compressed and plain, and gives them back as they are', async function () {
    needs(this, 'skopeo');
    const big = await addBigImage();
    for (const tag of ['gzip', 'plain']) {
      const { digest } = await getManifest(source.host, big, tag);
      const flags = ['copy', '--preserve-digests', ...plain];
      await skopeo(...flags, `docker://${source.host}/${big}:${tag}`, `docker://${host}/large:${tag}`);
      await isHeld('large', tag, digest);
    }
  });

  it('takes what lading copies, and lading takes it back', async () => {
    const { digest } = await getManifest(source.host, source.multi, 'oci');
    const back = join(await temporaryFolder('back'), 'layout');
    await lading('copy', `docker://${source.host}/${source.multi}:oci`, `docker://${host}/lading/multi:oci`);
    await isHeld('lading/multi', 'oci', digest);
    await lading('save', `${host}/lading/multi:oci`, '--format', 'oci', '-o', back);
    assert.deepEqual(
      (await openWritten(back)).entries.map((entry) => entry.digest),
      [digest],
    );
  });

  it('lists what is attached to an image, whether it came by its subject or by a tag', async () => {
    await skopeo('copy', ...plain, `docker://${source.host}/${source.single}:1`, `docker://${host}/signed:1`);
    const { signature, referrer } = await pushAttached(host, 'signed', '1');
    const { digest } = await getManifest(host, 'signed', '1');
    const response = await fetch(`http://${host}/v2/signed/referrers/${digest}`);
    const listed = documentOf(await response.text()).manifests?.map((entry) => entry.digest);
    assert.deepEqual(listed, [referrer.digest]);
    const tag = `${digest.replace(':', '-')}.sig`;
    assert.equal((await getManifest(host, 'signed', tag)).digest, signature.digest);
  });

  it('leaves a layout that umoci unpacks while it is served', async function () {
    needs(this, 'umoci', 'skopeo');
    const to = `docker://${host}/umoci:1`;
    await skopeo('copy', ...plain, `docker://${source.host}/${source.single}:1`, to);
    const digest = await isHeld('umoci', '1');
    const { refName } = await openWritten(layout);
    const rootfs = await umociUnpack(layout, refName(digest));
    assert.equal(await readFile(join(rootfs, 'hello.txt'), 'utf8'), HELLO);
  });

  it('has all of it when it is started again, and nothing half-written', async function () {
    needs(this, 'skopeo');
    // A layout has no place for the name of a repository without a tag.
    const tagged = async () => {
      const text = await (await fetch(`http://${host}/v2/_catalog`)).text();
      const { repositories } = JSON.parse(text) as { repositories: string[] }; // held against the assertion below
      return repositories.filter((name) => !name.startsWith('by-digest/'));
    };
    const before = await tagged();
    assert.ok(before.length > 5);
    await server.stop();
    const { digests, blobFile, readBlob } = await openWritten(layout);
    for (const digest of digests) assert.equal(sha256(await readBlob(digest)), digest, blobFile(digest));
    await lading('verify', layout);
    server = await startLadingServer('--writable', layout);
    host = server.host;
    assert.deepEqual(await tagged(), before);
  });
});
