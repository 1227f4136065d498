import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { parseManifest } from '../../src/manifest/manifest.js';
import { warningsOf } from '../../src/manifest/warnings.js';
import { fixture, json } from '../support/fixtures.js';

const descriptor = (mediaType: string) => ({ mediaType, digest: `sha256:${'a'.repeat(64)}`, size: 1 });
const OCI = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPE.ociManifest,
  config: descriptor(MEDIA_TYPE.ociConfig),
  layers: [descriptor(MEDIA_TYPE.ociLayerGzip)],
};
const codes = (document: object) => warningsOf(parseManifest(json(document))).map((warning) => warning.code);

describe('warningsOf', () => {
  it('has nothing to say about a manifest that is as it should be', () => {
    assert.deepEqual(codes(OCI), []);
    assert.deepEqual(codes({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] }), []);
  });

  it('reports an OCI manifest without layers', () => {
    assert.deepEqual(codes({ ...OCI, layers: [] }), ['NO_LAYERS']);
  });

  it('reports Docker’s types in an OCI manifest, and OCI’s in Docker’s', () => {
    const bytes = fixture('manifests/invalid/schema2-body-says-oci.json');
    assert.deepEqual(warningsOf(parseManifest(bytes))[0]?.code, 'MIXED_MEDIA_TYPES');
    assert.deepEqual(codes({ ...OCI, mediaType: MEDIA_TYPE.dockerManifest }), ['MIXED_MEDIA_TYPES']);
  });

  it('reports an empty config without an artifactType', () => {
    const artifact = { ...OCI, config: descriptor(MEDIA_TYPE.ociEmpty) };
    assert.deepEqual(codes(artifact), ['NO_ARTIFACT_TYPE']);
    assert.deepEqual(codes({ ...artifact, artifactType: 'a/b' }), []);
  });

  it('reports an entry of a Docker list without a platform', () => {
    const manifests = [descriptor(MEDIA_TYPE.dockerManifest)];
    assert.deepEqual(codes({ schemaVersion: 2, mediaType: MEDIA_TYPE.dockerManifestList, manifests }), [
      'NO_PLATFORM',
    ]);
  });
});
