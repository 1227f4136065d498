import assert from 'node:assert/strict';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { keptAs } from '../../../src/manifest/artifact.js';
import { convertManifest } from '../../../src/manifest/convert/manifest.js';
import { convertToSchema1 } from '../../../src/manifest/convert/schema1.js';
import { createSigningKey } from '../../../src/manifest/convert/sign-schema1.js';
import { manifestDigest, parseManifest } from '../../../src/manifest/manifest.js';
import { fixture, json } from '../../support/fixtures.js';

const UNSUPPORTED = { code: 'UNSUPPORTED' };
const COSIGN_LAYER = 'application/vnd.dev.cosign.simplesigning.v1+json';
const IN_TOTO = 'application/vnd.in-toto+json';

function content(mediaType: string, bytes = mediaType): Descriptor {
  return { mediaType, digest: digestOf(Buffer.from(bytes)), size: bytes.length };
}

function ociManifest(members: object = {}, layers = [content(MEDIA_TYPE.ociLayerGzip)]) {
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: content(MEDIA_TYPE.ociConfig),
    layers,
    ...members,
  };
}

function dockerManifest(members: object = {}, layers = [content(MEDIA_TYPE.dockerLayerGzip)]) {
  const config = content(MEDIA_TYPE.dockerConfig);
  return { schemaVersion: 2, mediaType: MEDIA_TYPE.dockerManifest, config, layers, ...members };
}

function parse(bytes: Buffer) {
  const manifest = parseManifest(bytes);
  assert(manifest.format === 'oci-manifest' || manifest.format === 'docker-schema2');
  return manifest;
}

