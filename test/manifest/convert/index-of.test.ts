import assert from 'node:assert/strict';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { type Digest, digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { parseConfig } from '../../../src/manifest/config.js';
import { convertIndex } from '../../../src/manifest/convert/index-of.js';
import { platformOf } from '../../../src/manifest/convert/platform-of.js';
import { parseManifest } from '../../../src/manifest/manifest.js';
import { json } from '../../support/fixtures.js';

const AMD64 = { architecture: 'amd64', os: 'linux' };
const ARM = { architecture: 'arm', os: 'linux', variant: 'v7' };
const UNKNOWN = { architecture: 'unknown', os: 'unknown' };

function content(mediaType: string, name: string): Descriptor {
  return { mediaType, digest: digestOf(Buffer.from(name)), size: name.length };
}

const [DOCKER_A, DOCKER_B] = ['docker a', 'docker b'].map((name) =>
  content(MEDIA_TYPE.dockerManifest, name),
) as [Descriptor, Descriptor]; // map keeps the length
const OCI_A = content(MEDIA_TYPE.ociManifest, 'oci a!');
const OCI_B = content(MEDIA_TYPE.ociManifest, 'oci b!');
const TO_OCI = new Map<Digest, Descriptor>([
  [DOCKER_A.digest, OCI_A],
  [DOCKER_B.digest, OCI_B],
]);
const TO_DOCKER = new Map<Digest, Descriptor>([
  [OCI_A.digest, DOCKER_A],
  [OCI_B.digest, DOCKER_B],
]);

function list(manifests: object[], members: object = {}) {
  return { schemaVersion: 2, mediaType: MEDIA_TYPE.dockerManifestList, manifests, ...members };
}

function index(manifests: object[], members: object = {}) {
  return { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests, ...members };
}

function attestation(subject: Descriptor) {
  const annotations = {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': subject.digest,
  };
  return { ...content(MEDIA_TYPE.ociManifest, 'attestation'), platform: UNKNOWN, annotations };
}

function children(bytes: Buffer): Descriptor[] {
  const manifest = parseManifest(bytes);
  assert(manifest.format === 'oci-index' || manifest.format === 'docker-manifest-list');
  return manifest.manifests;
}

describe('a manifest list as an OCI index, and back', () => {
  it('has its children replaced and comes back as it was', () => {
    for (const indent of [0, 3]) {
      const original = Buffer.from(
        JSON.stringify(
          list([
            { ...DOCKER_A, platform: AMD64 },
            { ...DOCKER_B, platform: ARM },
          ]),
          null,
          indent,
        ),
      );
      const oci = convertIndex(original, 'oci', { children: TO_OCI });
      assert.deepEqual(children(oci.index.bytes), [
        { ...OCI_A, platform: AMD64 },
        { ...OCI_B, platform: ARM },
      ]);
      assert.equal(oci.index.descriptor.mediaType, MEDIA_TYPE.ociIndex);
      assert.deepEqual({ lost: oci.lost, reversible: oci.reversible }, { lost: [], reversible: true });
      const docker = convertIndex(oci.index.bytes, 'docker', { children: TO_DOCKER });
      assert.deepEqual(docker.index.bytes, original);
    }
  });

  it('has platforms from its configs where it had none', () => {
    const platforms = new Map([[OCI_A.digest, ARM]]);
    const original = json(index([OCI_A, OCI_B]));
    const docker = convertIndex(original, 'docker', { children: TO_DOCKER, platforms });
    assert.deepEqual(children(docker.index.bytes), [
      { ...DOCKER_A, platform: ARM },
      { ...DOCKER_B, platform: UNKNOWN },
    ]);
    assert.equal(docker.reversible, false);
    const fromDocker = json(index([DOCKER_A, OCI_B]));
    const changed = new Map([[DOCKER_A.digest, OCI_A]]);
    const oci = convertIndex(fromDocker, 'oci', {
      children: changed,
      platforms: new Map([
        [DOCKER_A.digest, ARM],
        [OCI_B.digest, ARM],
      ]),
    });
    assert.deepEqual(children(oci.index.bytes), [{ ...OCI_A, platform: ARM }, OCI_B]);
  });

  it('keeps its bytes, and so its digest and what is attached to it, where no child changes', () => {
    const original = json(index([OCI_A, OCI_B]));
    const same = convertIndex(original, 'oci', { platforms: new Map([[OCI_A.digest, ARM]]) });
    assert.deepEqual([same.index.bytes, same.lost], [original, []]);
  });

  it('keeps the platform that it states', () => {
    const original = json(list([{ ...DOCKER_A, platform: AMD64 }]));
    const { index: oci } = convertIndex(original, 'oci', { platforms: new Map([[DOCKER_A.digest, ARM]]) });
    assert.deepEqual(children(oci.bytes), [{ ...DOCKER_A, platform: AMD64 }]);
  });

  it('loses annotations toward Docker, and says so', () => {
    const child = { ...OCI_A, platform: AMD64, annotations: { b: 'c' }, artifactType: 'a/b' };
    const original = json(index([child], { annotations: { a: 'b' } }));
    const { index: docker, lost, reversible } = convertIndex(original, 'docker');
    assert.deepEqual(JSON.parse(docker.bytes.toString()), list([{ ...OCI_A, platform: AMD64 }]));
    assert.deepEqual(lost, [
      `the annotation a of ${digestOf(original)}`,
      `the annotation b of ${OCI_A.digest}`,
      `artifactType of ${OCI_A.digest}`,
    ]);
    assert.equal(reversible, false);
  });

  it('keeps attestations, told of the new digest of what they are about', () => {
    const original = json(index([{ ...DOCKER_A, platform: AMD64 }, attestation(DOCKER_A)]));
    const { index: oci, lost, reversible } = convertIndex(original, 'oci', { children: TO_OCI });
    assert.deepEqual(children(oci.bytes), [{ ...OCI_A, platform: AMD64 }, attestation(OCI_A)]);
    const { digest } = attestation(OCI_A);
    assert.deepEqual(lost, [
      `the attestation ${digest} is about ${DOCKER_A.digest}, from before the conversion`,
    ]);
    assert.equal(reversible, true);
  });

  it('keeps what a manifest list says of attestations', () => {
    const original = json(list([{ ...DOCKER_A, platform: AMD64 }, attestation(DOCKER_A)]));
    const { index: oci } = convertIndex(original, 'oci', { children: TO_OCI });
    assert.deepEqual(children(oci.bytes), [{ ...OCI_A, platform: AMD64 }, attestation(OCI_A)]);
  });

  it('is not converted with a subject or signatures unless that is forced', () => {
    const original = json(index([], { subject: OCI_A }));
    assert.throws(() => convertIndex(original, 'docker'), { code: 'UNSUPPORTED' });
    assert.deepEqual(convertIndex(original, 'docker', { force: true }).lost, [`the subject ${OCI_A.digest}`]);
    assert.deepEqual(convertIndex(original, 'oci', { signatures: ['x'] }).lost, []);
    assert.throws(() => convertIndex(json(list([])), 'oci', { signatures: ['x'] }), { code: 'UNSUPPORTED' });
  });

  it('has no list of children that is null, as Docker 25.0.0 wrote it', () => {
    const docker = convertIndex(json({ ...index([]), manifests: null }), 'docker');
    assert.deepEqual(children(docker.index.bytes), []);
    assert.equal(docker.reversible, false);
  });

  it('is refused where it is no index', () => {
    const manifest = json({ schemaVersion: 2, config: OCI_A, layers: [] });
    assert.throws(() => convertIndex(manifest, 'docker'), { code: 'UNSUPPORTED' });
  });
});

describe('the platform of a config', () => {
  it('is what an index states of it', () => {
    const rootfs = { type: 'layers', diff_ids: [] };
    const config = {
      os: 'windows',
      architecture: 'amd64',
      'os.version': '10.0',
      'os.features': ['a'],
      variant: 'v2',
    };
    assert.deepEqual(platformOf(parseConfig(json({ ...config, rootfs }), 'config')), config);
    assert.equal(platformOf(parseConfig(json({ rootfs }), 'config')), undefined);
  });
});
