import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { fixturePath } from '../support/fixtures.js';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/programs/containerd.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { runLading } from '../support/programs/lading.js';
import { podman } from '../support/programs/podman.js';
import { documentOf, getManifest, sha256 } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import { skopeo } from '../support/programs/skopeo.js';
import { atEnd, temporaryFolder } from '../support/programs/workplace.js';
import { type HeldImage, heldAt, type Loaded, load, placeOf } from './loaded.js';
import { openSource, SOURCE_PROGRAMS, type Source } from './source.js';
import { unpack } from './written.js';

let registry: DockerRegistry;
let host: string;
let proxy: FaultProxy;

before(async function () {
  needs(this, 'docker-registry');
  registry = await startDockerRegistry();
  host = registry.host;
  proxy = await startFaultProxy(host);
  atEnd(proxy.stop);
});

/** What the images of an archive are by its own documents, in the order of their digests. */
interface Told {
  /** Of the manifests or indexes, where it has any. */
  digests?: string[];
  /** What Docker calls the images' IDs, where it has configs. */
  configs?: string[];
  diffIDs?: string[][];
}

describe('load puts into docker-registry what is in an archive', () => {
  /** Loads, compares with what the archive tells, and loads again, of which nothing may be sent. */
  async function carries(archive: string, repository: string, argSets: string[][] = [[]]): Promise<Loaded> {
    const told = await tell(archive);
    const first = await loadAll(archive, `${host}/${repository}`, argSets);
    const held = await Promise.all(first.images.map((image) => heldOf(image)));
    const roots = first.images.map(({ digest }) => digest);
    if (told.digests) assert.deepEqual(unique(roots), unique(told.digests));
    if (told.configs) assert.deepEqual(unique(held.flat().map(({ config }) => config)), unique(told.configs));
    if (told.diffIDs) {
      const texts = (lists: string[][]) => unique(lists.map((list) => list.join()));
      assert.deepEqual(texts(held.flat().map(({ diffIDs }) => diffIDs)), texts(told.diffIDs));
    }

    proxy.passed.length = 0;
    const second = await loadAll(archive, `${proxy.host}/${repository}`, argSets);
    assert.deepEqual(
      second.images.map(({ digest }) => digest),
      roots,
    );
    assert.equal(second.bytes.pushed, 0);
    assert.equal(second.blobs.present, second.blobs.total);
    const sent = proxy.passed.filter(({ method, path }) => method !== 'HEAD' && path.includes('/blobs/'));
    assert.deepEqual(sent, []);
    return first;
  }

  async function heldOf({ pushed, digest }: Loaded['images'][number]): Promise<HeldImage[]> {
    const { repository, reference } = placeOf(pushed);
    assert.equal((await getManifest(host, repository, reference)).digest, digest, pushed);
    return heldAt(host, repository, digest);
  }

  /** What the commands with these arguments load, together. */
  async function loadAll(archive: string, destination: string, argSets: string[][]): Promise<Loaded> {
    const results: Loaded[] = [];
    for (const args of argSets) results.push(await load(archive, destination, ...args));
    const sum = (field: (loaded: Loaded) => number) => results.reduce((total, one) => total + field(one), 0);
    return {
      images: results.flatMap(({ images }) => images),
      blobs: {
        total: sum(({ blobs }) => blobs.total),
        pushed: sum(({ blobs }) => blobs.pushed),
        mounted: sum(({ blobs }) => blobs.mounted),
        present: sum(({ blobs }) => blobs.present),
      },
      bytes: { pushed: sum(({ bytes }) => bytes.pushed) },
    };
  }

  /** Every archive of `fixtures/archives`, and how many images it holds. */
  const fixtures = {
    'crane-legacy': 1,
    'crane-tarball': 1,
    'ctr-export-multi': 2,
    'docker-v1.0-repositories-only': 2,
    'docker20-multi': 2,
    'docker20-single': 1,
    'podman-docker-archive': 1,
    'podman-multi': 2,
    'podman-oci-archive': 1,
    'regctl-export': 1,
    'skopeo-dir-multi': 2,
    'skopeo-docker-archive': 1,
    'skopeo-oci-archive': 1,
    'skopeo-oci-dir-multi': 2,
  };
  for (const [name, count] of Object.entries(fixtures)) {
    it(`that was made by ${name.replaceAll('-', ' ')}`, async () => {
      const { images } = await carries(fixturePath(`archives/${name}.tar`), `fixtures/${name}`);
      assert.equal(images.length, count);
      for (const { pushed } of images) assert.match(pushed, /tiny:[12]$/);
    });
  }

  it('that was made by crane oci multi, whose images have no names, as they are told', async () => {
    const archive = fixturePath('archives/crane-oci-multi.tar');
    const { digests = [] } = await tell(archive);
    assert.equal(digests.length, 2);
    const args = digests.map((digest, place) => [digest, '--name', `fx/tiny:${place + 1}`]);
    const { images } = await carries(archive, 'fixtures/nameless', args);
    assert.deepEqual(
      images.map(({ pushed }) => pushed),
      [`${host}/fixtures/nameless/fx/tiny:1`, `${host}/fixtures/nameless/fx/tiny:2`],
    );
  });

  it('that was made by regctl ocidir, whose names are tags alone, as they are told', async () => {
    const archive = fixturePath('archives/regctl-ocidir.tar');
    const { images } = await carries(archive, 'fixtures/tags', [['--name', 'fx/tiny']]);
    assert.deepEqual(
      images.map(({ pushed }) => pushed),
      [`${host}/fixtures/tags/fx/tiny:v1`],
    );
  });

  it('for every archive of the fixtures', async () => {
    const folder = fixturePath('archives/docker20-single.tar').replace(/[^/]*$/, '');
    const archives = (await readdir(folder)).filter((name) => name.endsWith('.tar')).sort();
    const covered = [...Object.keys(fixtures), 'crane-oci-multi', 'regctl-ocidir'].map(
      (name) => `${name}.tar`,
    );
    assert.deepEqual(archives, covered.sort());
  });

  describe('made here by', () => {
    let source: Source;
    let folder: string;

    before(async function () {
      needs(this, ...SOURCE_PROGRAMS, 'podman', 'ctr');
      source = await openSource();
      folder = await temporaryFolder('made');
    });

    const nameOf = (tag: string) => `${source.host}/${source.chain}:${tag}`;

    it('docker save', async () => {
      const { docker } = await startDockerd();
      const archive = join(folder, 'docker.tar');
      for (const tag of ['1', '2']) await docker('pull', nameOf(tag)); // others clear Docker's images
      await docker('save', '--output', archive, nameOf('1'), nameOf('2'));
      const { images } = await carries(archive, 'made/docker');
      assert.equal(images.length, 2);
    });

    for (const format of ['docker-archive', 'oci-archive']) {
      it(`podman save as ${format}`, async () => {
        await podman('pull', '--tls-verify=false', nameOf('1'));
        const archive = join(folder, `podman-${format}.tar`);
        await podman('save', '--format', format, '--output', archive, nameOf('1'));
        await carries(archive, `made/podman-${format}`);
      });

      it(`skopeo as ${format}`, async () => {
        const archive = join(folder, `skopeo-${format}.tar`);
        const destination = `${format}:${archive}:example.com/tiny:2`;
        await skopeo('copy', '--src-tls-verify=false', `docker://${nameOf('2')}`, destination);
        await carries(archive, `made/skopeo-${format}`);
      });
    }

    it('podman save with several images', async () => {
      for (const tag of ['1', '2']) await podman('pull', '--tls-verify=false', nameOf(tag));
      const archive = join(folder, 'podman-multi.tar');
      await podman('save', '--multi-image-archive', '--output', archive, nameOf('1'), nameOf('2'));
      const { images } = await carries(archive, 'made/podman-multi');
      assert.equal(images.length, 2);
    });

    it('skopeo as dir:, a whole index', async () => {
      const copy = join(folder, 'dir');
      const index = `docker://${source.host}/${source.multi}:oci`;
      await skopeo('copy', '--all', '--src-tls-verify=false', index, `dir:${copy}`);
      const { images } = await carries(copy, 'made/dir', [['--name', 'app/multi:1']]);
      assert.equal(images[0]?.digest, (await getManifest(source.host, source.multi, 'oci')).digest);
    });

    it('ctr image export, a whole index', async () => {
      const { ctr } = await startContainerd();
      const name = `${source.host}/${source.multi}:docker`;
      await ctr('export', 'content', 'fetch', '--plain-http', '--all-platforms', name);
      const archive = join(folder, 'ctr.tar');
      await ctr('export', 'image', 'export', '--all-platforms', archive, name);
      const { images } = await carries(archive, 'made/ctr');
      assert.equal(images[0]?.digest, (await getManifest(source.host, source.multi, 'docker')).digest);
    });

    it('docker save, compressed as a whole and on standard input', async () => {
      const { docker } = await startDockerd();
      const archive = join(folder, 'piped.tar');
      await docker('pull', nameOf('1'));
      await docker('save', '--output', archive, nameOf('1'));
      const { images: expected } = await load(archive, `${host}/made/piped`);
      for (const [compressor, suffix] of Object.entries({ gzip: 'gz', zstd: 'zst' })) {
        await succeed(compressor, ['--keep', '--force', archive]);
        const outcome = await runLading(['load', '--input', '-', `${host}/made/piped`, '--json'], {
          stdinFile: `${archive}.${suffix}`,
        });
        assert.equal(outcome.code, 0, outcome.stderr);
        const { images }: Loaded = JSON.parse(outcome.stdout);
        assert.deepEqual(images, expected);
      }
    });
  });

  describe('so that it can be used by', () => {
    let images: { from: string; name: string; digest: string; config: string }[];

    before(async () => {
      const archives = { docker: 'docker20-multi', oci: 'skopeo-oci-dir-multi' };
      images = [];
      for (const [from, archive] of Object.entries(archives)) {
        const loaded = await load(fixturePath(`archives/${archive}.tar`), `${host}/used/${from}`);
        for (const { pushed: name, digest } of loaded.images) {
          const [held] = await heldAt(host, placeOf(name).repository, digest);
          images.push({ from, name, digest, config: held?.config ?? '' });
        }
      }
      assert.equal(images.length, 4);
    });

    it('skopeo inspect', async function () {
      needs(this, 'skopeo');
      for (const { name, digest } of images) {
        const seen = await skopeo(
          'inspect',
          '--tls-verify=false',
          '--format',
          '{{.Digest}}',
          `docker://${name}`,
        );
        assert.equal(seen, digest);
      }
    });

    it('podman pull', async function () {
      needs(this, 'podman');
      await podman('rmi', '--all', '--force');
      for (const { name, config } of images) {
        const id = await podman('pull', '--quiet', '--tls-verify=false', name);
        assert.equal(`sha256:${id}`, config);
      }
    });

    for (const by of ['tag', 'digest']) {
      it(`docker pull by ${by}`, async function () {
        needs(this, 'docker', 'dockerd', 'containerd');
        const { docker, forgetImages } = await startDockerd();
        await forgetImages();
        for (const { name, digest, config } of images) {
          const reference = by === 'tag' ? name : name.replace(/:[^:/]*$/, `@${digest}`);
          await docker('pull', '--quiet', reference);
          assert.equal(await docker('image', 'inspect', '--format', '{{.Id}}', reference), config);
        }
      });
    }
  });
});

