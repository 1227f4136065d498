import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { has } from '../../src/store/store.js';
import {
  type Content,
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from './images.js';

describe('the maker of images', () => {
  it('gives the same bytes for a seed and others for another', async () => {
    const [first, again, other] = await Promise.all([
      makeImage({ seed: 1, layers: [10, 70_000] }),
      makeImage({ seed: 1, layers: [10, 70_000] }),
      makeImage({ seed: 2, layers: [10, 70_000] }),
    ]);
    assert.deepEqual(again, first);
    for (const [position, layer] of first.layers.entries()) {
      assert.notEqual(other.layers[position]?.descriptor.digest, layer.descriptor.digest);
    }
    assert.notEqual(other.manifest.descriptor.digest, first.manifest.descriptor.digest);
  });

  it('describes every content by its real size and digest', async () => {
    const image = await makeImage({ seed: 'true' });
    const index = makeIndex([image]);
    const referrer = makeReferrer(index.manifest.descriptor, {
      artifactType: 'application/spdx+json',
      payload: '{"spdxVersion":"SPDX-2.3"}',
    });
    const signature = makeCosignSignature(index.manifest.descriptor);
    for (const { descriptor, bytes } of [...index.all, ...referrer.all, ...signature.all]) {
      assert.equal(descriptor.size, bytes.length);
      assert.equal(descriptor.digest, digestOf(bytes));
    }
    assert.equal(index.all.length, 5);
  });

  for (const format of ['oci', 'docker'] as const) {
    it(`writes ${format} manifests whose layers are gzip tars with the diffIDs of the config`, async () => {
      const image = await makeImage({ seed: format, layers: [0, 513], format });
      const manifest = parse(image.manifest);
      assert.equal(manifest.mediaType, image.manifest.descriptor.mediaType);
      assert.deepEqual(manifest.config, image.config.descriptor);
      assert.deepEqual(
        manifest.layers,
        image.layers.map((layer) => layer.descriptor),
      );
      assert.deepEqual(parse(image.config).rootfs, { type: 'layers', diff_ids: image.layers.map(diffIDOf) });
      assert.deepEqual(await fileSizes(image), [0, 513]);
    });
  }

  it('keeps the platform in config and index, and annotations where the format has them', async () => {
    const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
    const annotations = { 'org.opencontainers.image.title': 'made' };
    const oci = await makeImage({ seed: 3, platform, annotations });
    const docker = await makeImage({ seed: 3, platform, annotations, format: 'docker' });
    const { architecture, variant } = parse(oci.config);
    assert.deepEqual({ architecture, variant }, { architecture: 'arm', variant: 'v7' });
    assert.deepEqual(parse(oci.manifest).annotations, annotations);
    assert.equal(parse(docker.manifest).annotations, undefined);

    const list = parse(makeIndex([docker], { format: 'docker' }).manifest);
    assert.equal(list.mediaType, MEDIA_TYPE.dockerManifestList);
    assert.deepEqual(list.manifests, [{ ...docker.manifest.descriptor, platform }]);
  });

  it('attaches by subject, or by the tag that cosign uses', async () => {
    const { manifest } = await makeImage({ seed: 4 });
    const referrer = makeReferrer(manifest.descriptor, { artifactType: 'text/x-note', payload: 'hello' });
    assert.deepEqual(parse(referrer.manifest).subject, manifest.descriptor);
    assert.equal(parse(referrer.manifest).artifactType, 'text/x-note');

    const signature = makeCosignSignature(manifest.descriptor);
    assert.match(signature.tag, /^sha256-[0-9a-f]{64}\.sig$/);
    assert.equal(parse(signature.manifest).subject, undefined);
    const payload = signature.layers[0]?.bytes.toString() ?? '';
    assert.ok(payload.includes(manifest.descriptor.digest));
  });

  it('is taken by a store that verifies', async () => {
    const store = createMemoryStore();
    const index = makeIndex([await makeImage({ seed: 5 }), await makeImage({ seed: 6, format: 'docker' })]);
    await pushAll(store, index.all);
    for (const { descriptor } of index.all) assert.equal(await has(store, descriptor), true);
  });
});

function parse(content: Content): Record<string, unknown> {
  return JSON.parse(content.bytes.toString());
}

function diffIDOf(layer: Content): string {
  return digestOf(gunzipSync(layer.bytes));
}

/** The size of the one file in every layer. */
async function fileSizes(image: MadeImage): Promise<(number | undefined)[]> {
  const sizes: (number | undefined)[] = [];
  for (const layer of image.layers) {
    const entries = Readable.from([gunzipSync(layer.bytes)]).pipe(extract());
    for await (const entry of entries) {
      if (entry.header.type === 'file') sizes.push(entry.header.size);
      entry.resume();
    }
  }
  return sizes;
}
