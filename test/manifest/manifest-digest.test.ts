import assert from 'node:assert/strict';
import { type Digest, digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { manifestDigest, verifyManifest } from '../../src/manifest/manifest.js';
import { fixture } from '../support/fixtures.js';

describe('verifyManifest', () => {
  const bytes = Buffer.from('{"schemaVersion":2}');
  const descriptor = { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(bytes), size: bytes.length };

  it('accepts the bytes that a descriptor names', () => {
    assert.doesNotThrow(() => verifyManifest(descriptor, bytes));
    assert.doesNotThrow(() => verifyManifest({ ...descriptor, digest: digestOf(bytes, 'sha512') }, bytes));
  });

  it('tells too many, too few and other bytes apart', () => {
    assert.throws(() => verifyManifest({ ...descriptor, size: bytes.length - 1 }, bytes), {
      code: 'SIZE_MISMATCH',
    });
    assert.throws(() => verifyManifest({ ...descriptor, size: bytes.length + 1 }, bytes), {
      code: 'CUT_SHORT',
    });
    const other: Digest = `sha256:${'0'.repeat(64)}`;
    assert.throws(() => verifyManifest({ ...descriptor, digest: other }, bytes), { code: 'DIGEST_MISMATCH' });
  });

  it('compares the payload’s digest of a signed schema1 manifest, and the size of all its bytes', () => {
    const signed = fixture('schema1/one-layer.signed.json');
    for (const mediaType of [MEDIA_TYPE.dockerSchema1Signed, MEDIA_TYPE.dockerSchema1]) {
      const digest = manifestDigest(signed, mediaType);
      assert.notEqual(digest, digestOf(signed));
      assert.doesNotThrow(() => verifyManifest({ mediaType, digest, size: signed.length }, signed));
      assert.throws(
        () => verifyManifest({ mediaType, digest: digestOf(signed), size: signed.length }, signed),
        {
          code: 'DIGEST_MISMATCH',
        },
      );
    }
  });

  it('does not take signatures into account in any other format', () => {
    const signed = fixture('schema1/one-layer.signed.json');
    assert.equal(manifestDigest(signed, MEDIA_TYPE.ociManifest), digestOf(signed));
  });

  it('names the manifest whose signatures it cannot read', () => {
    const broken = fixture('schema1/bad-formatlength-too-large.json');
    const digest: Digest = `sha256:${'0'.repeat(64)}`;
    const mediaType = MEDIA_TYPE.dockerSchema1Signed;
    assert.throws(() => verifyManifest({ mediaType, digest, size: broken.length }, broken), {
      code: 'INVALID_SIGNATURE',
      message: /^sha256:0{64} /,
    });
  });
});
