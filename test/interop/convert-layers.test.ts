import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fixturePath } from '../support/fixtures.js';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/programs/containerd.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { ladingJSON } from '../support/programs/lading.js';
import { podman } from '../support/programs/podman.js';
import { skopeo } from '../support/programs/skopeo.js';
import { umociUnpack } from '../support/programs/umoci.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { type Converted, onlyImage } from './converted.js';
import { describeTree, type ImageRead, readWritten } from './image-reading.js';
import { imageIDOf } from './images.js';
import { openSource, SOURCE_PROGRAMS, type Source } from './source.js';
import { openWritten, unpack } from './written.js';

describe('layers that convert compresses anew', () => {
  let source: Source;
  let folder: string;

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    folder = await temporaryFolder('layers');
  });

  const convert = async (from: string, ...flags: string[]): Promise<{ path: string; digest: string }> => {
    const path = join(folder, `${flags.join('')}-${from.replaceAll(/\W/g, '')}.tar`);
    const { to } = onlyImage(await ladingJSON<Converted>('convert', from, ...flags, '-o', path));
    const { ok } = await ladingJSON<{ ok: boolean }>('verify', path);
    assert.equal(ok, true);
    return { path, digest: to.digest };
  };

  for (const compression of ['none', 'gzip']) {
    for (const to of ['docker', 'oci']) {
      it(`are loaded everywhere as the same image: from gzip to ${compression}, to ${to}`, async function () {
        needs(this, 'podman', 'ctr');
        const image = `${source.host}/${source.chain}:2`;
        const { path, digest } = await convert(`docker://${image}`, '--to', to, '--compression', compression);
        const id = await imageIDOf(source.host, source.chain, '2');
        const read = await readWritten(path);
        assert.equal(read.config.digest, id);
        assert.equal(read.layers.every(isPlain(read)), compression === 'none');
        await isLoadedAs(id, image, path, digest);
      });
    }
  }

  it('may come from plain ones of docker save', async () => {
    const archive = fixturePath('archives/docker20-single.tar');
    const { docker, forgetImages } = await startDockerd();
    await forgetImages();
    await docker('load', '--input', archive);
    const id = await docker('image', 'inspect', '--format', '{{.Id}}', 'tiny:1');
    const { path, digest } = await convert(archive, '--to', 'docker', '--compression', 'gzip');
    const read = await readWritten(path);
    assert.ok(!read.layers.some(isPlain(read)));
    for (const { mediaType } of read.layers)
      assert.equal(mediaType, 'application/vnd.docker.image.rootfs.diff.tar.gzip');
    await isLoadedAs(id, 'docker.io/library/tiny:1', path, digest);
  });

  it('may come from zstd, which Docker 20.10 does not read', async () => {
    const layout = await temporaryFolder('zstd');
    await skopeo(
      ...['copy', '--dest-compress', '--dest-compress-format', 'zstd', '--src-tls-verify=false'],
      ...[`docker://${source.host}/${source.single}:1`, `oci:${layout}:example.com/zstd:1`],
    );
    const before = await readWritten(layout);
    for (const { mediaType } of before.layers) assert.match(mediaType, /tar\+zstd$/);
    for (const to of ['docker', 'oci']) {
      const { path, digest } = await convert(layout, '--to', to, '--compression', 'gzip');
      const after = await readWritten(path);
      assert.deepEqual(after.configBytes, before.configBytes);
      for (const { mediaType } of after.layers) assert.match(mediaType, /gzip$/);
      await isLoadedAs(before.config.digest, 'example.com/zstd:1', path, digest);
    }
  });

  it('unpack with umoci to the same tree as before', async function () {
    needs(this, 'umoci');
    const trees = ['none', 'gzip', 'keep'].map(async (compression) => {
      const image = `docker://${source.host}/${source.single}:1`;
      const { path, digest } = await convert(image, '--to', 'oci', '--compression', compression);
      const layout = await unpack(path);
      const { refName } = await openWritten(layout);
      return describeTree(await umociUnpack(layout, refName(digest)));
    });
    const [plain, gzip, kept] = await Promise.all(trees);
    assert.ok(kept !== undefined && kept.length > 10);
    assert.deepEqual([plain, gzip], [kept, kept]);
  });
});

/** Whether a layer is the tar itself: its digest is its diffID. */
function isPlain({ layers, configDocument }: ImageRead): (layer: ImageRead['layers'][number]) => boolean {
  const diffIDs = configDocument.rootfs.diff_ids;
  assert.equal(layers.length, diffIDs.length);
  return ({ digest }) => diffIDs.includes(digest);
}

/** Docker and podman check diffIDs while they load, containerd while it unpacks. */
async function isLoadedAs(id: string, name: string, archive: string, digest: string): Promise<void> {
  const { docker, forgetImages } = await startDockerd();
  await forgetImages();
  await docker('load', '--input', archive);
  assert.equal(await docker('image', 'inspect', '--format', '{{.Id}}', name), id);
  await podman('rmi', '--all', '--force');
  await podman('load', '--input', archive);
  assert.equal(`sha256:${await podman('image', 'inspect', '--format', '{{.Id}}', name)}`, id);
  const { ctr } = await startContainerd();
  const namespace = digest.slice('sha256:'.length, 30);
  await ctr(namespace, 'image', 'import', '--snapshotter', 'native', archive);
  assert.ok((await ctr(namespace, 'image', 'ls')).includes(digest));
}
