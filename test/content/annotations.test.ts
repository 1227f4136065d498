import assert from 'node:assert/strict';
import { absentOf, attestedDigest, withAbsent } from '../../src/content/annotations.js';
import type { Descriptor } from '../../src/content/descriptor.js';
import { type Digest, digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';

const DESCRIPTOR: Descriptor = {
  mediaType: MEDIA_TYPE.ociIndex,
  digest: digestOf(Buffer.from('a')),
  size: 1,
};
const [FIRST, SECOND]: [Digest, Digest] = [digestOf(Buffer.from('1')), digestOf(Buffer.from('2'))];

describe('the note of what an index leaves out', () => {
  it('is read back as it was written, beside other annotations', () => {
    const noted = withAbsent({ ...DESCRIPTOR, annotations: { a: 'b' } }, [FIRST, SECOND]);
    assert.deepEqual(absentOf(noted), [FIRST, SECOND]);
    assert.equal(noted.annotations?.a, 'b');
  });

  it('is not there where nothing is left out', () => {
    assert.equal(withAbsent(DESCRIPTOR, []), DESCRIPTOR);
    assert.deepEqual(absentOf(DESCRIPTOR), []);
  });

  it('counts digests only, whatever a stranger wrote', () => {
    const annotations = { 'dev.lading.index.absent': `../../etc/passwd,,${FIRST},sha256:abc` };
    assert.deepEqual(absentOf({ ...DESCRIPTOR, annotations }), [FIRST]);
  });
});

describe('attestedDigest', () => {
  it('tells what an attestation is about, and nothing of other entries', () => {
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': FIRST,
    };
    assert.equal(attestedDigest({ ...DESCRIPTOR, annotations }), FIRST);
    assert.equal(attestedDigest({ ...DESCRIPTOR, annotations: { 'vnd.docker.reference.type': 'x' } }), '');
    assert.equal(attestedDigest(DESCRIPTOR), undefined);
  });
});
