import assert from 'node:assert/strict';
import { ANNOTATION } from '../../../src/content/annotations.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { parseManifest } from '../../../src/manifest/manifest.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { openPath } from '../../../src/store/open.js';
import { readContent } from '../../../src/store/read-content.js';
import { has } from '../../../src/store/store.js';
import { copyInto, storeOf } from '../../support/archives.js';
import {
  jsonContent,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { NAME, only, useConversions } from './conversions.js';

describe('convert, of images with attachments', () => {
  const { path, originals, writeLayout, run } = useConversions();

  it('keeps attestations, told what became of the image they are about', async () => {
    const { layer, config, attestation } = makeAttestation();
    const annotations = (digest: string): Record<string, string> => ({
      [ANNOTATION.dockerReferenceType]: 'attestation-manifest',
      [ANNOTATION.dockerReferenceDigest]: digest,
    });
    const docker = await makeImage({ seed: 'docker', format: 'docker' });
    const list = jsonContent(MEDIA_TYPE.dockerManifestList, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.dockerManifestList,
      manifests: [
        { ...docker.manifest.descriptor, platform: docker.platform },
        {
          ...attestation.descriptor,
          platform: { os: 'unknown', architecture: 'unknown' },
          annotations: annotations(docker.manifest.descriptor.digest),
        },
      ],
    });
    const all = [...docker.all, layer, config, attestation, list];
    const { to, digests, lost } = only(
      await run(await writeLayout('in', { [NAME]: { manifest: list, all } }), 'oci'),
    );
    const store = await openPath(path('out-oci'));
    const index = parseManifest(await readContent(store, await store.resolve(NAME)));
    await store.close();
    assert.equal(to.mediaType, MEDIA_TYPE.ociIndex);
    assert.ok('manifests' in index);
    const [image, kept] = index.manifests;
    assert.equal(image?.digest, digests[docker.manifest.descriptor.digest]);
    assert.equal(kept?.digest, attestation.descriptor.digest);
    assert.deepEqual(kept?.annotations, annotations(image?.digest ?? ''));
    assert.equal(lost.length, 1);
    assert.match(lost[0] ?? '', /attestation sha256:\w+ is about/);
    assert.deepEqual((await verify(path('out-oci'))).findings, []);
  });

  it('tells no loss where nothing is lost: of what has the format already, all keeps its digest', async () => {
    const { layer, config, attestation } = makeAttestation();
    const { descriptor } = originals.amd64.manifest;
    for (const [place, platform] of [originals.amd64.platform, undefined].entries()) {
      const index = jsonContent(MEDIA_TYPE.ociIndex, {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [
          { ...descriptor, ...(platform && { platform }) },
          {
            ...attestation.descriptor,
            platform: { os: 'unknown', architecture: 'unknown' },
            annotations: {
              [ANNOTATION.dockerReferenceType]: 'attestation-manifest',
              [ANNOTATION.dockerReferenceDigest]: descriptor.digest,
            },
          },
        ],
      });
      const signature = makeReferrer(index.descriptor, {
        artifactType: 'text/x-signature',
        payload: 'signed',
      });
      const all = [...originals.amd64.all, layer, config, attestation, index];
      const source = await writeLayout(`in-${place}`, { [NAME]: { manifest: index, all } }, signature.all);
      const output = `${path(`out-${place}`)}/`;
      const { from, to, digests, lost } = only(await run(source, 'oci', { output }));
      assert.deepEqual([lost, digests, to], [[], {}, from]);
      const store = await openPath(output);
      assert.equal(await has(store, signature.manifest.descriptor), true, 'its signature came along');
      await store.close();
    }
  });

  it('keeps what is attached to a child that did not change, and names what is attached to one that did', async () => {
    const docker = await makeImage({ seed: 'docker', format: 'docker' });
    const index = makeIndex([originals.amd64, docker]);
    const [onKept, onChanged] = [originals.amd64, docker].map(({ manifest }, place) =>
      makeReferrer(manifest.descriptor, { artifactType: 'text/x-sbom', payload: `sbom ${place}` }),
    );
    assert.ok(onKept && onChanged);
    const onSBOM = makeReferrer(onKept.manifest.descriptor, {
      artifactType: 'text/x-sig',
      payload: 'signed',
    });
    const more = [...onKept.all, ...onChanged.all, ...onSBOM.all];
    const source = await writeLayout('in', { [NAME]: index }, more);
    const { lost } = only(await run(source, 'oci'));
    assert.deepEqual(lost, [
      `${onChanged.manifest.descriptor.digest}, which is attached to ${docker.manifest.descriptor.digest}`,
    ]);
    const store = await openPath(path('out-oci'));
    for (const [referrer, isThere] of [
      [onKept, true],
      [onSBOM, true],
      [onChanged, false],
    ] as const)
      assert.equal(await has(store, referrer.manifest.descriptor), isThere);
    await store.close();
    assert.deepEqual((await verify(path('out-oci'))).findings, []);
  });

  it('leaves artifacts as they are', async () => {
    const chart = makeReferrer(originals.amd64.manifest.descriptor, {
      artifactType: 'text/x-chart',
      payload: 'chart',
    });
    const source = await writeLayout('in', { 'reg.test/chart:1': chart }, originals.amd64.all);
    for (const to of ['oci', 'docker'] as const) {
      const { from, to: made, digests } = only(await run(source, to));
      assert.equal(made.digest, from.digest);
      assert.deepEqual(digests, {});
    }
  });

  it('names the signatures that covered the old digest, and keeps them with the original', async () => {
    const signature = makeCosignSignature(originals.amd64.manifest.descriptor);
    const note = makeReferrer(originals.amd64.manifest.descriptor, {
      artifactType: 'text/x-sbom',
      payload: 'sbom',
    });
    const source = await storeOf({
      [NAME]: originals.amd64,
      [`reg.test/team/app:${signature.tag}`]: signature,
    });
    await pushAll(source, note.all);
    await copyInto(await openLayoutForWriting(path('in')), source, [NAME]);
    const { lost } = only(await run(path('in'), 'docker'));
    assert.equal(lost.length, 2);
    for (const what of [signature.tag, note.manifest.descriptor.digest])
      assert.ok(
        lost.some((line) => line.includes(what) && line.includes(originals.amd64.manifest.descriptor.digest)),
      );

    const kept = only(await run(path('in'), 'docker', { output: path('kept.tar'), keepOriginal: true }));
    assert.deepEqual(kept.lost, []);
    const store = await openPath(path('kept.tar'));
    const attached = [];
    for await (const { descriptor } of store.referrers(originals.amd64.manifest.descriptor))
      attached.push(descriptor.digest);
    await store.close();
    assert.deepEqual(
      attached.sort(),
      [signature.manifest.descriptor.digest, note.manifest.descriptor.digest].sort(),
    );
  });
});

/** Makes an attestation as BuildKit does. */
function makeAttestation() {
  const layer = jsonContent('application/vnd.in-toto+json', { _type: 'https://in-toto.io/Statement/v0.1' });
  const config = jsonContent(MEDIA_TYPE.ociConfig, {
    os: 'unknown',
    architecture: 'unknown',
    rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
  });
  const attestation = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: config.descriptor,
    layers: [layer.descriptor],
  });
  return { layer, config, attestation };
}
