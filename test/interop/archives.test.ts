import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath } from '../support/fixtures.js';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/programs/containerd.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { ladingJSON } from '../support/programs/lading.js';
import { podman } from '../support/programs/podman.js';
import { documentOf } from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import type { Converted } from './converted.js';
import { openWritten, unpack } from './written.js';

/** Every archive of `fixtures/archives`, and who tells which images it holds: Docker 20.10, where it loads it. */
const ARCHIVES = {
  'crane-legacy.tar': 'dockerd',
  'crane-oci-multi.tar': 'layout',
  'crane-tarball.tar': 'dockerd',
  'ctr-export-multi.tar': 'dockerd',
  'docker-v1.0-repositories-only.tar': 'dockerd',
  'docker20-multi.tar': 'dockerd',
  'docker20-single.tar': 'dockerd',
  'podman-docker-archive.tar': 'dockerd',
  'podman-multi.tar': 'dockerd',
  'podman-oci-archive.tar': 'layout',
  'regctl-export.tar': 'dockerd',
  'regctl-ocidir.tar': 'layout',
  'skopeo-dir-multi.tar': 'dir',
  'skopeo-docker-archive.tar': 'dockerd',
  'skopeo-oci-archive.tar': 'layout',
  'skopeo-oci-dir-multi.tar': 'layout',
} as const;

const IMAGE_IDS = {
  dockerd: loadedByDocker,
  async layout(archive) {
    const { entries, readBlob } = await openWritten(archive);
    return Promise.all(entries.map(async ({ digest }) => configIn(await readBlob(digest))));
  },
  async dir(archive) {
    const folder = await unpack(archive);
    const images = await readdir(folder);
    return Promise.all(
      images.map(async (image) => configIn(await readFile(join(folder, image, 'manifest.json')))),
    );
  },
} as const satisfies Record<string, (archive: string) => Promise<string[]>>;

describe('an archive of another tool, converted', () => {
  before(function () {
    needs(this, 'docker', 'dockerd', 'containerd', 'ctr', 'podman', 'skopeo');
  });

  for (const [name, teller] of Object.entries(ARCHIVES)) {
    it(`is loaded by Docker, containerd, podman and skopeo with the image IDs it had: ${name}`, async () => {
      const archive = fixturePath(`archives/${name}`);
      const expected = (await IMAGE_IDS[teller](archive)).sort();
      assert.ok(expected.length > 0);
      const folder = await temporaryFolder('converted');
      for (const to of ['oci', 'docker']) {
        const output = join(folder, `${to}.tar`);
        const { images } = await ladingJSON<Converted>('convert', archive, '--to', to, '-o', output);
        const digests = images.map((image) => image.to.digest);
        const ids = await Promise.all([
          loadedByDocker(output),
          loadedByPodman(output),
          importedByContainerd(output, `${name}-${to}`, digests),
          readBySkopeo(output, expected.length),
        ]);
        for (const loaded of ids) assert.deepEqual(loaded.sort(), expected, to);
      }
    });
  }
});

async function loadedByDocker(archive: string): Promise<string[]> {
  const { docker, forgetImages } = await startDockerd();
  await forgetImages();
  await docker('load', '--input', archive);
  return unique(await docker('images', '--no-trunc', '--quiet'));
}

async function loadedByPodman(archive: string): Promise<string[]> {
  await podman('rmi', '--all', '--force');
  await podman('load', '--input', archive);
  return unique(await podman('images', '--no-trunc', '--quiet'));
}

/** The configs of the images with these digests, all of which containerd has to know afterwards. */
async function importedByContainerd(
  archive: string,
  namespace: string,
  digests: readonly string[],
): Promise<string[]> {
  const { ctr } = await startContainerd();
  const flags = ['--base-name', 'example.com/nameless', '--digests', '--snapshotter', 'native'];
  await ctr(namespace, 'image', 'import', ...flags, archive);
  const known = await ctr(namespace, 'image', 'ls');
  const configs = digests.map(async (digest) => {
    assert.ok(known.includes(digest), `${digest} in\n${known}`);
    const config = configIn(Buffer.from(await ctr(namespace, 'content', 'get', digest)));
    await ctr(namespace, 'content', 'get', config);
    return config;
  });
  return Promise.all(configs);
}

async function readBySkopeo(archive: string, count: number): Promise<string[]> {
  const configs = Array.from({ length: count }, async (_, place) => {
    const copy = await temporaryFolder('dir');
    await skopeo('copy', `docker-archive:${archive}:@${place}`, `dir:${copy}`);
    return configIn(await readFile(join(copy, 'manifest.json')));
  });
  return Promise.all(configs);
}

function configIn(manifest: Buffer): string {
  const { config } = documentOf(manifest);
  if (config === undefined) throw new Error('a manifest without a config');
  return config.digest;
}

function unique(lines: string): string[] {
  return [...new Set(lines.split('\n').filter(Boolean))];
}