describe('an image manifest between schema2 and OCI', () => {
  for (const name of ['html-escape', 'timezones']) {
    it(`has the layers that skopeo gives it: ${name} to OCI`, () => {
      const path = `conversion/schema2-oci/${name}`;
      const original = fixture(`${path}.s2.manifest.json`);
      const { manifest, lost, reversible } = convertManifest(original, 'oci', {
        config: fixture(`${path}.config.json`),
      });
      const ours = parse(manifest.bytes);
      const skopeos = parse(fixture(`${path}.to-oci.manifest.json`));
      assert.deepEqual(ours.layers, skopeos.layers);
      assert.equal(ours.mediaType, skopeos.mediaType);
      assert.equal(ours.config.mediaType, skopeos.config.mediaType);
      // skopeo writes a new config, which loses members and the image ID; lading keeps its bytes.
      assert.equal(ours.config.digest, parse(original).config.digest);
      assert.deepEqual({ lost, reversible }, { lost: [], reversible: true });
      assert.deepEqual(convertManifest(manifest.bytes, 'docker').manifest.bytes, original);
    });
  }

  it('is byte for byte what skopeo makes on the way to schema2', () => {
    const path = 'conversion/schema2-oci/html-escape';
    const original = fixture(`${path}.oci.manifest.json`);
    const { manifest, lost, reversible } = convertManifest(original, 'docker');
    assert.equal(manifest.bytes.toString(), fixture(`${path}.to-v2s2.manifest.json`).toString());
    assert.equal(manifest.descriptor.mediaType, MEDIA_TYPE.dockerManifest);
    assert.deepEqual(lost, [
      `the annotation a of ${digestOf(original)}`,
      'the annotation x of sha256:7293412bd4ba51c89d80ae1daf0a28df531425fc371522a45c27b615aeb43f21',
    ]);
    assert.equal(reversible, false);
  });

  it('has OCI’s type for each of Docker’s layers, foreign ones too', () => {
    const path = 'conversion/every-type';
    const original = fixture(`${path}/manifest.json`);
    const { manifest, reversible } = convertManifest(original, 'oci');
    assert.deepEqual(parse(manifest.bytes).layers, parse(fixture(`${path}/to-oci.manifest.json`)).layers);
    assert.equal(reversible, true);
    assert.deepEqual(convertManifest(manifest.bytes, 'docker').manifest.bytes, original);
  });

  it('keeps white space and order, and so comes back as it was', () => {
    for (const indent of [0, 2, 3, '\t']) {
      const original = Buffer.from(`${JSON.stringify(dockerManifest(), null, indent)}\n`);
      const oci = convertManifest(original, 'oci');
      assert.equal(oci.reversible, true);
      assert.deepEqual(convertManifest(oci.manifest.bytes, 'docker').manifest.bytes, original);
    }
  });

  it('says when it does not come back: without a mediaType, or of mixed families', () => {
    const { mediaType: _, ...untyped } = ociManifest();
    const docker = convertManifest(json(untyped), 'docker');
    assert.deepEqual({ reversible: docker.reversible, lost: docker.lost }, { reversible: false, lost: [] });
    assert.match(docker.manifest.bytes.toString(), /^\{"schemaVersion":2,"mediaType":/);

    const mixed = dockerManifest({}, [content(MEDIA_TYPE.ociLayerGzip)]);
    assert.equal(convertManifest(json(mixed), 'oci').reversible, false);
    const bytesAsConfig = fixture('conversion/many-steps/manifest.json');
    const oci = convertManifest(bytesAsConfig, 'oci');
    assert.equal(parse(oci.manifest.bytes).config.mediaType, MEDIA_TYPE.ociConfig);
    assert.equal(oci.reversible, false);
  });

  it('stays as it is where it is of the target’s family', () => {
    const subject = content(MEDIA_TYPE.ociManifest);
    const original = json(ociManifest({ subject, annotations: { a: 'b' } }));
    const { manifest, lost, reversible } = convertManifest(original, 'oci', { signatures: ['a signature'] });
    assert.deepEqual(manifest.bytes, original);
    assert.deepEqual({ lost, reversible }, { lost: [], reversible: true });
  });

  it('does not give a meaning to members that have none in Docker’s format', () => {
    const subject = content(MEDIA_TYPE.ociManifest);
    const original = json(dockerManifest({ subject, artifactType: 'a/b', annotations: { a: 'b' } }));
    const { manifest, lost } = convertManifest(original, 'oci');
    const { subject: attached, annotations, artifactType } = parse(manifest.bytes);
    assert.deepEqual([attached, annotations, artifactType], [undefined, undefined, undefined]);
    const where = digestOf(original);
    assert.deepEqual(lost, [`artifactType of ${where}`, `the annotation a of ${where}`]);
  });
});

describe('an image manifest without layers', () => {
  it('has an empty list of them, however it was written', () => {
    for (const layers of [null, []]) {
      const original = json(dockerManifest({ layers }));
      const { manifest, reversible } = convertManifest(original, 'oci');
      assert.deepEqual(JSON.parse(manifest.bytes.toString()).layers, []);
      assert.equal(reversible, layers !== null);
    }
  });
});

describe('layers on the way to another format', () => {
  const zstd = content(MEDIA_TYPE.ociLayerZstd);

  it('are refused where the target has no type for them', () => {
    const REFUSED = [
      MEDIA_TYPE.ociLayerZstd,
      `${MEDIA_TYPE.ociLayerGzip}+encrypted`,
      'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
      'application/octet-stream',
    ];
    for (const mediaType of REFUSED) {
      const layers = [content(MEDIA_TYPE.ociLayerGzip), content(mediaType)];
      assert.throws(() => convertManifest(json(ociManifest({}, layers)), 'docker'), UNSUPPORTED);
    }
    const unknown = dockerManifest({}, [content('application/octet-stream')]);
    assert.throws(() => convertManifest(json(unknown), 'oci'), UNSUPPORTED);
    const ociZstd = json(ociManifest({}, [zstd]));
    assert.throws(() => convertManifest(ociZstd, 'docker'), {
      ...UNSUPPORTED,
      remedy: 'compression',
    });
  });

  it('are taken to OCI with zstd, which Docker’s format has by a name of no specification', () => {
    const dockerZstd = fixture('conversion/zstd/manifest.json');
    const { manifest, reversible } = convertManifest(dockerZstd, 'oci');
    const types = parse(manifest.bytes).layers.map(({ mediaType }: { mediaType: string }) => mediaType);
    assert.ok(types.includes(MEDIA_TYPE.ociLayerZstd));
    assert.equal(reversible, false);
  });

  it('are taken when they are compressed anew, without what described their old bytes', () => {
    const annotations = { 'io.github.containers.zstd-chunked.manifest-position': '1:2:3:4', title: 'x' };
    const original = json(ociManifest({}, [{ ...zstd, data: 'eA==', annotations }]));
    const gzip = content(MEDIA_TYPE.ociLayerGzip, 'anew');
    const layers = new Map([[zstd.digest, gzip]]);

    const docker = convertManifest(original, 'docker', { layers });
    assert.deepEqual(parse(docker.manifest.bytes).layers, [
      { ...gzip, mediaType: MEDIA_TYPE.dockerLayerGzip },
    ]);
    assert.equal(docker.reversible, false);

    const oci = convertManifest(original, 'oci', { layers });
    assert.deepEqual(parse(oci.manifest.bytes).layers, [{ ...gzip, annotations: { title: 'x' } }]);
    assert.equal(oci.reversible, false);
  });
});

describe('what a conversion would lose', () => {
  const subject = content(MEDIA_TYPE.ociManifest);

  it('is not lost unless it is forced: a subject', () => {
    const original = json(ociManifest({ subject }));
    assert.throws(() => convertManifest(original, 'docker'), UNSUPPORTED);
    const { lost } = convertManifest(original, 'docker', { force: true });
    assert.deepEqual(lost, [`the subject ${subject.digest}`]);
  });

  it('is not lost unless it is forced: signatures of the digest', () => {
    const original = json(dockerManifest());
    const signatures = ['the signature sha256-….sig'];
    assert.throws(() => convertManifest(original, 'oci', { signatures }), UNSUPPORTED);
    const { lost } = convertManifest(original, 'oci', { signatures, force: true });
    assert.deepEqual(lost, [`the signature sha256-….sig, which covers ${digestOf(original)}`]);
  });
});

describe('the config of a converted image', () => {
  const rootfs = { type: 'layers', diff_ids: [] };

  function convert(config: object) {
    const bytes = json(config);
    const manifest = dockerManifest(
      { config: { ...content(MEDIA_TYPE.dockerConfig), digest: digestOf(bytes) } },
      [],
    );
    return convertManifest(json(manifest), 'oci', {
      config: bytes,
      platform: { os: 'linux', architecture: 'arm' },
    });
  }

  it('is kept where it says what OCI’s has to', () => {
    const { config, reversible } = convert({ os: 'windows', architecture: '', docker_version: '1', rootfs });
    assert.deepEqual({ config, reversible }, { config: undefined, reversible: true });
  });

  it('is completed where it does not', () => {
    const { config, manifest, reversible } = convert({ x: 1, rootfs: { type: 'layers' } });
    assert(config !== undefined);
    assert.deepEqual(JSON.parse(config.bytes.toString()), { x: 1, rootfs, os: 'linux', architecture: 'arm' });
    const { digest, size } = parse(manifest.bytes).config;
    assert.deepEqual({ digest, size }, { digest: digestOf(config.bytes), size: config.bytes.length });
    assert.equal(reversible, false);
  });

  it('is refused with a base layer of Windows', () => {
    const config = { os: 'windows', architecture: 'amd64', rootfs: { type: 'layers+base', base_layer: 'x' } };
    assert.throws(() => convert(config), UNSUPPORTED);
  });
});

describe('what is no image', () => {
  const KEPT = {
    'an artifact': [ociManifest({ config: content(MEDIA_TYPE.ociEmpty), artifactType: 'a/b' }), 'artifact'],
    'a Helm chart': [
      ociManifest({ config: content('application/vnd.cncf.helm.config.v1+json') }),
      'artifact',
    ],
    'a signature of cosign': [ociManifest({}, [content(COSIGN_LAYER)]), 'artifact'],
    'an attestation': [ociManifest({}, [content(IN_TOTO)]), 'attestation'],
    'a plugin': [dockerManifest({ config: content('application/vnd.docker.plugin.v1+json') }), 'plugin'],
  } as const;
  for (const [name, [manifest, as]] of Object.entries(KEPT)) {
    it(`is kept as it is: ${name}`, () => {
      assert.equal(keptAs(parseManifest(json(manifest))), as);
      assert.throws(() => convertManifest(json(manifest), 'oci'), UNSUPPORTED);
      const input = { name: 'n', tag: 't', config: json({}) };
      assert.throws(() => convertToSchema1(json(manifest), input), UNSUPPORTED);
    });
  }

  it('is told by the index that lists it, too', () => {
    const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
    const entry = { ...content(MEDIA_TYPE.ociManifest), annotations };
    assert.equal(keptAs(parseManifest(json(ociManifest())), entry), 'attestation');
  });

  it('is not an image, whatever its layers, nor an index', () => {
    assert.equal(keptAs(parseManifest(json(ociManifest({}, [])))), undefined);
    assert.equal(keptAs(parseManifest(json(dockerManifest()))), undefined);
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] };
    assert.equal(keptAs(parseManifest(json(index))), undefined);
    assert.throws(() => convertManifest(json(index), 'docker'), UNSUPPORTED);
  });
});

