import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { parseManifest } from '../../src/manifest/manifest.js';
import { rewriteIndex } from '../../src/manifest/rewrite-index.js';
import { json } from '../support/fixtures.js';

const child = (character: string, architecture: string) => ({
  vendor: { [character]: [1.5, null] },
  mediaType: MEDIA_TYPE.ociManifest,
  size: 5,
  digest: `sha256:${character.repeat(64)}`,
  platform: { architecture, os: 'linux' },
});
const INDEX = {
  schemaVersion: 2,
  vendor: 'x',
  mediaType: MEDIA_TYPE.ociIndex,
  manifests: [child('a', 'amd64'), child('b', 'arm64'), child('c', 's390x')],
  annotations: { b: '1', a: '2' },
};

describe('rewriteIndex', () => {
  it('keeps the chosen children, and everything else in its place', () => {
    const filtered = rewriteIndex(Buffer.from(JSON.stringify(INDEX, null, 3)), (descriptor) =>
      descriptor.platform?.architecture === 'arm64' ? undefined : descriptor,
    );
    const [first, , third] = INDEX.manifests;
    assert.equal(filtered.toString(), JSON.stringify({ ...INDEX, manifests: [first, third] }));
    assert.equal(parseManifest(filtered).format, 'oci-index');
  });

  it('keeps the bytes when every child is kept', () => {
    const bytes = Buffer.from(JSON.stringify(INDEX, null, 3));
    assert.deepEqual(
      rewriteIndex(bytes, (descriptor) => descriptor),
      bytes,
    );
  });

  it('puts the digest and the size of a replaced child in its place, and keeps its other members', () => {
    const replaced = { mediaType: MEDIA_TYPE.ociIndex, digest: `sha256:${'d'.repeat(64)}` as const, size: 7 };
    const rewritten = rewriteIndex(json(INDEX), (descriptor) =>
      descriptor.platform?.architecture === 'arm64' ? replaced : descriptor,
    );
    const [first, second, third] = INDEX.manifests;
    const expected = { ...second, size: 7, digest: replaced.digest };
    assert.equal(rewritten.toString(), JSON.stringify({ ...INDEX, manifests: [first, expected, third] }));
  });

  it('does not keep the embedded content of a replaced child', () => {
    const manifests = INDEX.manifests.map((entry) => ({ ...entry, data: 'e30=' }));
    const rewritten = rewriteIndex(json({ ...INDEX, manifests }), (descriptor) =>
      descriptor.platform?.architecture === 'arm64'
        ? { ...descriptor, digest: `sha256:${'d'.repeat(64)}` }
        : descriptor,
    );
    const { manifests: written } = JSON.parse(rewritten.toString());
    assert.deepEqual(
      written.map((entry: { data?: string }) => entry.data),
      ['e30=', undefined, 'e30='],
    );
  });

  it('may leave nothing', () => {
    const list = { schemaVersion: 2, mediaType: MEDIA_TYPE.dockerManifestList, manifests: INDEX.manifests };
    const filtered = rewriteIndex(json(list), () => undefined);
    assert.equal(filtered.toString(), JSON.stringify({ ...list, manifests: [] }));
  });

  it('refuses what is no index', () => {
    const config = child('c', 'x');
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [] };
    assert.throws(() => rewriteIndex(json(manifest), (descriptor) => descriptor), {
      code: 'INVALID_MANIFEST',
      message: /is not an index/,
    });
  });
});
