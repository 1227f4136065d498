import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { detectMediaType, type Manifest, parseManifest, successors } from '../../src/manifest/manifest.js';
import { fixture, fixturePath, json } from '../support/fixtures.js';
import { processorTimeMs } from '../support/processor-time.js';

const digest = (character: string) => `sha256:${character.repeat(64)}`;
const CONFIG = { mediaType: MEDIA_TYPE.ociConfig, digest: digest('c'), size: 3 };
const LAYER = { mediaType: MEDIA_TYPE.ociLayerGzip, digest: digest('1'), size: 4 };
const CHILD = { mediaType: MEDIA_TYPE.ociManifest, digest: digest('2'), size: 5 };
const SUBJECT = { mediaType: MEDIA_TYPE.ociManifest, digest: digest('5'), size: 6 };
const OCI = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config: CONFIG, layers: [LAYER] };
const INDEX = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [CHILD] };
const SCHEMA2 = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPE.dockerManifest,
  config: { ...CONFIG, mediaType: MEDIA_TYPE.dockerConfig },
  layers: [{ ...LAYER, mediaType: MEDIA_TYPE.dockerLayerGzip }],
};
const LIST = { schemaVersion: 2, mediaType: MEDIA_TYPE.dockerManifestList, manifests: [CHILD] };
const ARTIFACT = {
  mediaType: MEDIA_TYPE.ociArtifactManifest,
  artifactType: 'a/b',
  blobs: [LAYER],
  subject: SUBJECT,
};
const ORAS_ARTIFACT = { ...ARTIFACT, mediaType: MEDIA_TYPE.orasArtifactManifest };
const SCHEMA1 = {
  schemaVersion: 1,
  name: 'team/app',
  tag: '1.0',
  architecture: 'amd64',
  fsLayers: [
    { blobSum: digest('3') },
    { blobSum: digest('e') },
    { blobSum: digest('e') },
    { blobSum: digest('4') },
  ],
  history: ['top', 'empty', 'empty', 'base'].map((v1Compatibility) => ({ v1Compatibility })),
};
const INVALID = { code: 'INVALID_MANIFEST' };

