import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath } from '../support/fixtures.js';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/programs/containerd.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { type LadingServer, lading, startLadingServer } from '../support/programs/lading.js';
import { podman } from '../support/programs/podman.js';
import { documentOf, getManifest, sha256 } from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { umociUnpack } from '../support/programs/umoci.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { HELLO, imageIDOf } from './images.js';
import { heldAt } from './loaded.js';
import { openSource, SOURCE_PROGRAMS, type Source } from './source.js';

/** An image of the source registry, and of the served one: its repository and tag. */
type Image = readonly [repository: string, tag: string];

interface Form {
  what: string;
  /** Makes what is served from images of the source; each form of one is made once. */
  make: (source: Source, folder: string) => Promise<string>;
  images: (source: Source) => Image[];
  /** Whether manifests are those of the source, byte by byte; otherwise configs and layers are. */
  keepsDigests: boolean;
}

const FORMS: Form[] = [
  { what: 'a universal archive', make: saved('universal', 'image.tar'), images: all, keepsDigests: true },
  { what: 'an oci-archive', make: saved('oci-archive', 'image.tar'), images: all, keepsDigests: true },
  { what: 'a layout', make: saved('oci', 'layout'), images: all, keepsDigests: true },
  {
    what: 'a docker-archive with plain layers',
    make: saved('docker-archive', 'image.tar'),
    images: all,
    keepsDigests: false,
  },
  { what: 'what docker save wrote', make: savedByDocker, images: chain, keepsDigests: false },
];

function chain({ chain }: Source): Image[] {
  return [
    [chain, '1'],
    [chain, '2'],
  ];
}

function all(source: Source): Image[] {
  return [...chain(source), [source.single, '1'], [source.multi, 'oci'], [source.multi, 'docker']];
}

function saved(format: string, name: string): Form['make'] {
  return async (source, folder) => {
    const output = join(folder, name);
    const images = all(source).map(([repository, tag]) => `${source.host}/${repository}:${tag}`);
    await lading('save', ...images, '--format', format, '-o', output);
    return output;
  };
}

async function savedByDocker(source: Source, folder: string): Promise<string> {
  const { docker } = await startDockerd();
  const images = chain(source).map(([repository, tag]) => `${source.host}/${repository}:${tag}`);
  for (const image of images) await docker('pull', image);
  const output = join(folder, 'docker.tar');
  await docker('save', '--output', output, ...images);
  return output;
}

