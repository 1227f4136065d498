import assert from 'node:assert/strict';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withAbsent } from '../../../src/content/annotations.js';
import type { Digest } from '../../../src/content/digest.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { fixturePath } from '../../support/fixtures.js';
import { contentOf, type MadeImage, makeIndex, pushAll } from '../../support/images.js';
import { flip, foundIn, layerOf, makeTwo, NAME, usePlaces } from './verifying.js';

describe('verify', () => {
  const { path, writeBoth, fileOf } = usePlaces();
  let amd64: MadeImage;
  let arm64: MadeImage;
  before(async () => {
    [amd64, arm64] = await makeTwo();
  });

  it('finds nothing wrong where nothing is, and counts what it looked at', async () => {
    await writeBoth();
    const all = makeIndex([amd64, arm64]).all;
    for (const place of [path('layout'), path('out.tar')]) {
      let hashed = 0;
      const totals = new Set<number>();
      const result = await verify(place, {
        onEvent(event) {
          if (event.type !== 'hashed') return;
          hashed += event.bytes;
          totals.add(event.totalBytes);
        },
      });
      assert.deepEqual(foundIn(result), []);
      const bytes = all.reduce((sum, content) => sum + content.bytes.length, 0);
      assert.deepEqual(result.checked, { manifests: 3, blobs: all.length - 3, bytes, diffIDs: 4 });
      assert.deepEqual(result.notes, []);
      assert.deepEqual(result.documents.map(({ kind }) => kind).sort(), [
        'oci-config',
        'oci-config',
        'oci-index',
        'oci-manifest',
        'oci-manifest',
      ]);
      const layers = [...amd64.layers, ...arm64.layers];
      assert.equal(
        hashed,
        layers.reduce((sum, content) => sum + content.bytes.length, 0),
      );
      assert.deepEqual([...totals], [hashed]);
    }
  });

  it('finds a flipped bit in a blob, in a directory and in an archive', async () => {
    await writeBoth();
    const layer = layerOf(amd64);
    await flip(fileOf(layer), 10);
    await flip(path('out.tar'), (await readFile(path('out.tar'))).indexOf(layer.bytes) + 10);
    for (const place of [path('layout'), path('out.tar')]) {
      const result = await verify(place);
      assert.deepEqual(foundIn(result), [['DIGEST_MISMATCH', layer.descriptor.digest]]);
      assert.equal(result.findings[0]?.path, blobPath(layer.descriptor.digest));
    }
  });

  it('finds a flipped bit in a manifest, once', async () => {
    await writeBoth();
    const { bytes, descriptor } = arm64.manifest;
    await flip(fileOf(arm64.manifest), bytes.indexOf('application'));
    assert.deepEqual(foundIn(await verify(path('layout'))), [['DIGEST_MISMATCH', descriptor.digest]]);
  });

  it('finds what is missing, and says what needs it', async () => {
    await writeBoth();
    const layer = layerOf(arm64);
    await rm(fileOf(layer));
    await rm(fileOf(amd64.manifest));
    const result = await verify(path('layout'));
    assert.deepEqual(
      foundIn(result).sort(),
      [
        ['MISSING_CONTENT', amd64.manifest.descriptor.digest],
        ['MISSING_CONTENT', layer.descriptor.digest],
      ].sort(),
    );
    for (const { message } of result.findings) assert.match(message, /reg\.test\/a:1/);
  });

  it('finds a wrong size', async () => {
    await writeBoth();
    const layer = layerOf(arm64);
    await truncate(fileOf(layer), 100);
    const codes = foundIn(await verify(path('layout')));
    assert.ok(codes.some(([code, digest]) => code === 'SIZE_MISMATCH' && digest === layer.descriptor.digest));
  });

  it('finds damage in content that no image needs', async () => {
    await writeBoth();
    const digest: Digest = `sha256:${'0'.repeat(64)}`;
    await writeFile(join(path('layout'), blobPath(digest)), 'stray');
    assert.deepEqual(foundIn(await verify(path('layout'))), [['DIGEST_MISMATCH', digest]]);
  });

  it('notes content that no image needs, and what was left out on purpose, as no fault', async () => {
    await writeBoth();
    const stray = contentOf('text/plain', Buffer.from('stray'));
    await writeFile(fileOf(stray), stray.bytes);
    const { ok, notes } = await verify(path('layout'));
    assert.equal(ok, true);
    assert.deepEqual(
      notes.map(({ code, digest }) => [code, digest]),
      [['UNREFERENCED', stray.descriptor.digest]],
    );
    // What an unreadable manifest needs is not known: nothing is said to be superfluous.
    await rm(fileOf(amd64.manifest));
    assert.deepEqual((await verify(path('layout'))).notes, []);
  });

  it('finds the damage in the Docker half of an archive', async () => {
    await writeBoth();
    await writeFile(
      join(path('layout'), 'manifest.json'),
      JSON.stringify([{ Config: 'gone.json', Layers: [] }]),
    );
    const result = await verify(path('layout'));
    assert.deepEqual(foundIn(result), [['MISSING_CONTENT', undefined]]);
    assert.match(result.findings[0]?.message ?? '', /gone\.json/);
  });

  it('refuses a tar that was cut', async () => {
    await writeBoth();
    const { length } = await readFile(path('out.tar'));
    for (const end of [length - 6000, 3000, 700]) {
      await truncate(path('out.tar'), end);
      await assert.rejects(verify(path('out.tar')), { code: /INVALID_ARCHIVE|INVALID_LAYOUT/ });
    }
  });

  it('does not miss what an archive leaves out on purpose, but what it then lacks besides', async () => {
    const index = makeIndex([amd64, arm64]);
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [...amd64.all, index.manifest]);
    await store.tag(withAbsent(index.manifest.descriptor, [arm64.manifest.descriptor.digest]), NAME);
    await store.commit();
    await store.close();
    assert.deepEqual(foundIn(await verify(path('layout'))), []);
    await rm(fileOf(layerOf(amd64)));
    const missing = [['MISSING_CONTENT', layerOf(amd64).descriptor.digest]];
    assert.deepEqual(foundIn(await verify(path('layout'))), missing);
  });

  it('finds what is wrong with archives that were damaged by hand', async () => {
    const corrupt = await verify(fixturePath('layouts/synthetic/corrupt-blob.tar'));
    assert.deepEqual(
      foundIn(corrupt).map(([code]) => code),
      ['DIGEST_MISMATCH'],
    );
    const wrongSize = await verify(fixturePath('layouts/synthetic/wrong-size.tar'));
    assert.deepEqual(
      foundIn(wrongSize).map(([code]) => code),
      ['SIZE_MISMATCH'],
    );
    await assert.rejects(verify(fixturePath('layouts/synthetic/layout-version-2.tar')), {
      code: 'INVALID_LAYOUT',
    });
    for (const archive of ['layouts/synthetic/ok.tar', 'archives/ctr-export-multi.tar']) {
      assert.deepEqual(foundIn(await verify(fixturePath(archive))), [], archive);
    }
  });

  it('rejects what is not there, and what is no archive', async () => {
    await assert.rejects(verify(path('missing.tar')), { code: 'NOT_FOUND' });
    await writeFile(path('letter.txt'), 'Dear all,\n'.repeat(200));
    await assert.rejects(verify(path('letter.txt')), { code: /INVALID_ARCHIVE|UNSUPPORTED/ });
  });

  it('stops when it is told to', async () => {
    await writeBoth();
    const signal = AbortSignal.abort(new Error('stop'));
    await assert.rejects(verify(path('layout'), { signal }), { message: /stop|aborted/ });
  });
});