describe('parseManifest', () => {
  it('reads an OCI manifest with all that it points at', () => {
    const document = { ...OCI, artifactType: 'a/b', subject: SUBJECT, annotations: { key: 'value' } };
    assert.deepEqual(parseManifest(json(document)), {
      format: 'oci-manifest',
      mediaType: MEDIA_TYPE.ociManifest,
      config: CONFIG,
      layers: [LAYER],
      subject: SUBJECT,
      artifactType: 'a/b',
      annotations: { key: 'value' },
    });
  });

  it('reads artifacts of OCI and of ORAS, which has to name its type', () => {
    const { mediaType, ...rest } = ORAS_ARTIFACT;
    assert.deepEqual(parseManifest(json(ORAS_ARTIFACT)), { format: 'oras-artifact', mediaType, ...rest });
    assert.equal(parseManifest(json(ARTIFACT)).format, 'oci-artifact');
    const { irregular } = parseManifest(json({ ...ORAS_ARTIFACT, artifactType: undefined }));
    assert.equal(irregular?.place, '/artifactType');
    assert.equal(parseManifest(json({ ...ARTIFACT, artifactType: undefined })).irregular, undefined);
  });

  it('reads an index’s entries with their platforms', () => {
    const platform = {
      os: 'windows',
      architecture: 'amd64',
      'os.version': '10.0',
      'os.features': ['win32k'],
    };
    const manifest = parseManifest(json({ ...INDEX, manifests: [{ ...CHILD, platform }] }));
    assert.deepEqual(manifest, {
      format: 'oci-index',
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [{ ...CHILD, platform }],
    });
  });

  it('reads a schema1 manifest, top layer first', () => {
    assert.deepEqual(parseManifest(json(SCHEMA1)), {
      format: 'docker-schema1',
      mediaType: MEDIA_TYPE.dockerSchema1,
      signed: false,
      name: 'team/app',
      tag: '1.0',
      architecture: 'amd64',
      fsLayers: [digest('3'), digest('e'), digest('e'), digest('4')],
      history: ['top', 'empty', 'empty', 'base'],
    });
  });

  it('reads Go’s null as an empty list', () => {
    const manifest = parseManifest(json({ ...OCI, layers: null }));
    assert.deepEqual(manifest.format === 'oci-manifest' && manifest.layers, []);
    const index = parseManifest(json({ ...INDEX, manifests: null }));
    assert.deepEqual(index.format === 'oci-index' && index.manifests, []);
  });

  it('reads Go’s null for what a descriptor does not have', () => {
    const config = { ...OCI.config, urls: null, annotations: null, data: null };
    const manifest = parseManifest(json({ ...OCI, config }));
    assert.deepEqual(manifest.format === 'oci-manifest' && manifest.config, OCI.config);
  });

  it('names the digest it was asked for in its errors', () => {
    assert.throws(() => parseManifest(Buffer.from('{'), { digest: digest('9') }), {
      message: /^sha256:9{64} /,
    });
    assert.throws(() => parseManifest(Buffer.from('{')), {
      message: new RegExp(`^${digestOf(Buffer.from('{'))} `),
    });
  });

  it('refuses a schema1 manifest whose history is of another length', () => {
    const document = { ...SCHEMA1, history: SCHEMA1.history.slice(1) };
    assert.throws(() => parseManifest(json(document)), {
      ...INVALID,
      message: /4 layers but 3 history entries/,
    });
  });

  it('refuses a schema1 manifest without layers', () => {
    assert.throws(() => parseManifest(json({ ...SCHEMA1, fsLayers: [], history: [] })), INVALID);
  });

  it('reads a Docker manifest that does not say its type, which podman refuses', () => {
    const bytes = fixture('manifests/invalid/schema2-missing-mediatype.json');
    const manifest = parseManifest(bytes, { mediaType: MEDIA_TYPE.dockerManifest });
    assert.equal(manifest.format, 'docker-schema2');
    assert.match(manifest.irregular?.problem ?? '', /expected a member "mediaType"/);
    assert.deepEqual(manifest.irregular?.refusedBy, ['podman']);
  });

  for (const bytes of [Buffer.from('[]'), Buffer.from('null'), Buffer.from('"x"'), Buffer.from('{}')]) {
    it(`refuses ${bytes}`, () => {
      assert.throws(() => parseManifest(bytes), INVALID);
    });
  }

  it('refuses more than 4 MiB before reading it', () => {
    assert.throws(() => parseManifest(Buffer.alloc(4 * 1024 * 1024 + 1, ' ')), { code: 'TOO_LARGE' });
  });

  it('reads a manifest of nearly 4 MiB without delay', () => {
    const bytes = json({ ...INDEX, manifests: Array.from({ length: 24_000 }, () => CHILD) });
    assert.ok(bytes.length < 4 * 1024 * 1024);
    const start = processorTimeMs();
    const manifest = parseManifest(bytes);
    assert.equal(manifest.format === 'oci-index' && manifest.manifests.length, 24_000);
    assert.ok(processorTimeMs() - start < 2000);
  });
});

