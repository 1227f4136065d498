import assert from 'node:assert/strict';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { type IdentifiedKind, identifyDocument } from '../../src/manifest/identify.js';
import { fixture, json } from '../support/fixtures.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const ROOTFS = { type: 'layers', diff_ids: [DIGEST] };
const descriptor = (mediaType: string) => ({ mediaType, digest: DIGEST, size: 1 });
const INDEX = { schemaVersion: 2, manifests: [descriptor(MEDIA_TYPE.ociManifest)] };

/** Documents of each kind, with the name of the file if it matters. */
const DOCUMENTS: [kind: IdentifiedKind, document: unknown, name?: string][] = [
  ['oci-index', { ...INDEX, mediaType: MEDIA_TYPE.ociIndex }],
  ['index-json', INDEX, 'index.json'],
  ['docker-manifest-list', { ...INDEX, mediaType: MEDIA_TYPE.dockerManifestList, manifests: [] }],
  ['oci-manifest', { schemaVersion: 2, config: descriptor(MEDIA_TYPE.ociConfig), layers: [] }],
  ['oci-config', { os: 'linux', architecture: 'amd64', rootfs: ROOTFS }],
  ['docker-config', { os: 'linux', architecture: 'amd64', rootfs: ROOTFS, docker_version: '20.10' }],
  ['docker-config', { rootfs: ROOTFS }],
  ['v1-image', { id: 'a'.repeat(64), created: '2014-01-01T00:00:00Z', Size: 0 }],
  ['oci-layout', { imageLayoutVersion: '1.0.0' }],
  ['docker-archive-manifest', [{ Config: 'a.json', RepoTags: null, Layers: ['b.tar'] }]],
  ['docker-archive-repositories', { busybox: { latest: 'a'.repeat(64) } }],
  ['docker-archive-repositories', {}, 'repositories'],
];

describe('identifyDocument', () => {
  for (const [kind, document, name] of DOCUMENTS) {
    it(`tells ${kind} from ${JSON.stringify(document).slice(0, 60)}`, () => {
      const bytes = json(document);
      const identified = identifyDocument(bytes, 'the document', name);
      assert.equal(identified.kind, kind);
      assert.equal(identified.digest, digestOf(bytes));
      assert.ok(identified.mediaType.startsWith('application/'));
    });
  }

  it('tells every signature of a schema1 manifest, and which hold', () => {
    const several = identifyDocument(fixture('schema1/multi-signature.json'), 'the document');
    assert.equal(several.kind, 'docker-schema1');
    assert.deepEqual(
      several.signatures?.map(({ algorithm, valid }) => [algorithm, valid]),
      [
        ['ES384', true],
        ['RS256', true],
        ['ES256', true],
      ],
    );
    const forged = identifyDocument(fixture('schema1/bad-flipped-signature.json'), 'the document');
    const [signature] = forged.signatures ?? [];
    assert.equal(signature?.valid, false);
    assert.match(signature.keyID ?? '', /^([A-Z2-7]{4}:){11}/);
    assert.match(signature.problem ?? '', /does not verify/);
  });

  it('has the warnings about a manifest', () => {
    const manifest = json({ schemaVersion: 2, config: descriptor(MEDIA_TYPE.ociConfig), layers: [] });
    assert.deepEqual(
      identifyDocument(manifest, 'the document').warnings.map(({ code }) => code),
      ['NO_LAYERS'],
    );
  });

  it('has a warning about a config that its schema does not allow', () => {
    const { kind, warnings } = identifyDocument(
      json({ rootfs: { type: 'layers', diff_ids: ['x'] } }),
      'config',
    );
    assert.equal(kind, 'oci-config');
    assert.deepEqual(
      warnings.map(({ code, isFatal = false }) => [code, isFatal]),
      [['IRREGULAR', false]],
    );
  });

  it('throws what the parser of the kind throws, and for what is none', () => {
    const wrong: [document: unknown, code: string][] = [
      [{ imageLayoutVersion: '2.0.0' }, 'INVALID_LAYOUT'],
      [[{ RepoTags: 1 }], 'INVALID_ARCHIVE'],
      [{ busybox: { latest: 1 } }, 'INVALID_ARCHIVE'],
      [{ ...INDEX, layers: [] }, 'INVALID_MANIFEST'],
      [{}, 'INVALID_MANIFEST'],
      [null, 'INVALID_MANIFEST'],
      ['text', 'INVALID_MANIFEST'],
    ];
    for (const [document, code] of wrong)
      assert.throws(
        () => identifyDocument(json(document), 'the document'),
        { code },
        JSON.stringify(document),
      );
  });
});
