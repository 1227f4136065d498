import assert from 'node:assert/strict';
import { digestOf } from '../../src/content/digest.js';
import { MANIFEST_ACCEPT, path } from '../../src/registry/protocol.js';

const digest = digestOf(Buffer.from('x'));

describe('protocol', () => {
  it('writes the paths of manifests by tag and by digest', () => {
    assert.equal(path.manifest('a/b', '1.2'), '/v2/a/b/manifests/1.2');
    assert.equal(path.manifest('a/b', digest), `/v2/a/b/manifests/${digest}`);
  });

  it('accepts every manifest type, OCI first', () => {
    assert.match(MANIFEST_ACCEPT, /^application\/vnd\.oci\.image\.index\.v1\+json, .*v1\+prettyjws.*\*\/\*$/);
  });
});
