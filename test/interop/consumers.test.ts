import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/programs/containerd.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { lading, runLading } from '../support/programs/lading.js';
import { podman } from '../support/programs/podman.js';
import { documentOf, getManifest, sha256 } from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { umociUnpack } from '../support/programs/umoci.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { HELLO, imageIDOf } from './images.js';
import { addBigImage, openSource, SOURCE_PROGRAMS, type Source } from './source.js';
import { openWritten, unpack } from './written.js';

/** An image of the source registry: its repository and tag. */
type Image = readonly [repository: string, tag: string];

describe('what save writes', () => {
  let source: Source;
  let folder: string;
  /** Docker's schema2 images, a chain of two and a big one, and an image index. */
  let several: Image[];

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    const big = await addBigImage();
    folder = await temporaryFolder('consumers');
    several = [
      [source.chain, '1'],
      [source.chain, '2'],
      [source.multi, 'oci'],
      [big, 'gzip'],
    ];
  });

  const nameOf = ([repository, tag]: Image) => `${source.host}/${repository}:${tag}`;
  const digestOf = async ([repository, tag]: Image) =>
    (await getManifest(source.host, repository, tag)).digest;

  /** Saves images once per form and name, and returns the path. */
  async function saved(format: string, name: string, ...images: Image[]): Promise<string> {
    const output = join(folder, `${format}-${name}`);
    const there = await stat(output).then(Boolean, () => false);
    if (!there) await lading('save', ...images.map(nameOf), '--format', format, '-o', output);
    return output;
  }

  it('comes back from Docker with its image ID, as docker-daemon:', async function () {
    needs(this, 'docker', 'dockerd');
    const { docker, endpoint, forgetImages } = await startDockerd();
    const [image] = several;
    assert(image);
    await docker('load', '--input', await saved('universal', 'several.tar', ...several));
    const output = join(await temporaryFolder('daemon'), 'out.tar');
    const env = { DOCKER_HOST: endpoint };
    const outcome = await runLading(['copy', `docker-daemon:${nameOf(image)}`, output], { env });
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.equal((await lading('ls', output, '--format', '{{.Name}}')).trim(), nameOf(image));
    await forgetImages();
    await docker('load', '--input', output);
    const id = await docker('image', 'inspect', '--format', '{{.Id}}', nameOf(image));
    assert.equal(id, await imageIDOf(source.host, ...image));
  });

  for (const format of ['universal', 'docker-archive']) {
    describe(`as ${format}`, () => {
      it('is loaded by Docker with the image IDs of the registry', async function () {
        needs(this, 'docker', 'dockerd');
        const { docker, forgetImages } = await startDockerd();
        await forgetImages();
        await docker('load', '--input', await saved(format, 'several.tar', ...several));
        for (const image of several) {
          const id = await docker('image', 'inspect', '--format', '{{.Id}}', nameOf(image));
          assert.equal(id, await imageIDOf(source.host, ...image), nameOf(image));
        }
      });

      it('is loaded by podman with the image IDs of the registry', async function () {
        needs(this, 'podman');
        await podman('rmi', '--all', '--force');
        await podman('load', '--input', await saved(format, 'several.tar', ...several));
        for (const image of several) {
          const id = await podman('image', 'inspect', '--format', '{{.Id}}', nameOf(image));
          assert.equal(`sha256:${id}`, await imageIDOf(source.host, ...image), nameOf(image));
        }
      });

      it('is read by skopeo as docker-archive with the configs of the registry', async function () {
        needs(this, 'skopeo');
        const archive = await saved(format, 'several.tar', ...several);
        for (const image of several.slice(0, 3)) {
          const copy = await temporaryFolder('dir');
          await skopeo('copy', `docker-archive:${archive}:${nameOf(image)}`, `dir:${copy}`);
          const { config } = documentOf(await readFile(join(copy, 'manifest.json')));
          assert.equal(config?.digest, await imageIDOf(source.host, ...image), nameOf(image));
        }
      });
    });
  }

  for (const format of ['universal', 'oci-archive']) {
    describe(`as ${format}`, () => {
      it('is imported by containerd with the digests of the registry, all platforms', async function () {
        needs(this, 'containerd', 'ctr');
        const { ctr } = await startContainerd();
        const archive = await saved(format, 'several.tar', ...several);
        const flags = ['--all-platforms', '--snapshotter', 'native'];
        await ctr(format, 'image', 'import', ...flags, archive);
        const rows = (await ctr(format, 'image', 'ls')).split('\n').map((row) => row.split(/\s+/));
        const digests = new Map(rows.map(([name, , digest]) => [name, digest]));
        for (const image of several) {
          assert.equal(digests.get(nameOf(image)), await digestOf(image), nameOf(image));
        }
        const kept = new Set((await ctr(format, 'content', 'ls', '--quiet')).split('\n'));
        const index = documentOf((await getManifest(source.host, source.multi, 'oci')).bytes);
        assert.equal(index.manifests?.length, 2);
        for (const child of index.manifests ?? []) assert.ok(kept.has(child.digest), child.digest);
      });

      it('is loaded by podman with the manifest digest of the registry', async function () {
        needs(this, 'podman');
        const image: Image = [source.single, '1'];
        await podman('rmi', '--all', '--force');
        await podman('load', '--input', await saved(format, 'single.tar', image));
        const rows = await podman('images', '--all', '--no-trunc', '--format', '{{.ID}} {{.Digest}}');
        assert.equal(rows, `${await imageIDOf(source.host, ...image)} ${await digestOf(image)}`);
      });

      it('is read by skopeo as oci-archive with the digests of the registry', async function () {
        needs(this, 'skopeo');
        const images: Image[] = [
          [source.single, '1'],
          [source.multi, 'oci'],
        ];
        const archive = await saved(format, 'oci.tar', ...images);
        const { refName } = await openWritten(archive);
        for (const image of images) {
          const digest = await digestOf(image);
          await skopeoReads(`oci-archive:${archive}:${refName(digest)}`, digest);
        }
      });

      it('has an OCI layout in it that umoci unpacks', async function () {
        needs(this, 'umoci');
        const image: Image = [source.single, '1'];
        const layout = await unpack(await saved(format, 'single.tar', image));
        const { refName } = await openWritten(layout);
        const rootfs = await umociUnpack(layout, refName(await digestOf(image)));
        assert.equal(await readFile(join(rootfs, 'again.txt'), 'utf8'), HELLO);
      });
    });
  }

  describe('as oci', () => {
    it('is read by skopeo with the digests of the registry', async function () {
      needs(this, 'skopeo');
      const images: Image[] = [
        [source.single, '1'],
        [source.multi, 'oci'],
      ];
      const layout = await saved('oci', 'layout', ...images);
      const { refName } = await openWritten(layout);
      for (const image of images) {
        const digest = await digestOf(image);
        await skopeoReads(`oci:${layout}:${refName(digest)}`, digest);
      }
    });

    it('is unpacked by umoci', async function () {
      needs(this, 'umoci');
      const image: Image = [source.single, '1'];
      const layout = await saved('oci', 'single', image);
      const { refName } = await openWritten(layout);
      const rootfs = await umociUnpack(layout, refName(await digestOf(image)));
      assert.equal(await readFile(join(rootfs, 'hello.txt'), 'utf8'), HELLO);
    });

    it('is pulled by podman with the manifest digest of the registry', async function () {
      needs(this, 'podman');
      const image: Image = [source.single, '1'];
      await podman('rmi', '--all', '--force');
      await podman('pull', `oci:${await saved('oci', 'single', image)}`);
      assert.equal(await podman('images', '--format', '{{.Digest}}'), await digestOf(image));
    });
  });
});

/** Has skopeo copy an image or a whole index, and compares what arrived with the digest of the registry. */
async function skopeoReads(locator: string, digest: string): Promise<void> {
  assert.equal(sha256(await skopeo('inspect', '--raw', locator)), digest, locator);
  const copy = await temporaryFolder('dir');
  await skopeo('copy', '--all', '--preserve-digests', locator, `dir:${copy}`);
  const root = await readFile(join(copy, 'manifest.json'));
  assert.equal(sha256(root), digest, locator);
  for (const child of documentOf(root).manifests ?? []) {
    const hex = child.digest.slice('sha256:'.length);
    assert.equal(sha256(await readFile(join(copy, `${hex}.manifest.json`))), child.digest, locator);
  }
}
