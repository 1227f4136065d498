import assert from 'node:assert/strict';
import { ANNOTATION } from '../../../src/content/annotations.js';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import type { Platform } from '../../../src/content/platform.js';
import { type ImageManifest, type Manifest, parseManifest } from '../../../src/manifest/manifest.js';
import { dockerImageOf, dockerManifest } from '../../../src/store/archive/docker-manifest.js';
import { withAttachedEntry, withEntry } from '../../../src/store/layout/layout-index.js';
import {
  contentOf,
  jsonContent,
  type MadeImage,
  type MadeIndex,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
} from '../../support/images.js';

const linux = (architecture: string): Platform => ({ os: 'linux', architecture });

function lookupIn(...made: (MadeImage | MadeIndex)[]): (descriptor: Descriptor) => Manifest | undefined {
  const manifests = new Map(
    made.flatMap(({ all }) => all).map(({ descriptor, bytes }) => [descriptor.digest, { descriptor, bytes }]),
  );
  return ({ digest }) => {
    const content = manifests.get(digest);
    return content && parseManifest(content.bytes, content.descriptor);
  };
}

describe('dockerImageOf', () => {
  let amd64: MadeImage;
  let arm64: MadeImage;
  let index: MadeIndex;
  before(async () => {
    amd64 = await makeImage({ seed: 'amd64' });
    arm64 = await makeImage({ seed: 'arm64', platform: linux('arm64') });
    index = makeIndex([arm64, amd64]);
  });
  const configOf = (image: ImageManifest | undefined): string | undefined => image?.config.digest;

  it('is linux/amd64 where that is there, else the first, else what is asked for', () => {
    const root = index.manifest.descriptor;
    assert.equal(configOf(dockerImageOf(root, lookupIn(index))), amd64.config.descriptor.digest);
    assert.equal(
      configOf(dockerImageOf(root, lookupIn(index), { platform: linux('arm64') })),
      arm64.config.descriptor.digest,
    );
    assert.equal(
      configOf(dockerImageOf(root, lookupIn(index), { platform: linux('s390x') })),
      arm64.config.descriptor.digest,
    );
  });

  it('is found in an index in an index, and is a single image itself', () => {
    const outer = makeIndex([index]);
    assert.equal(
      configOf(dockerImageOf(outer.manifest.descriptor, lookupIn(outer))),
      amd64.config.descriptor.digest,
    );
    assert.equal(
      configOf(dockerImageOf(arm64.manifest.descriptor, lookupIn(arm64))),
      arm64.config.descriptor.digest,
    );
  });

  it('is the first that is there of a sparse index', () => {
    const lookup = lookupIn({ manifest: index.manifest, all: [index.manifest] }, arm64);
    assert.equal(configOf(dockerImageOf(index.manifest.descriptor, lookup)), arm64.config.descriptor.digest);
  });

  it('is nothing that is no image: attestations, artifacts, what is missing', () => {
    const attestation = { ...amd64, platform: { os: 'unknown', architecture: 'unknown' } };
    const attested = makeIndex([attestation]);
    const note = makeReferrer(amd64.manifest.descriptor, { artifactType: 'text/x-note', payload: 'x' });
    for (const made of [attested, note]) {
      assert.equal(dockerImageOf(made.manifest.descriptor, lookupIn(made)), undefined);
    }
    assert.equal(
      dockerImageOf(amd64.manifest.descriptor, () => undefined),
      undefined,
    );
  });

  it('is one that is whole before one that lacks layers or is encrypted, but not of another platform', () => {
    const foreign = jsonContent(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      config: amd64.config.descriptor,
      layers: [
        {
          ...contentOf('application/vnd.oci.image.layer.nondistributable.v1.tar', Buffer.from('x'))
            .descriptor,
          urls: ['https://example.com/layer'],
        },
      ],
    });
    const encrypted = jsonContent(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      config: amd64.config.descriptor,
      layers: [{ ...contentOf(`${MEDIA_TYPE.ociLayerGzip}+encrypted`, Buffer.from('x')).descriptor }],
    });
    const isHeld = ({ mediaType }: Descriptor): boolean => !mediaType.includes('nondistributable');
    for (const odd of [foreign, encrypted]) {
      const made: MadeImage = { ...amd64, manifest: odd, all: [odd] };
      const layersIn = (...images: MadeImage[]): unknown => {
        const all = makeIndex(images);
        return dockerImageOf(all.manifest.descriptor, lookupIn(all, ...images), { isHeld })?.layers;
      };
      const own = dockerImageOf(amd64.manifest.descriptor, lookupIn(amd64))?.layers;
      assert.deepEqual(layersIn(made, amd64), own);
      assert.deepEqual(layersIn(made, arm64), dockerImageOf(odd.descriptor, lookupIn(made))?.layers);
    }
  });
});

