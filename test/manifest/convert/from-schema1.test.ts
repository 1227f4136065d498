import assert from 'node:assert/strict';
import { type Digest, digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { EMPTY_LAYER } from '../../../src/manifest/convert/empty-layer.js';
import {
  fromSchema1,
  layersOfSchema1,
  type Schema1Layer,
} from '../../../src/manifest/convert/from-schema1.js';
import { convertManifest } from '../../../src/manifest/convert/manifest.js';
import { parseManifest } from '../../../src/manifest/manifest.js';
import type { Schema1Manifest } from '../../../src/manifest/schema1/schema1.js';
import { fixture, json } from '../../support/fixtures.js';

/** The layers of the golden vectors. */
const LAYERS = new Map<Digest, Schema1Layer>([
  [
    'sha256:7293412bd4ba51c89d80ae1daf0a28df531425fc371522a45c27b615aeb43f21',
    { size: 124, diffID: 'sha256:02dc67b2fe04af8243c0ebf554190a26d87d356efd918cd1dce7519971006eaf' },
  ],
  [
    'sha256:682144059d657b86b411a8fe19d3c0af9a51e0e5c888d8fd8cace0ef88e4e8ee',
    { size: 123, diffID: 'sha256:4e2e688388baef6a30386cbb32c770fb5ac3e6122b55ea973df25605eb48c0bc' },
  ],
  [EMPTY_LAYER.digest, EMPTY_LAYER],
]);

function parse(bytes: Buffer): Schema1Manifest {
  const manifest = parseManifest(bytes);
  assert(manifest.format === 'docker-schema1');
  return manifest;
}

const [ID_A, ID_B, ID_C] = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
const [BLOB_A, BLOB_B] = LAYERS.keys();

/** Makes a schema1 manifest of these images, top first. */
function manifestOf(
  images: { id: unknown; blob?: Digest | undefined; [member: string]: unknown }[],
): Schema1Manifest {
  return parse(
    json({
      schemaVersion: 1,
      name: 'n',
      tag: 't',
      architecture: 'amd64',
      fsLayers: images.map(({ blob = BLOB_A }) => ({ blobSum: blob })),
      history: images.map(({ blob: _, ...image }) => ({ v1Compatibility: JSON.stringify(image) })),
    }),
  );
}

function convert(manifest: Schema1Manifest) {
  const { config, manifest: schema2, lost } = fromSchema1(manifest, LAYERS);
  const parsed = parseManifest(schema2.bytes);
  assert(parsed.format === 'docker-schema2');
  return { config: JSON.parse(config.bytes.toString()), layers: parsed.layers, lost };
}

describe('a schema1 manifest as schema2', () => {
  for (const name of ['old-docker-version', 'throwaway-middle', 'single', 'empty-top']) {
    it(`has the config and the manifest that skopeo makes: ${name}`, () => {
      const path = `conversion/schema1-to-schema2/${name}`;
      const { config, manifest } = fromSchema1(parse(fixture(`${path}.schema1.json`)), LAYERS);
      assert.equal(config.bytes.toString(), fixture(`${path}.expected-config.json`).toString());
      assert.equal(manifest.bytes.toString(), fixture(`${path}.expected-manifest.json`).toString());
      assert.equal(manifest.descriptor.digest, digestOf(manifest.bytes));
    });
  }

  it('becomes OCI with the same config and layers', () => {
    const manifest = parse(fixture('conversion/schema1-to-schema2/old-docker-version.schema1.json'));
    const schema2 = fromSchema1(manifest, LAYERS);
    const oci = convertManifest(schema2.manifest.bytes, 'oci', { config: schema2.config.bytes });
    const parsed = parseManifest(oci.manifest.bytes);
    assert(parsed.format === 'oci-manifest');
    assert.equal(oci.config, undefined);
    assert.equal(parsed.config.digest, schema2.config.descriptor.digest);
    assert.deepEqual(
      parsed.layers.map(({ digest, mediaType }) => [digest, mediaType]),
      layersOfSchema1(manifest).map((digest) => [digest, MEDIA_TYPE.ociLayerGzip]),
    );
  });

  it('needs of its layers those that its history does not call empty, base first', () => {
    const path = 'conversion/schema1-to-schema2/throwaway-middle.schema1.json';
    assert.deepEqual(layersOfSchema1(parse(fixture(path))), [BLOB_A, BLOB_B]);
  });

  it('counts an image that stands there several times in a row once, the lowest of them', () => {
    const { config, layers } = convert(
      manifestOf([
        { id: ID_B, parent: ID_A, comment: 'dropped', blob: EMPTY_LAYER.digest },
        { id: ID_B, parent: ID_A, comment: 'kept', blob: BLOB_B },
        { id: ID_A },
      ]),
    );
    assert.deepEqual(
      layers.map(({ digest }) => digest),
      [BLOB_A, BLOB_B],
    );
    assert.equal(config.comment, 'kept');
    assert.equal(config.history.length, 2);
  });

  it('may have a layer twice', () => {
    const { config, layers } = convert(manifestOf([{ id: ID_B, parent: ID_A }, { id: ID_A }]));
    assert.deepEqual(
      layers.map(({ digest }) => digest),
      [BLOB_A, BLOB_A],
    );
    assert.equal(config.rootfs.diff_ids.length, 2);
  });

  it('has an image without any layer where all are empty', () => {
    const { config, layers } = convert(manifestOf([{ id: ID_A, throwaway: true }]));
    assert.deepEqual(layers, []);
    assert.deepEqual(config.rootfs, { type: 'layers' });
  });

  it('names what is lost, settings of old Docker too', () => {
    const top = {
      id: ID_A,
      docker_version: '1.3.2',
      checksum: 'x',
      Size: 1,
      config: { Memory: 1, Cmd: null },
    };
    assert.deepEqual(convert(manifestOf([top])).lost, [
      'the name "n" and the tag "t" inside of the manifest',
      'the member checksum of the image, which Docker before 1.8.3 wrote',
      'the member config.Memory of the image, which Docker before 1.8.3 wrote',
    ]);
  });

  it('keeps unknown members since Docker 1.8.3, and where no version is given', () => {
    for (const version of ['1.8.3', '1.10.0', '17.05.0-ce', undefined]) {
      const { config } = convert(manifestOf([{ id: ID_A, docker_version: version, checksum: 'x' }]));
      assert.equal(config.checksum, 'x');
    }
    for (const version of ['1.8.2', '1.8.3-rc1', '0.9', 'dev'])
      assert.equal(
        convert(manifestOf([{ id: ID_A, docker_version: version, checksum: 'x' }])).config.checksum,
        undefined,
      );
  });

  it('has the plain type for a layer that is not compressed', () => {
    const manifest = manifestOf([{ id: ID_A }]);
    const layer = { size: 1024, diffID: EMPTY_LAYER.diffID, uncompressed: true };
    const { bytes } = fromSchema1(
      manifest,
      new Map([...LAYERS.keys()].map((blob) => [blob, layer])),
    ).manifest;
    assert.match(bytes.toString(), /"application\/vnd\.docker\.image\.rootfs\.diff\.tar"/);
  });
});

describe('a schema1 manifest that is not one chain of images', () => {
  const REFUSED: Record<string, [Parameters<typeof manifestOf>[0], RegExp]> = {
    'a parent that is another': [
      [{ id: ID_B, parent: ID_C }, { id: ID_A }],
      /Invalid parent ID\. Expected a+, got c+/,
    ],
    'no parent': [[{ id: ID_B }, { id: ID_A }], /Invalid parent ID/],
    'a parent of the base': [[{ id: ID_A, parent: ID_B }], /Invalid parent ID in the base layer/],
    'an ID that comes again': [
      [{ id: ID_A, parent: ID_B }, { id: ID_B, parent: ID_A }, { id: ID_A }],
      /ID a+ appears multiple times in manifest/,
    ],
    'an ID that is none': [[{ id: 'ABC' }], /\/id.*"ABC"/],
    'an ID that is no text': [[{ id: 1 }], /\/id/],
    'a member of the wrong type': [
      [{ id: ID_A, docker_version: '1.0', config: { Tty: 'yes' } }],
      /config, Tty has a value/,
    ],
    'a time that is none': [[{ id: ID_A, created: 'now' }], /invalid time "now"/],
  };
  for (const [defect, [images, message]] of Object.entries(REFUSED)) {
    it(`is refused: ${defect}`, () => {
      const manifest = manifestOf(images);
      assert.throws(() => fromSchema1(manifest, LAYERS), { code: 'INVALID_MANIFEST', message });
    });
  }

  it('is refused: history that is not JSON', () => {
    const manifest = { ...manifestOf([{ id: ID_A }]), history: ['{'] };
    assert.throws(() => fromSchema1(manifest, LAYERS), /history entry 0 is not valid JSON/);
  });

  it('is refused as skopeo does: bad-parent and count-mismatch', () => {
    const path = 'conversion/schema1-to-schema2';
    const manifest = parse(fixture(`${path}/bad-parent.schema1.json`));
    assert.throws(() => fromSchema1(manifest, LAYERS), /Invalid parent ID. Expected 9+, got b+/);
    assert.throws(() => parse(fixture(`${path}/count-mismatch.schema1.json`)), /2 layers but 1 history/);
  });

  it('is refused when a layer is not there', () => {
    assert.throws(() => fromSchema1(manifestOf([{ id: ID_A }]), new Map()), { code: 'MISSING_CONTENT' });
  });
});
