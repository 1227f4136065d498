import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { convert } from '../../../src/operations/convert/convert.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { plainLayer } from '../../support/docker-archives.js';
import { type Content, contentOf, jsonContent, pushAll } from '../../support/images.js';
import { useFolder } from '../../support/temporary.js';
import { xz } from '../../support/xz.js';

const BASE = plainLayer('what is below it');
const TAR = plainLayer('what is in the layer');
const { ociLayerTar: PLAIN, ociLayerGzip: GZIP, ociLayerZstd: ZSTD } = MEDIA_TYPE;
const NAME = 'reg.test/app:1';

/** A zstd frame of one block that is stored as it is. (RFC 8878, 3.1.1) */
function zstd(bytes: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  const block = Buffer.alloc(3);
  block.writeUIntLE((bytes.length << 3) | 1, 0, 3);
  return Buffer.concat([Buffer.from('28b52ffda0', 'hex'), size, block, bytes]);
}

const UNKNOWN = /has the type "[^"]*", which is not a layer type; containerd refuses it/;
const SKIPPABLE = Buffer.from('502a4d180400000074657374', 'hex');

describe('verify says what engines make of a layer', () => {
  const path = useFolder();

  async function write(layer: Content, members: object = {}, name = NAME): Promise<Content> {
    // With a layer of a known type, so that it is an image whatever the other one is called.
    const base = contentOf(GZIP, gzipSync(BASE));
    const config = jsonContent(MEDIA_TYPE.ociConfig, {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [BASE, TAR].map((tar) => digestOf(tar)) },
    });
    const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: config.descriptor,
      layers: [base.descriptor, { ...layer.descriptor, ...members }],
    });
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [base, layer, config, manifest]);
    await store.tag(manifest.descriptor, name);
    await store.commit();
    await store.close();
    return manifest;
  }

  for (const [what, bytes, mediaType, message] of [
    [
      'gzip that is called plain',
      gzipSync(TAR),
      PLAIN,
      /although its type says plain; containerd refuses it/,
    ],
    ['zstd that is called plain', zstd(TAR), PLAIN, /Docker before 23 and containerd refuse it/],
    ['zstd that is called gzip', zstd(TAR), GZIP, /although its type says gzip; Docker before 23 refuses it/],
    ['gzip that is called zstd', gzipSync(TAR), ZSTD, /although its type says zstd; engines take it/],
    ['plain bytes that are called gzip', TAR, GZIP, /is not compressed although its type says gzip/],
    ['zstd', zstd(TAR), ZSTD, /is compressed with zstd; Docker before 23 refuses it/],
    [
      'zstd behind a skippable frame',
      Buffer.concat([SKIPPABLE, zstd(TAR)]),
      ZSTD,
      /skippable zstd frame; Docker before 23 and podman 4 refuse it/,
    ],
    ['xz that is called gzip', xz(TAR), GZIP, /with xz, which containerd does not/],
    ['gzip of a type that is none', gzipSync(TAR), 'application/x-layer', UNKNOWN],
    ['a plain tar of a type that is none', TAR, 'application/x-layer', UNKNOWN],
    ['a layer without a type', gzipSync(TAR), '', UNKNOWN],
    ['bzip2 that is called plain', Buffer.from('BZh91AY'), PLAIN, /with bzip2, which containerd does not/],
  ] as [string, Buffer, string, RegExp][]) {
    it(`notes ${what}, by its bytes`, async () => {
      const layer = contentOf(mediaType, bytes);
      await write(layer);
      const { ok, notes } = await verify(path('layout'));
      assert.ok(ok);
      const forms = notes.filter(({ code }) => code === 'LAYER_FORM');
      assert.ok(
        forms.some((note) => message.test(note.message)),
        JSON.stringify(forms),
      );
      assert.ok(forms.every(({ digest }) => digest === layer.descriptor.digest));
    });
  }

  for (const [what, bytes] of [
    ['one gzip stream', Buffer.concat([gzipSync(TAR), Buffer.alloc(700)])],
    [
      'several gzip members',
      Buffer.concat([gzipSync(TAR.subarray(0, 100)), gzipSync(TAR.subarray(100)), Buffer.alloc(64)]),
    ],
  ] as const) {
    it(`finds zeros behind ${what}, which every engine refuses`, async () => {
      const layer = contentOf(GZIP, bytes);
      await write(layer);
      const { findings } = await verify(path('layout'));
      assert.deepEqual(
        findings.map(({ code, digest }) => [code, digest]),
        [['INVALID_ARCHIVE', layer.descriptor.digest]],
      );
      assert.match(
        findings[0]?.message ?? '',
        /zeros behind the end .* Docker, containerd and podman refuse it/,
      );
    });
  }

  for (const [what, bytes, code] of [
    ['another tar', gzipSync(plainLayer('something else')), 'DIGEST_MISMATCH'],
    ['no tar', Buffer.from('hello'), 'INVALID_ARCHIVE'],
  ] as const) {
    it(`finds a layer of a type that is none, and that is ${what}: Docker and podman go by the bytes`, async () => {
      const layer = contentOf('application/x-layer', bytes);
      await write(layer);
      const { findings } = await verify(path('layout'));
      assert.deepEqual(
        findings.map((finding) => [finding.code, finding.digest]),
        [[code, layer.descriptor.digest]],
      );
    });
  }

  for (const [what, bytes, mediaType] of [
    ['gzip', gzipSync(TAR), GZIP],
    ['several gzip members', Buffer.concat([gzipSync(TAR.subarray(0, 9)), gzipSync(TAR.subarray(9))]), GZIP],
    ['a plain tar', TAR, PLAIN],
    ["Docker's plain tar", TAR, MEDIA_TYPE.dockerLayerTar],
    ["Docker's gzip", gzipSync(TAR), MEDIA_TYPE.dockerLayerGzip],
  ] as const) {
    it(`says nothing of ${what} that is called so`, async () => {
      await write(contentOf(mediaType, bytes));
      const { ok, notes } = await verify(path('layout'));
      assert.deepEqual([ok, notes.filter(({ code }) => code === 'LAYER_FORM')], [true, []]);
    });
  }

  it('finds embedded data that contradicts the digest or the size of its descriptor, and takes what agrees', async () => {
    const layer = contentOf(PLAIN, TAR);
    for (const [data, isRight] of [
      [TAR.toString('base64'), true],
      [Buffer.from('other').toString('base64'), false],
      [Buffer.concat([TAR, TAR]).toString('base64'), false],
      [Buffer.alloc(TAR.length).toString('base64'), false],
    ] as const) {
      await write(layer, { data });
      const { ok, findings } = await verify(path('layout'));
      assert.equal(ok, isRight);
      if (!isRight)
        assert.match(
          findings[0]?.message ?? '',
          /the data embedded in the descriptor of .* is different content/,
        );
    }
  });

  it('finds a name with a digest that stands for other content', async () => {
    const other = `sha256:${'1'.repeat(64)}`;
    await write(contentOf(PLAIN, TAR), {}, `reg.test/app@${other}`);
    const { findings } = await verify(path('layout'));
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['DIGEST_MISMATCH'],
    );
    assert.match(findings[0]?.message ?? '', /app@sha256:1+ stands for sha256:/);
  });

  it('has its label corrected by convert --compression, which looks at the bytes', async () => {
    for (const [bytes, label, compression, right] of [
      [gzipSync(TAR), PLAIN, 'gzip', GZIP],
      [TAR, GZIP, 'none', PLAIN],
      [zstd(TAR), GZIP, 'gzip', GZIP],
    ] as const) {
      await write(contentOf(label, bytes));
      const output = path(`${compression}-${label.length}.tar`);
      await convert({ source: path('layout'), output, to: 'oci', compression, append: false });
      const { ok, notes, documents } = await verify(output);
      assert.deepEqual([ok, notes.filter(({ code }) => code === 'LAYER_FORM')], [true, []], right);
      assert.ok(documents.length > 0);
    }
  });

  it('is told that Docker before 23 does not load zstd when a universal archive is written, and only then', async () => {
    await write(contentOf(ZSTD, zstd(TAR)));
    const warningsOf = async (format: 'universal' | 'oci-archive'): Promise<string[]> => {
      const warnings: string[] = [];
      await convert({
        source: path('layout'),
        output: path(`${format}.tar`),
        to: 'oci',
        format,
        onEvent: (event) => event.type === 'warning' && warnings.push(`${event.message}: ${event.remedy}`),
      });
      return warnings.filter((warning) => warning.includes('Docker before 23'));
    };
    assert.deepEqual(await warningsOf('universal'), [
      'one layer is compressed with zstd, which Docker before 23 does not load: compression',
    ]);
    assert.deepEqual(await warningsOf('oci-archive'), []);
  });
});
