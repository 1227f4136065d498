import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { convert } from '../../src/operations/convert/convert.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { copyInto, storeOf } from '../support/archives.js';
import { contentOf, jsonContent } from '../support/images.js';
import { makeTar } from '../support/tar-maker.js';
import { useFolder } from '../support/temporary.js';

const NAME = 'reg.test/bomb:1';

describe('a layer that expands beyond all measure', () => {
  const path = useFolder();
  const BOMB_BYTES = 24 * 1024 * 1024;
  const plain = makeTar({ name: 'zeros', body: Buffer.alloc(BOMB_BYTES) });
  const bomb = contentOf(MEDIA_TYPE.dockerLayerGzip, gzipSync(plain, { level: 9 }));
  before(async () => {
    const config = jsonContent(MEDIA_TYPE.dockerConfig, {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [digestOf(plain)] },
      history: [{ created_by: 'a bomb' }],
    });
    const manifest = jsonContent(MEDIA_TYPE.dockerManifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.dockerManifest,
      config: config.descriptor,
      layers: [bomb.descriptor],
    });
    image = { manifest, all: [bomb, config, manifest] };
  });
  let image: Parameters<typeof storeOf>[0][string];
  beforeEach(async () => {
    await copyInto(await openLayoutForWriting(path('in')), await storeOf({ [NAME]: image }), [NAME]);
  });

  const LIMITS = [{ maxRatio: 100 }, { maxLayerBytes: BOMB_BYTES }];
  const tooLarge = (limits: (typeof LIMITS)[number]) => {
    return { code: 'TOO_LARGE', hint: /raise the limit\.$/, remedy: Object.keys(limits)[0] };
  };

  it('is refused by every conversion that decompresses it, and nothing is written', async () => {
    await convert({ source: path('in'), to: 'schema1', output: `${path('schema1')}/` });
    for (const limits of LIMITS) {
      const fromSchema1 = { source: path('schema1'), to: 'oci', output: path('out.tar'), ...limits } as const;
      await assert.rejects(convert(fromSchema1), tooLarge(limits));
      const recompressed = { source: path('in'), to: 'oci', compression: 'none', ...limits } as const;
      const refusal = await convert({ ...recompressed, output: path('out.tar') }).catch(
        (error: unknown) => error,
      );
      assert.equal(exitCodeOf(refusal), 3);
    }
    assert.deepEqual((await readdir(path())).sort(), ['in', 'schema1']);
    const { images } = await convert({ source: path('schema1'), to: 'oci', output: path('out.tar') });
    assert.equal(images.length, 1);
  });

  it('is a finding of verify, which goes on', async () => {
    for (const limits of LIMITS) {
      const { findings, checked } = await verify(path('in'), limits);
      assert.deepEqual(
        findings.map(({ code, digest }) => [code, digest]),
        [['TOO_LARGE', bomb.descriptor.digest]],
      );
      assert.equal(checked.manifests, 1);
      assert.deepEqual((await verify(path('in'), { ...limits, diffIDs: false })).findings, []);
    }
    assert.deepEqual((await verify(path('in'))).findings, []);
  });

  it('is no matter to a conversion of documents', async () => {
    const { images } = await convert({ source: path('in'), to: 'oci', output: path('out.tar'), maxRatio: 2 });
    assert.equal(images.length, 1);
  });
});
