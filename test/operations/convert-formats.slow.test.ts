import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { EMPTY_LAYER } from '../../src/manifest/convert/empty-layer.js';
import { convert } from '../../src/operations/convert/convert.js';
import type { ConvertOptions, ConvertResult } from '../../src/operations/convert/options.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import type { ConversionFormat } from '../../src/transfer/convert/image-conversion.js';
import { copyInto, storeOf } from '../support/archives.js';
import { diffIDsIn } from '../support/docker-archives.js';
import { fixturePath } from '../support/fixtures.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';

const NAME = 'reg.test/team/app:1';
const FORMATS: readonly ConversionFormat[] = ['oci', 'docker', 'schema1'];
const MANIFEST_TYPES = {
  oci: MEDIA_TYPE.ociManifest,
  docker: MEDIA_TYPE.dockerManifest,
  schema1: MEDIA_TYPE.dockerSchema1Signed,
};

describe('convert, of every format into every other', () => {
  const path = useFolder();

  const writeLayout = async (format: 'oci' | 'docker'): Promise<string> => {
    const image = await makeImage({ seed: 'image', layers: [5000, 70], format });
    await copyInto(await openLayoutForWriting(path('in')), await storeOf({ [NAME]: image }), [NAME]);
    return path('in');
  };
  const convertOne = async (options: ConvertOptions): Promise<ConvertResult['images'][number]> => {
    const { images } = await convert(options);
    const [image, ...others] = images;
    assert.ok(image !== undefined && others.length === 0);
    return image;
  };

  /** Each with the name of its image; `schema1` is made by lading itself. */
  const sources: Record<string, () => Promise<{ location: string; name: string }>> = {
    'an OCI layout': async () => ({ location: await writeLayout('oci'), name: NAME }),
    'a layout with Docker’s types': async () => ({ location: await writeLayout('docker'), name: NAME }),
    schema1: async () => {
      const location = await writeLayout('docker');
      await convert({ source: location, to: 'schema1', output: `${path('in-schema1')}/` });
      return { location: path('in-schema1'), name: NAME };
    },
    'an archive of docker save': async () => ({
      location: fixturePath('archives/docker20-single.tar'),
      name: 'docker.io/library/tiny:1',
    }),
    'an archive of Docker before 1.10': async () => ({
      location: fixturePath('archives/docker-v1.0-repositories-only.tar'),
      name: 'docker.io/library/tiny:2',
    }),
    'an archive of podman’s with links': async () => ({
      location: fixturePath('archives/podman-multi.tar'),
      name: '127.0.0.1:5203/fx/tiny:1',
    }),
    'skopeo’s directories': async () => ({
      location: fixturePath('archives/skopeo-dir-multi.tar'),
      name: 'tiny:1',
    }),
  };
  for (const [title, make] of Object.entries(sources)) {
    for (const to of FORMATS) {
      it(`${title} into ${to}`, async () => {
        const { location, name } = await make();
        const image = await convertOne({ source: location, reference: name, to, output: `${path('out')}/` });
        assert.equal(image.name, name);
        assert.equal(image.to.mediaType, MANIFEST_TYPES[to]);
        const { ok, findings, documents } = await verify(path('out'));
        assert.deepEqual({ ok, findings }, { ok: true, findings: [] });
        assert.ok(documents.some(({ digest }) => digest === image.to.digest));

        // Whatever the way, the layers are those of the original; schema1 has some more that change nothing.
        await convertOne({ source: path('out'), to: 'docker', output: `${path('back')}/` });
        await convertOne({ source: location, reference: name, to: 'docker', output: `${path('direct')}/` });
        const [back, direct] = [await diffIDsIn(path('back'), name), await diffIDsIn(path('direct'), name)];
        assert.deepEqual(
          back.filter((diffID) => diffID !== EMPTY_LAYER.diffID),
          direct.filter((diffID) => diffID !== EMPTY_LAYER.diffID),
        );
      });
    }
  }
});
