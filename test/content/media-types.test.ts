import assert from 'node:assert/strict';
import {
  isIndex,
  isManifest,
  isNonDistributable,
  isSchema1,
  MANIFEST_MEDIA_TYPES,
  MEDIA_TYPE,
} from '../../src/content/media-types.js';

describe('media types', () => {
  it('tell manifests, indexes and schema1 apart from blobs', () => {
    for (const type of MANIFEST_MEDIA_TYPES) assert.ok(isManifest(type), type);
    assert.deepEqual(MANIFEST_MEDIA_TYPES.filter(isIndex), [
      MEDIA_TYPE.ociIndex,
      MEDIA_TYPE.dockerManifestList,
    ]);
    assert.deepEqual(MANIFEST_MEDIA_TYPES.filter(isSchema1), [
      MEDIA_TYPE.dockerSchema1Signed,
      MEDIA_TYPE.dockerSchema1,
    ]);
    for (const type of [MEDIA_TYPE.ociConfig, MEDIA_TYPE.dockerLayerGzip, '', 'toString'])
      assert.ok(!isManifest(type));
  });

  it('know foreign layers of both families', () => {
    for (const type of [
      'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      'application/vnd.oci.image.layer.nondistributable.v1.tar',
      'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
    ])
      assert.ok(isNonDistributable(type), type);
    for (const type of [MEDIA_TYPE.ociLayerGzip, MEDIA_TYPE.dockerLayerTar])
      assert.ok(!isNonDistributable(type), type);
  });
});
