import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { parseManifest, successors } from '../../src/manifest/manifest.js';
import { validators } from '../../src/manifest/validators.js';
import { json } from '../support/fixtures.js';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const CONFIG = { mediaType: MEDIA_TYPE.ociConfig, digest: digest('c'), size: 3 };
const LAYER = { mediaType: MEDIA_TYPE.ociLayerGzip, digest: digest('a'), size: 4 };
const IMAGE = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config: CONFIG, layers: [LAYER] };
const CHILD = { mediaType: MEDIA_TYPE.ociManifest, digest: digest('d'), size: 5 };
const INDEX = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [CHILD] };
const layer = (change: object) => ({ ...IMAGE, layers: [{ ...LAYER, ...change }] });
const child = (change: object) => ({ ...INDEX, manifests: [{ ...CHILD, ...change }] });

const ALL = ['Docker', 'containerd', 'podman'];
const SOME = ['containerd', 'podman'];
const MOVED: [title: string, document: object, refusedBy: string[]][] = [
  ['a media type without a slash', layer({ mediaType: 'spdx+json' }), []],
  ['a media type with a parameter', layer({ mediaType: 'application/vnd.cyclonedx+json; version=1.4' }), []],
  ['an empty media type', layer({ mediaType: '' }), []],
  ['a media type that is null', layer({ mediaType: null }), []],
  ['no media type of a layer', layer({ mediaType: undefined }), []],
  ['an artifactType that is null', { ...IMAGE, artifactType: null }, []],
  ['an empty artifactType', { ...IMAGE, artifactType: '' }, []],
  ['an artifactType without a slash', { ...IMAGE, artifactType: 'sbom' }, []],
  ['an empty media type of the subject', { ...IMAGE, subject: { ...CHILD, mediaType: '' } }, []],
  ['a subject that is null', { ...IMAGE, subject: null }, []],
  ['an annotation that is null', { ...IMAGE, annotations: { a: null } }, []],
  ['data that is not base64', layer({ data: '!' }), SOME],
  ['an empty mediaType of its own', { ...IMAGE, mediaType: '' }, []],
  ['a mediaType of its own that is null', { ...IMAGE, mediaType: null }, []],
  ['no schemaVersion', { ...IMAGE, schemaVersion: undefined }, []],
  ['no layers', { ...IMAGE, layers: undefined }, []],
  ['a platform that is null', child({ platform: null }), ['Docker']],
  ['an empty platform', child({ platform: {} }), ALL],
  ['an artifactType of a child that is null', child({ artifactType: null }), []],
];
/** Documents that the strict schemas allow. */
const REGULAR: [title: string, document: object][] = [
  ['urls that are null', layer({ urls: null })],
  ['data that is null', layer({ data: null })],
  ['annotations that are null', layer({ annotations: null })],
  ['layers that are null', { ...IMAGE, layers: null }],
  ['children that are null', { ...INDEX, manifests: null }],
  ['os.features that are null', child({ platform: { ...platform(), 'os.features': null } })],
  ['members that nobody knows', { ...layer({ vendor: [1] }), vendor: { x: null } }],
  ['a subject in a Docker manifest', { ...docker(), subject: CHILD, annotations: { a: 'b' } }],
  [
    'Docker’s children in an OCI index without mediaType',
    silent(child({ mediaType: MEDIA_TYPE.dockerManifest })),
  ],
];
const REFUSED: [title: string, text: string][] = [
  ['a size in exponents', JSON.stringify(layer({ size: 'S' })).replace('"S"', '1e3')],
  ['a size with a fraction of nothing', JSON.stringify(layer({ size: 'S' })).replace('"S"', '4.0')],
  ['a media type with a line end', JSON.stringify(layer({ mediaType: 'a/b\r\nX: 1' }))],
  ['a digest that is none', JSON.stringify(layer({ digest: 'sha256:abc' }))],
  ['no size', JSON.stringify(layer({ size: undefined }))],
  ['a subject whose digest is none', JSON.stringify({ ...IMAGE, subject: { ...CHILD, digest: 'x' } })],
  ['a member twice', JSON.stringify(IMAGE).replace('"layers"', '"layers":[],"layers"')],
  ['members of two formats', JSON.stringify({ ...IMAGE, manifests: [] })],
  ['a schemaVersion of another format', JSON.stringify({ ...IMAGE, schemaVersion: 1 })],
  ['a schemaVersion that nobody knows', JSON.stringify({ ...IMAGE, schemaVersion: 3 })],
  ['a mediaType of another format', JSON.stringify({ ...IMAGE, mediaType: MEDIA_TYPE.ociIndex })],
];

/** Documents that Go cannot decode: regctl, oras, crane, skopeo and the engines refuse them. */
const UNDECODABLE: [title: string, document: object][] = [
  ['an annotation that is a number', { ...IMAGE, annotations: { a: 1 } }],
  ['annotations that are a list', layer({ annotations: [] })],
  ['urls that are a string', layer({ urls: 'https://example.test/' })],
  ['a schemaVersion in text', { ...IMAGE, schemaVersion: '2' }],
  ['an artifactType that is a number', { ...IMAGE, artifactType: 5 }],
  ['a platform whose os is a number', child({ platform: { os: 1, architecture: 'amd64' } })],
  ['os.features that are a string', child({ platform: { ...platform(), 'os.features': 'x' } })],
];

