import assert from 'node:assert/strict';
import { join } from 'node:path';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/programs/containerd.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { ladingJSON } from '../support/programs/lading.js';
import { podman } from '../support/programs/podman.js';
import { documentOf, getManifest, TYPE } from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { umociUnpack } from '../support/programs/umoci.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { type Converted, onlyImage } from './converted.js';
import { describeTree, readFromSkopeo, readWritten } from './image-reading.js';
import { imageIDOf } from './images.js';
import { openSource, SOURCE_PROGRAMS, type Source } from './source.js';
import { openWritten } from './written.js';

type Format = 'oci' | 'docker';

/** Images of the source: its repository and tag, the format it has there and the one it is converted to. */
const IMAGES = [
  { repository: 'chain', tag: '2', from: 'docker', to: 'oci' },
  { repository: 'single', tag: '1', from: 'oci', to: 'docker' },
  { repository: 'multi', tag: 'docker', from: 'docker', to: 'oci' },
  { repository: 'multi', tag: 'oci', from: 'oci', to: 'docker' },
] as const;

type Form = 'universal' | 'oci';

interface Made {
  path: string;
  digest: string;
  lost: string[];
}

type Image = (typeof IMAGES)[number];

const ROOTS = {
  oci: [TYPE.ociIndex, TYPE.ociManifest],
  docker: [TYPE.dockerList, TYPE.dockerManifest],
} as const satisfies Record<Format, readonly string[]>;

const TYPES = { oci: /^application\/vnd\.oci\.image\./, docker: /^application\/vnd\.docker\./ } as const;