describe('an image manifest as schema1', () => {
  const layer = content(MEDIA_TYPE.ociLayerGzip);
  const config = json({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
    history: [{ created: '2020-01-01T00:00:00Z' }, { empty_layer: true }],
  });
  const input = { name: 'n', tag: 't', config };

  it('is signed, and named by what is signed', () => {
    const original = json(ociManifest({ annotations: { '\x1b[2J': 'clears the screen' } }));
    const { manifest, needsEmptyLayer, lost } = convertToSchema1(original, {
      ...input,
      key: createSigningKey(),
    });
    const { mediaType, digest, size } = manifest.descriptor;
    assert.equal(mediaType, MEDIA_TYPE.dockerSchema1Signed);
    assert.equal(digest, manifestDigest(manifest.bytes, mediaType));
    assert.equal(size, manifest.bytes.length);
    assert.equal(needsEmptyLayer, true);
    assert.deepEqual(lost, [`the annotation \\x1b[2J of ${digestOf(original)}`]);
  });

  it('is unsigned without a key, with the same digest', () => {
    const original = json(dockerManifest({}, [{ ...layer, mediaType: MEDIA_TYPE.dockerLayerGzip }]));
    const unsigned = convertToSchema1(original, input).manifest;
    const signed = convertToSchema1(original, {
      ...input,
      key: createSigningKey(),
      time: new Date(0),
    }).manifest;
    assert.equal(unsigned.descriptor.mediaType, MEDIA_TYPE.dockerSchema1);
    assert.equal(unsigned.descriptor.digest, signed.descriptor.digest);
  });

  it('names layers that were compressed anew, and refuses those that old Docker cannot read', () => {
    const zstd = content(MEDIA_TYPE.ociLayerZstd);
    const original = json(ociManifest({}, [zstd]));
    assert.throws(() => convertToSchema1(original, input), UNSUPPORTED);
    const { manifest } = convertToSchema1(original, { ...input, layers: new Map([[zstd.digest, layer]]) });
    assert(manifest.bytes.includes(layer.digest));
  });

  it('refuses foreign layers and a subject, which it has no place for', () => {
    const foreign = content('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip');
    assert.throws(() => convertToSchema1(json(ociManifest({}, [foreign])), input), UNSUPPORTED);
    const attached = json(ociManifest({ subject: content(MEDIA_TYPE.ociManifest) }));
    assert.throws(() => convertToSchema1(attached, input), UNSUPPORTED);
  });
});