describe('manifests that are moved although their schema does not allow them', () => {
  for (const [title, document, refusedBy] of MOVED) {
    it(`are read with ${title}, and it is said which engines refuse that`, () => {
      const manifest = read(document);
      assert.deepEqual(manifest.irregular?.refusedBy, refusedBy);
      const { blobs, manifests } = successors(manifest);
      const named = [...blobs, ...manifests].map(({ digest, size }) => `${digest} ${size}`);
      assert.ok(
        named.length > 0 && named.every((pair) => JSON.stringify(document).includes(pair.slice(7, 71))),
      );
    });
  }

  for (const [title, document] of REGULAR) {
    it(`are read without a word with ${title}`, () => {
      const manifest = read(document);
      assert.equal(manifest.irregular, undefined);
    });
  }

  for (const [title, document] of UNDECODABLE) {
    it(`are refused with ${title}, which no tool can decode`, () => {
      assert.throws(() => read(document), { code: 'INVALID_MANIFEST' });
    });
  }

  for (const [title, text] of REFUSED) {
    it(`are refused with ${title}, since that can mean two things or nothing`, () => {
      assert.throws(() => parseManifest(Buffer.from(text), { mediaType: MEDIA_TYPE.ociManifest }), {
        code: 'INVALID_MANIFEST',
      });
    });
  }
});

function read(document: object) {
  const declared = 'manifests' in document ? MEDIA_TYPE.ociIndex : undefined;
  const isDocker = JSON.stringify(document).includes(MEDIA_TYPE.dockerConfig);
  const mediaType = declared ?? (isDocker ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.ociManifest);
  return parseManifest(json(document), { mediaType });
}

function platform() {
  return { os: 'linux', architecture: 'amd64' };
}

function docker() {
  return {
    ...IMAGE,
    mediaType: MEDIA_TYPE.dockerManifest,
    config: { ...CONFIG, mediaType: MEDIA_TYPE.dockerConfig },
    layers: [{ ...LAYER, mediaType: MEDIA_TYPE.dockerLayerGzip }],
  };
}

function silent(document: object) {
  return { ...document, mediaType: undefined };
}

describe('the schemas of configs', () => {
  /** Values of a member, most of which its schemas allow, so that whole documents are valid often enough. */
  const mostly = (good: unknown[], odd: unknown[]) =>
    fc.oneof(
      { weight: 40, arbitrary: fc.constantFrom(...good) },
      { weight: 1, arbitrary: fc.constantFrom(...odd) },
    );
  const times = mostly(['2024-01-02T03:04:05Z', null], ['', 'x', 7]);
  const texts = mostly(['', 'x', null], [7, [], {}]);
  const lists = mostly([[], ['x'], null], ['x', [null], [1], {}]);
  const objects = mostly([{}, null], [{ x: {} }, { x: 'y' }, { x: 1 }, []]);
  const numbers = mostly([0, 7, null], [1.5, '1', true]);
  const truths = mostly([true, false, null], [0, 'true']);
  const anything = fc.oneof(texts, lists, objects, numbers, truths);
  const members = (names: Record<string, fc.Arbitrary<unknown>>) =>
    fc.record(names, { requiredKeys: [] }) as fc.Arbitrary<object>;
  const container = members({
    ...Object.fromEntries(['User', 'WorkingDir', 'StopSignal', 'Hostname', 'Image'].map((it) => [it, texts])),
    ...Object.fromEntries(['Env', 'Entrypoint', 'Cmd', 'Shell', 'OnBuild'].map((it) => [it, lists])),
    ...Object.fromEntries(['ExposedPorts', 'Volumes', 'Labels', 'Healthcheck'].map((it) => [it, objects])),
    ...Object.fromEntries(['ArgsEscaped', 'Tty'].map((it) => [it, truths])),
  });
  const config = members({
    ...Object.fromEntries(
      ['id', 'parent', 'comment', 'author', 'architecture', 'os', 'variant'].map((it) => [it, texts]),
    ),
    'os.version': texts,
    'os.features': lists,
    created: times,
    StopTimeout: numbers,
    Size: numbers,
    config: fc.oneof({ weight: 20, arbitrary: container }, anything),
    container_config: fc.oneof({ weight: 20, arbitrary: container }, anything),
    history: fc.oneof(
      fc.array(members({ created: times, created_by: texts, empty_layer: truths })),
      anything,
    ),
    rootfs: fc.constantFrom<unknown>({ type: 'layers', diff_ids: [] }, { type: 'layers' }, null),
  });

  it('let engines decode whatever Docker’s accepts', () => {
    let accepted = 0;
    fc.assert(
      fc.property(config, (document) => {
        if (!validators['docker-config']({ rootfs: { type: 'layers' }, ...document })) return;
        accepted++;
        const whole = { rootfs: { type: 'layers' }, ...document };
        assert.equal(validators['go-docker-config'](whole), true);
        assert.equal(validators['go-oci-config'](whole), true);
      }),
      { numRuns: 3000 },
    );
    assert.ok(accepted > 300, `only ${accepted} of 3000 were accepted`);
  });
});