describe('detectMediaType', () => {
  it('finds every format by what its document says', () => {
    for (const document of [OCI, INDEX, SCHEMA2, LIST, ARTIFACT, ORAS_ARTIFACT])
      assert.equal(detectMediaType(json(document)), document.mediaType);
  });

  it('finds the format by the members of a document that does not say it', () => {
    const silent = (document: object) => json({ ...document, mediaType: undefined });
    assert.equal(detectMediaType(silent(OCI)), MEDIA_TYPE.ociManifest);
    assert.equal(detectMediaType(silent(INDEX)), MEDIA_TYPE.ociIndex);
    assert.equal(detectMediaType(silent({ ...INDEX, manifests: [] })), MEDIA_TYPE.ociIndex);
    assert.equal(detectMediaType(silent(SCHEMA2)), MEDIA_TYPE.dockerManifest);
    const dockerChild = { ...CHILD, mediaType: MEDIA_TYPE.dockerManifest };
    assert.equal(detectMediaType(silent({ ...LIST, manifests: [dockerChild] })), MEDIA_TYPE.ociIndex);
    assert.equal(detectMediaType(silent(SCHEMA1)), MEDIA_TYPE.dockerSchema1);
    assert.equal(detectMediaType(json({ ...SCHEMA1, signatures: [] })), MEDIA_TYPE.dockerSchema1Signed);
  });

  it('believes the declared type of a document that does not say its own', () => {
    const bytes = json({ ...OCI, mediaType: undefined, config: SCHEMA2.config });
    assert.equal(detectMediaType(bytes, MEDIA_TYPE.ociManifest), MEDIA_TYPE.ociManifest);
  });

  it('takes no notice of types that say nothing, nor of parameters', () => {
    for (const declared of ['application/json', 'text/plain; charset=utf-8', 'application/octet-stream', ''])
      assert.equal(detectMediaType(json(SCHEMA2), declared), MEDIA_TYPE.dockerManifest);
    assert.equal(
      detectMediaType(json(OCI), `${MEDIA_TYPE.ociManifest}; charset=utf-8`),
      MEDIA_TYPE.ociManifest,
    );
  });

  it('refuses a document that says another type than was declared', () => {
    assert.throws(() => detectMediaType(json(OCI), MEDIA_TYPE.ociIndex), INVALID);
    assert.throws(() => detectMediaType(json({ ...OCI, mediaType: 'a/b' }), MEDIA_TYPE.ociManifest), INVALID);
    assert.throws(() => detectMediaType(json({ ...OCI, mediaType: 7 }), MEDIA_TYPE.ociManifest), INVALID);
    const bytes = fixture('manifests/invalid/schema2-body-says-oci.json');
    assert.equal(detectMediaType(bytes), MEDIA_TYPE.ociManifest);
    assert.throws(() => detectMediaType(bytes, MEDIA_TYPE.dockerManifest), {
      ...INVALID,
      message: /was declared as application\/vnd\.docker/,
    });
  });

  it('goes by the signatures where schema1’s two names are mixed up', () => {
    assert.equal(detectMediaType(json(SCHEMA1), MEDIA_TYPE.dockerSchema1Signed), MEDIA_TYPE.dockerSchema1);
    const signed = json({ ...SCHEMA1, signatures: [{}] });
    assert.equal(detectMediaType(signed, MEDIA_TYPE.dockerSchema1), MEDIA_TYPE.dockerSchema1Signed);
  });

  it('refuses an unknown schemaVersion', () => {
    const bytes = fixture('manifests/invalid/unknown-schema-version.json');
    assert.throws(() => detectMediaType(bytes), {
      ...INVALID,
      message: /neither its mediaType nor its members/,
    });
  });
});

describe('ambiguous documents (CVE-2021-41190)', () => {
  const DECIDING = ['config', 'layers', 'manifests', 'fsLayers', 'history'];
  const FORMATS: [document: object, allowed: string[]][] = [
    [OCI, ['config', 'layers']],
    [SCHEMA2, ['config', 'layers']],
    [INDEX, ['manifests']],
    [LIST, ['manifests']],
    [ARTIFACT, []],
    [ORAS_ARTIFACT, []],
    [SCHEMA1, ['fsLayers', 'history']],
  ];
  const AMBIGUOUS = { ...INVALID, message: /is ambiguous/ };

  it('are refused in every format, for every member of another one, whatever its value', () => {
    for (const [document, allowed] of FORMATS) {
      for (const member of DECIDING.filter((name) => !allowed.includes(name))) {
        for (const value of [null, [], {}, 'x', [CHILD]])
          assert.throws(() => parseManifest(json({ ...document, [member]: value })), AMBIGUOUS);
      }
    }
  });

  it('are refused when they write a member in another case, as Go reads it', () => {
    const VARIANTS = [
      'Layers',
      'MANIFESTS',
      'Config',
      'FSLayers',
      'layerſ',
      'MediaType',
      'schemaversion',
      'Subject',
    ];
    for (const [document] of FORMATS) {
      for (const member of VARIANTS)
        assert.throws(() => parseManifest(json({ ...document, [member]: null })), AMBIGUOUS);
    }
  });

  it('are refused when they repeat a member', () => {
    const bytes = Buffer.from(JSON.stringify(OCI).replace('{', '{"layers":[],'));
    assert.throws(() => parseManifest(bytes), { ...INVALID, message: /the member "layers" twice/ });
  });

  it('are refused when they have two types', () => {
    const bytes = Buffer.from(JSON.stringify(OCI).replace('{', `{"mediaType":"${MEDIA_TYPE.ociManifest}",`));
    assert.throws(() => parseManifest(bytes), INVALID);
  });

  for (const name of [
    'oci-manifest-with-manifests',
    'index-with-layers',
    'index-with-config',
    'no-mediatype',
  ]) {
    it(`are refused: ${name}`, () => {
      assert.throws(() => parseManifest(fixture(`manifests/invalid/ambiguous-${name}.json`)), AMBIGUOUS);
    });
  }
});

