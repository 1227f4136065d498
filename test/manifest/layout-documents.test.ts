import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { parseLayoutVersion, readLayoutIndex } from '../../src/manifest/layout-documents.js';
import { fixture, json } from '../support/fixtures.js';

const ENTRY = {
  mediaType: MEDIA_TYPE.ociManifest,
  digest: `sha256:${'a'.repeat(64)}`,
  size: 7,
  annotations: { 'org.opencontainers.image.ref.name': 'latest' },
};
const INVALID = { code: 'INVALID_LAYOUT', message: /^dir: index\.json / };

describe('readLayoutIndex', () => {
  const parse = (value: unknown) => readLayoutIndex(json(value), 'dir: index.json').entries;

  it('reads the entries with their names', () => {
    assert.deepEqual(parse({ schemaVersion: 2, manifests: [ENTRY] }), [ENTRY]);
  });

  it('reads null as no entries', () => {
    assert.deepEqual(parse({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: null }), []);
  });

  it('refuses what is no index, or more than one thing', () => {
    for (const value of [null, [], {}, { manifests: {} }, { schemaVersion: 1, manifests: [] }])
      assert.throws(() => parse(value), INVALID);
    assert.throws(() => parse({ schemaVersion: 2, manifests: [], Layers: [] }), INVALID);
    assert.throws(() => readLayoutIndex(Buffer.from('{"manifests":['), 'dir: index.json'), INVALID);
  });

  it('refuses a digest that could be a path', () => {
    assert.throws(() => parse({ manifests: [{ ...ENTRY, digest: 'sha256:../../../etc/passwd' }] }), INVALID);
  });

  it('reads the layouts of crane, regclient and docker', () => {
    for (const path of [
      'layouts/mislabelled',
      'layouts/fallback-tag',
      'layouts/base-name',
      'docker-archives/docker25-graphdriver',
    ])
      assert.ok(readLayoutIndex(fixture(`${path}/index.json`), 'index.json').entries.length > 0);
  });
});

describe('parseLayoutVersion', () => {
  it('accepts 1.0.0, however it is laid out', () => {
    for (const text of ['{"imageLayoutVersion":"1.0.0"}', '{\n  "imageLayoutVersion": "1.0.0"\n}\n'])
      assert.equal(parseLayoutVersion(Buffer.from(text), 'oci-layout'), '1.0.0');
  });

  it('refuses every other version', () => {
    for (const version of ['2.0.0', '1.0', '1.0.1', '', 1, null, undefined])
      assert.throws(() => parseLayoutVersion(json({ imageLayoutVersion: version }), 'oci-layout'), {
        code: 'INVALID_LAYOUT',
      });
  });
});
