import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { readDocument } from '../../../src/operations/inspect/document.js';
import { inspect } from '../../../src/operations/inspect/inspect.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { runLading } from '../../cli/program.js';
import { copyInto, storeOf } from '../../support/archives.js';
import {
  type MadeImage,
  type MadeIndex,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { signedSchema1 } from '../../support/signed-schema1.js';
import { useFolder } from '../../support/temporary.js';
import { startRegistry, type TestRegistry } from '../registry.js';

describe('the documents of an image', () => {
  const path = useFolder('the suite');
  let registry: TestRegistry;
  let amd64: MadeImage;
  let arm64: MadeImage;
  let index: MadeIndex;
  let signature: MadeImage;
  let sbom: MadeImage;
  before(async () => {
    registry = await startRegistry();
    amd64 = await makeImage({ seed: 'amd64' });
    arm64 = await makeImage({
      seed: 'arm64',
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    });
    index = makeIndex([arm64, amd64]);
    const made = makeCosignSignature(index.manifest.descriptor);
    signature = made;
    sbom = makeReferrer(arm64.manifest.descriptor, {
      artifactType: 'application/spdx+json',
      payload: 'sbom',
    });
    const images = {
      'reg.test/multi:1': index,
      'reg.test/one:1': amd64,
      [`reg.test/multi:${made.tag}`]: made,
    };
    const source = await storeOf(images);
    await pushAll(source, sbom.all);
    await copyInto(await openLayoutForWriting(path('layout')), source, [
      'reg.test/multi:1',
      'reg.test/one:1',
    ]);
    await registry.put('multi:1', index);
    await registry.put(`multi:${made.tag}`, made);
  });
  after(() => registry.close());

  it('are what the digests are of, from a layout and from a registry', async () => {
    for (const source of [`oci:${path('layout')}:reg.test/multi:1`, `${registry.name}/multi:1`]) {
      const { name, bytes, descriptor } = await readDocument(source);
      assert.ok(name.endsWith('/multi:1'));
      assert.ok(bytes.equals(index.manifest.bytes));
      assert.deepEqual(
        [digestOf(bytes), descriptor.digest],
        [descriptor.digest, index.manifest.descriptor.digest],
      );
      const manifest = await readDocument(source, { platform: 'linux/arm64' });
      assert.ok(manifest.bytes.equals(arm64.manifest.bytes));
      const config = await readDocument(source, { platform: 'linux/arm64/v8', document: 'config' });
      assert.ok(config.bytes.equals(arm64.config.bytes));
      // The index has it in the second place.
      const chosen = await readDocument(source, { document: 'config' });
      assert.ok(chosen.bytes.equals(amd64.config.bytes));
    }
  });

  it('are those of one image: of several, one has to be named', async () => {
    await assert.rejects(readDocument(path('layout')), {
      code: 'USAGE',
      message: /holds 2 images; name the one that is meant/,
      remedy: 'list',
    });
    const { bytes } = await readDocument(path('layout'), { reference: 'reg.test/one:1' });
    assert.ok(bytes.equals(amd64.manifest.bytes));
  });

  it('are missing for another platform, and schema1 has no config', async () => {
    const options = { reference: 'reg.test/multi:1', platform: 'linux/s390x' };
    await assert.rejects(readDocument(path('layout'), options), {
      code: 'NOT_FOUND',
      message: 'reg.test/multi:1 holds no image for linux/s390x',
    });
    const schema1 = signedSchema1();
    await registry.put('legacy:1', { manifest: schema1, all: [schema1] });
    const legacy = `${registry.name}/legacy:1`;
    assert.ok((await readDocument(legacy)).bytes.equals(schema1.bytes));
    await assert.rejects(readDocument(legacy, { document: 'config' }), { code: 'UNSUPPORTED' });
  });

  it('are printed byte for byte by --raw and --image-config, which go with no other view', async () => {
    const of = (...args: string[]) => runLading(['inspect', path('layout'), 'reg.test/multi:1', ...args]);
    assert.equal((await of('--raw')).stdout, index.manifest.bytes.toString());
    assert.equal(
      (await of('--image-config', '--platform', 'linux/arm64')).stdout,
      arm64.config.bytes.toString(),
    );
    for (const [args, message] of [
      [['--raw', '--history'], /--raw and --history exclude each other/],
      [['--image-config', '--json'], /--json and --image-config exclude each other/],
      [['--raw', '--platform', 'linux/arm64,linux/amd64'], /one --platform/],
      [['--format', '{{.Plattforms}}'], /no \.Plattforms\nhint: Did you mean \.Platforms\?/],
    ] as const) {
      const { code, stdout, stderr } = await of(...args);
      assert.deepEqual([code, `${stdout}${stderr}`.match(message) !== null], [2, true], stderr);
    }
  });

  it('and what is attached to it, are shown for scripts by --format', async () => {
    const template = '{{.Name}}{{range .Platforms}} {{.Os}}/{{.Architecture}}{{end}} {{json .Size}}';
    const args = ['inspect', path('layout'), 'reg.test/multi:1', '--format', template];
    const size = index.all.reduce((sum, { bytes }) => sum + bytes.length, 0);
    assert.equal((await runLading(args)).stdout, `reg.test/multi:1 linux/arm64 linux/amd64 ${size}\n`);
  });

  it('have attachments with sizes in a layout, and in a registry if they are asked for', async () => {
    const sizeOf = ({ all }: MadeImage): number => all.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const ofImage = {
      digest: signature.manifest.descriptor.digest,
      subject: index.manifest.descriptor.digest,
      kind: 'signature',
      tag: `sha256-${index.manifest.descriptor.digest.slice(7)}.sig`,
    };
    const ofPlatform = {
      digest: sbom.manifest.descriptor.digest,
      subject: arm64.manifest.descriptor.digest,
      kind: 'SBOM',
      artifactType: 'application/spdx+json',
      size: sizeOf(sbom),
    };
    const attachmentsOf = async (source: string, options = {}) =>
      (await inspect(source, options)).images[0]?.attachments;
    const layout = `oci:${path('layout')}:reg.test/multi:1`;
    assert.deepEqual(await attachmentsOf(layout), [{ ...ofImage, size: sizeOf(signature) }, ofPlatform]);
    const remote = `${registry.name}/multi:1`;
    assert.deepEqual(await attachmentsOf(remote), [ofImage]);
    assert.deepEqual(await attachmentsOf(remote, { attachments: true }), [
      { ...ofImage, size: sizeOf(signature) },
    ]);
    assert.deepEqual(await attachmentsOf(layout, { referrers: false }), []);
  });
});
