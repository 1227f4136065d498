import assert from 'node:assert/strict';
import { digestOf } from '../../src/content/digest.js';
import { cosignTags, MANIFEST_ACCEPT, parseAttachedTag, path } from '../../src/registry/protocol.js';

const digest = digestOf(Buffer.from('x'));
const encoded = digest.slice('sha256:'.length);

describe('protocol', () => {
  it('writes the paths of manifests by tag and by digest', () => {
    assert.equal(path.manifest('a/b', '1.2'), '/v2/a/b/manifests/1.2');
    assert.equal(path.manifest('a/b', digest), `/v2/a/b/manifests/${digest}`);
  });

  it('accepts every manifest type, OCI first', () => {
    assert.match(MANIFEST_ACCEPT, /^application\/vnd\.oci\.image\.index\.v1\+json, .*v1\+prettyjws.*\*\/\*$/);
  });

  it('tells the tags of attachments from those of images', () => {
    assert.deepEqual(parseAttachedTag(`sha256-${encoded}.sig`), { subject: digest, kind: 'sig' });
    assert.deepEqual(parseAttachedTag(`sha256-${encoded}`), { subject: digest, kind: 'referrers' });
    for (const tag of ['latest', `sha256-${encoded}.zip`, 'sha256-abc.sig', `sha256-${encoded}\n`])
      assert.equal(parseAttachedTag(tag), undefined, tag);
    assert.deepEqual(
      cosignTags(digest).map((tag) => parseAttachedTag(tag)?.kind),
      ['sig', 'att', 'sbom'],
    );
  });
});