describe('dockerManifest', () => {
  let image: MadeImage;
  let other: MadeImage;
  before(async () => {
    image = await makeImage({ seed: 1 });
    other = await makeImage({ seed: 2 });
  });

  const itemsOf = (entries: readonly Descriptor[]): ReturnType<typeof dockerManifest> => {
    const lookup = lookupIn(image, other);
    return dockerManifest(
      entries,
      (entry) => dockerImageOf(entry, lookup),
      ({ digest }) => digest.slice(7, 11),
    );
  };
  const paths = ({ config, layers }: MadeImage): { Config: string; Layers: string[] } => ({
    Config: config.descriptor.digest.slice(7, 11),
    Layers: layers.map(({ descriptor }) => descriptor.digest.slice(7, 11)),
  });

  it('gathers the names of one image, in their short form and in a fixed order', () => {
    let entries = withEntry([], image.manifest.descriptor, 'reg.test/z:1');
    entries = withEntry(entries, other.manifest.descriptor, 'docker.io/library/b:1');
    entries = withEntry(entries, image.manifest.descriptor, 'docker.io/library/a:1');
    const expected = [
      { ...paths(image), RepoTags: ['a:1', 'reg.test/z:1'] },
      { ...paths(other), RepoTags: ['b:1'] },
    ];
    assert.deepEqual(itemsOf(entries), expected);
    assert.deepEqual(itemsOf(entries.toReversed()), expected);
  });

  it('has no names for an image that is known by its digest, or by what is no name to Docker', () => {
    const { descriptor } = image.manifest;
    for (const name of [descriptor.digest, `reg.test/a@${descriptor.digest}`, 'v1', 'No Name']) {
      assert.deepEqual(itemsOf(withEntry([], descriptor, name)), [{ ...paths(image), RepoTags: null }], name);
    }
  });

  it('gives the tag of a name with a digest only where nothing else has that tag', () => {
    const pinned = `docker.io/library/a:1@${other.manifest.descriptor.digest}`;
    const alone = withEntry([], other.manifest.descriptor, pinned);
    assert.deepEqual(itemsOf(alone), [{ ...paths(other), RepoTags: ['a:1'] }]);
    const note = makeReferrer(image.manifest.descriptor, { artifactType: 'text/x-note', payload: 'x' });
    for (const { descriptor } of [image.manifest, note.manifest]) {
      const entries = withEntry(alone, descriptor, 'docker.io/library/a:1');
      const item = itemsOf(entries).find(({ Config }) => Config === paths(other).Config);
      assert.deepEqual(item, { ...paths(other), RepoTags: null });
    }
  });

  it('leaves out what is attached to images', () => {
    const signature = makeCosignSignature(image.manifest.descriptor);
    const note = makeReferrer(image.manifest.descriptor, { artifactType: 'text/x-note', payload: 'x' });
    const lookup = lookupIn(signature, note);
    const entries = withAttachedEntry(
      withEntry([], signature.manifest.descriptor, `reg.test/a:${signature.tag}`),
      note.manifest.descriptor,
      image.manifest.descriptor.digest,
    );
    assert.equal(entries.filter(({ annotations }) => annotations?.[ANNOTATION.containerdSubject]).length, 2);
    assert.deepEqual(
      dockerManifest(entries, (entry) => dockerImageOf(entry, lookup), String),
      [],
    );
  });
});