async function tell(archive: string): Promise<Told> {
  const folder = (await stat(archive)).isDirectory() ? archive : await unpack(archive);
  const files = await readdir(folder);
  const json = async (path: string) => JSON.parse(await readFile(join(folder, path), 'utf8'));
  if (files.includes('index.json'))
    return {
      digests: (documentOf(await readFile(join(folder, 'index.json'))).manifests ?? []).map(
        ({ digest }) => digest,
      ),
    };
  const isTransport = files.includes('version');
  if (files.includes('manifest.json') && !isTransport) {
    const items: { Config: string }[] = await json('manifest.json');
    const configs = await Promise.all(items.map(({ Config }) => readFile(join(folder, Config))));
    return {
      configs: configs.map(sha256),
      diffIDs: configs.map((config) => JSON.parse(config.toString()).rootfs.diff_ids),
    };
  }
  if (!files.includes('repositories')) {
    const folders = isTransport ? ['.'] : files;
    const manifests = folders.map((name) => readFile(join(folder, name, 'manifest.json')));
    return { digests: (await Promise.all(manifests)).map(sha256) };
  }
  const repositories: Record<string, Record<string, string>> = await json('repositories');
  const tops = Object.values(repositories).flatMap((tags) => Object.values(tags));
  const chain = async (id: string): Promise<string[]> => {
    const { parent }: { parent?: string } = await json(join(id, 'json'));
    const below = parent === undefined ? [] : await chain(parent);
    return [...below, sha256(await readFile(join(folder, id, 'layer.tar')))];
  };
  return { diffIDs: await Promise.all(tops.map(chain)) };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