describe('a conversion between Docker’s format and OCI', () => {
  let source: Source;
  let folder: string;

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    folder = await temporaryFolder('formats');
  });

  const nameOf = ({ repository, tag }: Image) => `${source.host}/${source[repository]}:${tag}`;
  const made = new Map<string, Promise<Made>>();

  /** The image in the other format, made once for each form of output. */
  function converted(image: Image, form: Form): Promise<Made> {
    const path = join(folder, `${image.repository}-${image.tag}-${form}`);
    const making =
      made.get(path) ??
      convert(`docker://${nameOf(image)}`, image.to, form, path).then(({ to: { digest }, lost }) => ({
        path,
        digest,
        lost,
      }));
    made.set(path, making);
    return making;
  }

  for (const image of IMAGES) {
    describe(`of app/${image.repository}:${image.tag} to ${image.to}`, () => {
      it('changes every manifest to types of that format, and keeps configs and layers', async () => {
        const { path, digest } = await converted(image, 'universal');
        const { readBlob, digests } = await openWritten(path);
        const root = documentOf(await readBlob(digest));
        assert.ok(ROOTS[image.to].some((type) => type === root.mediaType));
        const original = await getManifest(source.host, source[image.repository], image.tag);
        const before = documentOf(original.bytes);
        assert.equal(root.manifests?.length, before.manifests?.length);
        const pairs = (root.manifests ?? [{ digest }]).map(async (child, place) => {
          const old = before.manifests?.[place]?.digest ?? original.digest;
          const { bytes } = await getManifest(source.host, source[image.repository], old);
          return [documentOf(await readBlob(child.digest)), documentOf(bytes)] as const;
        });
        for (const [after, before] of await Promise.all(pairs)) {
          const described = (document: typeof after) =>
            [document.config, ...(document.layers ?? [])].map((content) => [content?.digest, content?.size]);
          assert.deepEqual(described(after), described(before));
          for (const content of [after, after.config, ...(after.layers ?? [])])
            assert.match(content?.mediaType ?? '', TYPES[image.to]);
          for (const [contentDigest] of described(after)) assert.ok(digests.includes(`${contentDigest}`));
        }
        for (const [place, child] of (root.manifests ?? []).entries())
          assert.deepEqual(child.platform, before.manifests?.[place]?.platform);
      });

      it('and back gives the digest of the registry again, but where it told what is lost', async () => {
        const { path, lost } = await converted(image, 'universal');
        const back = await convert(path, image.from, 'oci', `${path}-back`);
        const original = await getManifest(source.host, source[image.repository], image.tag);
        assert.deepEqual(back.lost, []);
        if (lost.length === 0) return assert.equal(back.to.digest, original.digest);
        // buildah annotates the manifests of what it builds; Docker's format has no annotations.
        assert.deepEqual([image.repository, image.from], ['multi', 'oci']);
        for (const line of lost) assert.match(line, /^the annotation org\.opencontainers\.image\.base\./);
        assert.notEqual(back.to.digest, original.digest);
      });

      it('gives what Docker and podman load as the image it was', async function () {
        needs(this, 'dockerd', 'podman');
        const { path } = await converted(image, 'universal');
        const id = await imageIDOf(source.host, source[image.repository], image.tag);
        const { docker, forgetImages } = await startDockerd();
        await forgetImages();
        await docker('load', '--input', path);
        const inspect = ['image', 'inspect', '--format', '{{.Id}}', nameOf(image)];
        assert.equal(await docker(...inspect), id);
        await podman('rmi', '--all', '--force');
        await podman('load', '--input', path);
        assert.equal(`sha256:${await podman(...inspect)}`, id);
      });

      it('gives what containerd imports under the digest that convert tells', async function () {
        needs(this, 'containerd', 'ctr');
        const { path, digest } = await converted(image, 'universal');
        const { ctr } = await startContainerd();
        const namespace = `formats-${image.repository}-${image.tag}`;
        const flags = ['--all-platforms', '--snapshotter', 'native'];
        await ctr(namespace, 'image', 'import', ...flags, path);
        assert.match(await ctr(namespace, 'image', 'ls'), new RegExp(`^${nameOf(image)} .*${digest}`, 'm'));
      });
    });
  }

  it('to OCI agrees with skopeo’s, which writes the config anew: lading keeps it, and so the image ID', async () => {
    const [image] = IMAGES;
    const ours = await readWritten((await converted(image, 'oci')).path);
    const theirs = await readFromSkopeo('oci', `docker://${nameOf(image)}`);
    assert.deepEqual(ours.layers, theirs.layers);
    assert.equal(ours.config.mediaType, theirs.config.mediaType);
    for (const member of ['architecture', 'os', 'created', 'rootfs', 'history'])
      assert.deepEqual(ours.configDocument[member], theirs.configDocument[member], member);
    assert.equal(ours.config.digest, await imageIDOf(source.host, source.chain, image.tag));
  });

  it('to Docker’s format is byte for byte skopeo’s config, with the same layers', async () => {
    const [, image] = IMAGES;
    const ours = await readWritten((await converted(image, 'oci')).path);
    const theirs = await readFromSkopeo('v2s2', `docker://${nameOf(image)}`);
    assert.equal(ours.configBytes.toString(), theirs.configBytes.toString());
    assert.deepEqual(
      [ours.mediaType, ours.config, ours.layers],
      [theirs.mediaType, theirs.config, theirs.layers],
    );
  });

  it('to OCI unpacks with umoci to the same tree as before', async function () {
    needs(this, 'umoci');
    const [image] = IMAGES;
    const { path, digest } = await converted(image, 'oci');
    const { refName } = await openWritten(path);
    const before = await treeOf(`docker://${nameOf(image)}`);
    assert.ok(before.length > 10);
    assert.deepEqual(await describeTree(await umociUnpack(path, refName(digest))), before);
  });

  it('to Docker’s format unpacks with umoci to the same tree as before', async function () {
    needs(this, 'umoci');
    const [, image] = IMAGES;
    const { path } = await converted(image, 'universal');
    const before = await treeOf(`docker://${nameOf(image)}`);
    assert.ok(before.length > 10);
    assert.deepEqual(await treeOf(`docker-archive:${path}:${nameOf(image)}`), before);
  });
});

/** umoci reads OCI's types only: skopeo makes them of the others, and keeps the layers. */
async function treeOf(locator: string): Promise<string[]> {
  const layout = await temporaryFolder('layout');
  await skopeo('copy', '--format', 'oci', '--src-tls-verify=false', locator, `oci:${layout}:image`);
  return describeTree(await umociUnpack(layout, 'image'));
}

async function convert(from: string, to: Format, form: Form, output: string) {
  return onlyImage(await ladingJSON<Converted>('convert', from, '--to', to, '--format', form, '-o', output));
}
