import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { convert, copyImages, inspect, load, serve, verify } from '../../src/index.js';
import { contentOf, jsonContent, type MadeImage, makeImage } from '../support/images.js';
import { writeLayout } from '../support/odd-images.js';
import { useFolder } from '../support/temporary.js';

const NAME = 'registry.example/app:1';

describe('a signature as an ORAS artifact manifest', () => {
  const path = useFolder('the suite');
  let image: MadeImage;
  let signature: MadeImage;
  before(async () => {
    image = await makeImage({ seed: 'signed by notation' });
    const { mediaType, digest, size } = image.manifest.descriptor;
    const blob = contentOf('application/jose+json', Buffer.from('{}'));
    const manifest = jsonContent(MEDIA_TYPE.orasArtifactManifest, {
      mediaType: MEDIA_TYPE.orasArtifactManifest,
      artifactType: 'application/vnd.cncf.notary.signature',
      blobs: [blob.descriptor],
      subject: { mediaType, digest, size },
    });
    signature = { ...image, manifest, all: [manifest, blob] };
    await writeLayout(path('layout'), { [NAME]: image, 'registry.example/app:signature': signature });
  });

  it('goes with its image, unchanged, through archives, a registry and a conversion', async () => {
    const attached = [
      {
        digest: signature.manifest.descriptor.digest,
        artifactType: 'application/vnd.cncf.notary.signature',
      },
    ];
    await copyImages({ source: `oci:${path('layout')}:${NAME}`, destination: path('copied.tar') });
    assert.deepEqual(await verify(path('copied.tar')).then(({ findings }) => findings), []);
    await using registry = await serve(path('served'), { port: 0, writable: true });
    const host = `127.0.0.1:${registry.port}`;
    await load({ input: path('copied.tar'), destination: host, plainHTTP: true });
    for (const target of [path('copied.tar'), `${host}/app:1`]) {
      const { images } = await inspect(target, { plainHTTP: true });
      assert.deepEqual(images[0]?.referrers, attached, target);
    }
    const options = { source: path('copied.tar'), output: path('docker.tar'), keepOriginal: true };
    await convert({ ...options, to: 'docker', force: true });
    assert.deepEqual(await verify(path('docker.tar')).then(({ findings }) => findings), []);
  });
});