for (const { what, make, images, keepsDigests } of FORMS) {
  describe(`serve, over ${what}`, () => {
    let source: Source;
    let server: LadingServer;
    let host: string;
    before(async function () {
      needs(this, ...SOURCE_PROGRAMS);
      source = await openSource();
      server = await startLadingServer(await make(source, await temporaryFolder('served')));
      host = server.host;
    });
    after(() => server?.stop());

    /** By tag and by digest, with the digest. */
    async function names([repository, tag]: Image): Promise<{
      byTag: string;
      byDigest: string;
      digest: string;
    }> {
      const { digest } = await getManifest(host, repository, tag);
      return { byTag: `${host}/${repository}:${tag}`, byDigest: `${host}/${repository}@${digest}`, digest };
    }

    it('has the images of the source', async () => {
      for (const image of images(source)) {
        const [served, original] = [
          await getManifest(host, ...image),
          await getManifest(source.host, ...image),
        ];
        assert.equal(served.digest, sha256(served.bytes));
        if (keepsDigests) assert.equal(served.digest, original.digest, image.join(':'));
        assert.equal(
          await imageIDOf(host, ...image),
          await imageIDOf(source.host, ...image),
          image.join(':'),
        );
        assert.ok((await heldAt(host, ...image)).length > 0);
      }
    });

    it('is pulled from by Docker, by tag and by digest', async function () {
      needs(this, 'docker', 'dockerd');
      const { docker, forgetImages } = await startDockerd();
      for (const image of images(source)) {
        const { byTag, byDigest } = await names(image);
        for (const name of [byTag, byDigest]) {
          await forgetImages();
          await docker('pull', name);
          const id = await docker('image', 'inspect', '--format', '{{.Id}}', name);
          assert.equal(id, await imageIDOf(source.host, ...image), name);
        }
      }
    });

    it('gives Docker the image of another platform', async function () {
      needs(this, 'docker', 'dockerd');
      const { docker, forgetImages } = await startDockerd();
      for (const image of images(source).filter(([repository]) => repository === source.multi)) {
        const name = `${host}/${image.join(':')}`;
        const held = await heldAt(host, ...image);
        for (const architecture of held.length > 1 ? ['arm64', 'amd64'] : ['amd64']) {
          await forgetImages();
          await docker('pull', '--platform', `linux/${architecture}`, name);
          const [found, id] = (
            await docker('image', 'inspect', '--format', '{{.Architecture}} {{.Id}}', name)
          ).split(' ');
          assert.equal(found, architecture);
          assert.ok(
            held.some(({ config }) => config === id),
            name,
          );
        }
      }
    });

    it('is pulled from by podman, by tag and by digest', async function () {
      needs(this, 'podman');
      for (const image of images(source)) {
        const { byTag, byDigest, digest } = await names(image);
        for (const name of [byTag, byDigest]) {
          await podman('rmi', '--all', '--force');
          await podman('pull', '--tls-verify=false', name);
          const id = await podman('image', 'inspect', '--format', '{{.Id}}', name);
          assert.equal(`sha256:${id}`, await imageIDOf(source.host, ...image), name);
          assert.ok(
            (await podman('image', 'inspect', '--format', '{{.RepoDigests}}', name)).includes(digest),
          );
        }
      }
    });

    it('is pulled from by containerd, by tag and by digest, all platforms', async function () {
      needs(this, 'containerd', 'ctr');
      const { ctr } = await startContainerd();
      const namespace = `pull-${host.split(':')[1]}`;
      for (const image of images(source)) {
        const { byTag, byDigest, digest } = await names(image);
        for (const name of [byTag, byDigest]) {
          const flags = ['--plain-http', '--all-platforms', '--snapshotter', 'native'];
          await ctr(namespace, 'image', 'pull', ...flags, name);
          const row = (await ctr(namespace, 'image', 'ls', `name==${name}`)).split('\n')[1] ?? '';
          assert.equal(row.split(/\s+/)[2], digest, name);
        }
        const kept = new Set((await ctr(namespace, 'content', 'ls', '--quiet')).split('\n'));
        for (const { digest: child, config } of await heldAt(host, ...image))
          assert.ok(kept.has(child) && kept.has(config), child);
      }
    });

    it('is copied from by skopeo, by tag and by digest, all platforms with their digests', async function () {
      needs(this, 'skopeo');
      for (const image of images(source)) {
        const { byTag, byDigest, digest } = await names(image);
        for (const name of [byTag, byDigest]) {
          const copy = await temporaryFolder('dir');
          const flags = ['--all', '--preserve-digests', '--src-tls-verify=false'];
          await skopeo('copy', ...flags, `docker://${name}`, `dir:${copy}`);
          const root = await readFile(join(copy, 'manifest.json'));
          assert.equal(sha256(root), digest, name);
          for (const child of documentOf(root).manifests ?? []) {
            const file = join(copy, `${child.digest.slice('sha256:'.length)}.manifest.json`);
            assert.equal(sha256(await readFile(file)), child.digest, name);
          }
        }
      }
    });

    it('gives skopeo what umoci unpacks', async function () {
      needs(this, 'skopeo', 'umoci');
      for (const image of images(source)) {
        const layout = await temporaryFolder('layout');
        const { byTag } = await names(image);
        await skopeo('copy', '--src-tls-verify=false', `docker://${byTag}`, `oci:${layout}:image`);
        const rootfs = await umociUnpack(layout, 'image');
        assert.equal(await readFile(join(rootfs, 'hello.txt'), 'utf8'), HELLO, byTag);
      }
    });
  });
}

describe('serve, over an archive of Docker before 1.10', () => {
  const fixture = (name: string) => fixturePath(`archives/${name}`);
  let server: LadingServer;
  /** The same images as Docker 20.10 saved them: the layers have to be those. */
  let later: LadingServer;
  before(async () => {
    server = await startLadingServer(fixture('docker-v1.0-repositories-only.tar'));
    later = await startLadingServer(fixture('docker20-multi.tar'));
  });
  after(async () => {
    await server?.stop();
    await later?.stop();
  });

  const IMAGES: Image[] = [
    ['library/tiny', '1'],
    ['library/tiny', '2'],
  ];

  it('has the layers that are in the archive', async () => {
    for (const image of IMAGES) {
      const diffIDs = async (host: string) => (await heldAt(host, ...image)).map((held) => held.diffIDs);
      assert.deepEqual(await diffIDs(server.host), await diffIDs(later.host));
    }
  });

  it('is pulled from by Docker, podman, containerd and skopeo, by tag and by digest', async function () {
    needs(this, 'docker', 'dockerd', 'podman', 'containerd', 'ctr', 'skopeo');
    const { docker, forgetImages } = await startDockerd();
    const { ctr } = await startContainerd();
    for (const [repository, tag] of IMAGES) {
      const { digest } = await getManifest(server.host, repository, tag);
      const id = await imageIDOf(server.host, repository, tag);
      for (const name of [`${server.host}/${repository}:${tag}`, `${server.host}/${repository}@${digest}`]) {
        await forgetImages();
        await docker('pull', name);
        assert.equal(await docker('image', 'inspect', '--format', '{{.Id}}', name), id, name);
        await podman('rmi', '--all', '--force');
        await podman('pull', '--tls-verify=false', name);
        assert.equal(`sha256:${await podman('image', 'inspect', '--format', '{{.Id}}', name)}`, id, name);
        await ctr('pull-v1', 'image', 'pull', '--plain-http', '--snapshotter', 'native', name);
        assert.equal(
          sha256(await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`)),
          digest,
        );
      }
    }
  });
});
