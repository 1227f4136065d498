import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { fixturePath } from '../../support/fixtures.js';
import { contentOf, pushAll } from '../../support/images.js';
import { signedSchema1 } from '../../support/signed-schema1.js';
import { rawEntry } from '../../support/tar-maker.js';
import { flip, foundIn, makeTwo, NAME, usePlaces } from './verifying.js';

describe('verify', () => {
  const { path, writeBoth, fileOf } = usePlaces();

  it('reports the images of a layout that can be read beside those that cannot', async () => {
    const result = await verify(fixturePath('layouts/mislabelled'));
    assert.deepEqual(
      foundIn(result).map(([code]) => code),
      ['INVALID_MANIFEST'],
    );
    const irregular = result.notes.find(({ code }) => code === 'IRREGULAR');
    assert.match(irregular?.message ?? '', /"mediaType", found none; Docker refuses it/);
  });

  it('finds an ambiguous manifest, alone and in a layout', async () => {
    const document = fixturePath('manifests/invalid/ambiguous-index-with-layers.json');
    const alone = await verify(document);
    assert.deepEqual(
      foundIn(alone).map(([code]) => code),
      ['INVALID_MANIFEST'],
    );
    assert.match(alone.findings[0]?.message ?? '', /ambiguous/);
    const manifest = contentOf(MEDIA_TYPE.ociIndex, await readFile(document));
    const entry = { ...manifest.descriptor, annotations: { 'org.opencontainers.image.ref.name': NAME } };
    await writeBoth();
    await writeFile(fileOf(manifest), manifest.bytes);
    await writeFile(
      join(path('layout'), 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
    );
    assert.match((await verify(path('layout'))).findings[0]?.message ?? '', /ambiguous/);
  });

  it('finds what is wrong with a schema1 image: its layers and its signature', async () => {
    const schema1 = signedSchema1();
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [schema1]);
    await store.tag(schema1.descriptor, NAME);
    await store.commit();
    await store.close();
    const codes = foundIn(await verify(path('layout')));
    assert.ok(codes.length > 0);
    assert.ok(
      codes.every(([code]) => code === 'MISSING_CONTENT'),
      'the document is right, its layers are absent',
    );

    await flip(fileOf(schema1), schema1.bytes.lastIndexOf('"signature": "') + 20);
    const damaged = foundIn(await verify(path('layout')));
    assert.ok(
      damaged.some(([code, digest]) => code === 'INVALID_SIGNATURE' && digest === schema1.descriptor.digest),
    );
  });

  it('takes a tar for one although its first name begins like JSON and no NUL follows', async () => {
    const header = rawEntry({
      name: '',
      magic: 'none',
      alter: (block) => {
        block.forEach((byte, place) => {
          if (byte === 0) block.writeUInt8(0x20, place);
        });
        block.write('["', 0, 'latin1');
      },
    });
    header.writeUInt8(0x20, 154); // behind the checksum, which does not count
    await writeFile(path('tar.json'), header);
    await assert.rejects(verify(path('tar.json')), { code: 'INVALID_ARCHIVE', message: /ambiguous/ });
  });

  it('tells what a single document is, by its digest', async () => {
    const schema1 = await verify(fixturePath('schema1/es256-jwk.json'));
    assert.equal(schema1.ok, true);
    assert.deepEqual(schema1.documents, [
      {
        kind: 'docker-schema1',
        digest: 'sha256:06579b4856daa02791ccbcafd7bc6effb08105b85adb6ce8326b4a34ee24949b',
        mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
        signatures: [
          {
            keyId: 'WCFP:VEPR:362F:PUD7:P5JF:OUBM:67BK:UE4F:R567:S7LT:IAHD:C5AS',
            algorithm: 'ES256',
            valid: true,
          },
        ],
      },
    ]);
    const forged = await verify(fixturePath('schema1/bad-flipped-signature.json'));
    assert.deepEqual(
      foundIn(forged).map(([code]) => code),
      ['INVALID_SIGNATURE'],
    );

    const [, arm64] = await makeTwo();
    await writeFile(path('manifest.json'), arm64.manifest.bytes);
    const [document] = (await verify(path('manifest.json'))).documents;
    assert.deepEqual([document?.kind, document?.digest], ['oci-manifest', arm64.manifest.descriptor.digest]);
    await writeFile(path('broken.json'), '{"schemaVersion": 2, "layers": [');
    assert.deepEqual(
      foundIn(await verify(path('broken.json'))).map(([code]) => code),
      ['INVALID_MANIFEST'],
    );
  });
});
