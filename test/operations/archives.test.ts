import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import { configFor, dockerArchive, plainLayer } from '../support/docker-archives.js';
import { warningsInto } from '../support/events.js';
import { fixturePath } from '../support/fixtures.js';
import { useFolder } from '../support/temporary.js';

const WHOLE = [
  'archives/docker20-single.tar',
  'archives/docker20-multi.tar',
  'archives/docker-v1.0-repositories-only.tar',
  'archives/podman-docker-archive.tar',
  'archives/podman-multi.tar',
  'archives/podman-oci-archive.tar',
  'archives/skopeo-docker-archive.tar',
  'archives/skopeo-dir-multi.tar',
  'archives/skopeo-oci-archive.tar',
  'archives/skopeo-oci-dir-multi.tar',
  'archives/crane-tarball.tar',
  'archives/crane-legacy.tar',
  'archives/crane-oci-multi.tar',
  'archives/regctl-export.tar',
  'archives/regctl-ocidir.tar',
  'archives/ctr-export-multi.tar',
  'docker-archives/docker25-by-digest.tar',
  'docker-archives/docker25-graphdriver',
  'layouts/skopeo-two-names.tar.gz',
  'layouts/dot-slash-index-last.tar',
];

describe('an archive of another tool', () => {
  const path = useFolder();

  for (const fixture of WHOLE) {
    it(`is listed, inspected and verified: ${fixture}`, async () => {
      const archive = fixturePath(fixture);
      const listed = await list(archive);
      const { images } = await inspect(archive);
      const { ok, findings, checked } = await verify(archive);
      assert.ok(listed.kind === 'images' && listed.images.length > 0);
      assert.deepEqual(
        images.map(({ name }) => name),
        listed.images.map(({ name }) => name),
      );
      assert.deepEqual(findings, []);
      assert.ok(ok && checked.blobs > 0);
      for (const { platforms } of images)
        assert.ok(platforms.every(({ layers }) => layers.every(({ diffID }) => diffID !== undefined)));
    });
  }

  it('is found wrong where a layer is not what the config says, by its name in the archive', async () => {
    const { ok, findings } = await verify(fixturePath('docker-archives/synthetic/bad-diffid.tar'));
    assert.equal(ok, false);
    assert.deepEqual(findings.map(({ code, path: place }) => [code, place]).sort(), [
      ['DIGEST_MISMATCH', 'l1.tar'],
      ['DIGEST_MISMATCH', 'l2.tar'],
    ]);
  });

  it('is found wrong where one of two copies of a layer is damaged', async () => {
    const layer = plainLayer('same');
    const damaged = Buffer.from(layer);
    damaged.write('SAME', 512);
    const config = configFor(layer);
    const items = ['first', 'second'].map((name) => ({
      Config: 'config',
      RepoTags: [`${name}:1`],
      Layers: [name],
    }));
    await writeFile(path('copies.tar'), dockerArchive({ first: layer, second: damaged, config }, items));
    const { findings } = await verify(path('copies.tar'));
    assert.deepEqual(
      findings.map(({ digest, path: place }) => [digest, place]),
      [[digestOf(layer), 'second']],
    );
  });

  it('is told to be decompressed before it is', async () => {
    const warnings: string[] = [];
    const archive = fixturePath('layouts/skopeo-two-names.tar.gz');
    await verify(archive, { onEvent: warningsInto(warnings) });
    assert.match(warnings.join(), /^.*skopeo-two-names\.tar\.gz is compressed with gzip as a whole/);
  });

  it('is served as a registry: one of Docker before 1.10', async () => {
    const serving = await serve(fixturePath('archives/docker-v1.0-repositories-only.tar'), { port: 0 });
    try {
      const url = `http://127.0.0.1:${serving.port}/v2/library/tiny`;
      const manifest = await fetch(`${url}/manifests/2`, { headers: { Accept: MEDIA_TYPE.dockerManifest } });
      assert.equal(
        manifest.headers.get('docker-content-digest'),
        digestOf(Buffer.from(await manifest.clone().arrayBuffer())),
      );
      const { config, layers }: { config: { digest: string }; layers: { digest: string }[] } = JSON.parse(
        await manifest.text(),
      );
      for (const { digest } of [config, ...layers]) {
        const blob = await fetch(`${url}/blobs/${digest}`);
        assert.equal(digestOf(Buffer.from(await blob.arrayBuffer())), digest);
      }
    } finally {
      await serving.close();
    }
  });
});