describe('the manifests of other tools', () => {
  const FORMATS: Record<string, Manifest['format']> = {
    'schema2.json': 'docker-schema2',
    'oci.json': 'oci-manifest',
    'oci-without-mediatype.json': 'oci-manifest',
    'oci-zstd.json': 'oci-manifest',
    'oci-index.json': 'oci-index',
    'list-of-schema1.json': 'docker-manifest-list',
    'list-variants.json': 'docker-manifest-list',
    'list-sorted-members.json': 'docker-manifest-list',
  };
  for (const [name, format] of Object.entries(FORMATS)) {
    it(`are read: ${name}`, () => {
      assert.equal(parseManifest(fixture(`manifests/valid/${name}`)).format, format);
    });
  }

  it('are read: a cosign signature and a Helm chart', () => {
    for (const name of ['cosign-signature', 'helm-chart'])
      assert.equal(parseManifest(fixture(`attached/${name}.json`)).format, 'oci-manifest');
  });

  it('are refused when their digests are empty, though some tools take them', () => {
    assert.throws(() => parseManifest(fixture('manifests/invalid/oci-empty-digest.json')), {
      ...INVALID,
      message: /at \/config\/digest, .*found ""/,
    });
  });

  it('are refused when they are not JSON, or cut off', () => {
    for (const name of ['not-json.json', 'truncated.json'])
      assert.throws(() => parseManifest(fixture(`manifests/invalid/${name}`)), INVALID);
  });

  it('are read from conversions, in both directions', () => {
    const names = readdirSync(fixturePath('conversion'), { recursive: true }).map(String);
    const manifests = names.filter((name) => /manifest\.json$/.test(name));
    assert.ok(manifests.length > 5);
    for (const name of manifests) assert.ok(parseManifest(fixture(`conversion/${name}`)).format);
  });
});

describe('successors', () => {
  const of = (document: object) => successors(parseManifest(json(document)));

  it('are an image’s config and layers', () => {
    for (const document of [OCI, SCHEMA2])
      assert.deepEqual(of(document), {
        blobs: [document.config, ...document.layers],
        manifests: [],
        unsized: [],
      });
  });

  it('are an index’s manifests, and as blobs what is no manifest', () => {
    const other = { ...CHILD, mediaType: 'application/xml' };
    assert.deepEqual(of({ ...INDEX, manifests: [other, CHILD] }), {
      blobs: [other],
      manifests: [CHILD],
      unsized: [],
    });
  });

  it('are an artifact’s blobs', () => {
    for (const artifact of [ARTIFACT, ORAS_ARTIFACT])
      assert.deepEqual(of(artifact), { blobs: [LAYER], manifests: [], unsized: [], subject: SUBJECT });
  });

  it('are schema1’s layers, each once and the base first, without sizes', () => {
    assert.deepEqual(of(SCHEMA1), {
      blobs: [],
      manifests: [],
      unsized: [digest('4'), digest('e'), digest('3')],
    });
  });

  it('name the subject apart', () => {
    assert.deepEqual(of({ ...OCI, subject: SUBJECT }).subject, SUBJECT);
    assert.deepEqual(of({ ...INDEX, subject: SUBJECT }).subject, SUBJECT);
    assert.equal('subject' in of(OCI), false);
  });

  it('do not follow a subject in Docker’s formats, where it means nothing', () => {
    assert.equal('subject' in of({ ...SCHEMA2, subject: SUBJECT }), false);
  });
});
