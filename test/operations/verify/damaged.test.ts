import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerifyResult } from '../../../src/operations/verify/result.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { copyInto, storeOf } from '../../support/archives.js';
import { configFor, dockerArchive, plainLayer } from '../../support/docker-archives.js';
import { type Content, makeIndex } from '../../support/images.js';
import { useFolder } from '../../support/temporary.js';
import { flip, layerOf, makeTwo } from './verifying.js';

describe('the images that are damaged', () => {
  const path = useFolder();
  const fileOf = ({ descriptor }: Content): string => join(path('layout'), blobPath(descriptor.digest));
  const namesOf = ({ ok, damaged }: VerifyResult): string[] => {
    assert.equal(ok, damaged.length === 0);
    return damaged.map(({ name }) => name);
  };

  it('are all that need the damaged content, by their names and digests', async () => {
    const [amd64, arm64] = await makeTwo();
    const index = makeIndex([amd64, arm64]);
    const names = { 'reg.test/a:1': index, 'reg.test/b:1': amd64, 'reg.test/c:1': arm64 };
    const source = await storeOf(names);
    await copyInto(await openLayoutForWriting(path('layout')), source, Object.keys(names));
    assert.deepEqual(namesOf(await verify(path('layout'))), []);

    await flip(fileOf(layerOf(amd64)), 10);
    const { damaged } = await verify(path('layout'));
    assert.deepEqual(damaged, [
      { name: 'reg.test/a:1', digest: index.manifest.descriptor.digest },
      { name: 'reg.test/b:1', digest: amd64.manifest.descriptor.digest },
    ]);
    await rm(fileOf(arm64.manifest));
    assert.deepEqual(namesOf(await verify(path('layout'))), Object.keys(names));
  });

  it('have no digest where the archive states none', async () => {
    const layer = plainLayer('same');
    const other = plainLayer('other');
    const bad = Buffer.from(other);
    bad.write('X', 512);
    const files = { l1: layer, l2: bad, c1: configFor(layer), c2: configFor(other) };
    const items = [
      { Config: 'c1', RepoTags: ['sound:1'], Layers: ['l1'] },
      { Config: 'c2', RepoTags: ['bad:1'], Layers: ['l2'] },
      { Config: 'gone', RepoTags: ['gone:1'], Layers: ['l1'] },
    ];
    await writeFile(path('docker.tar'), dockerArchive(files, items));
    const { damaged } = await verify(path('docker.tar'));
    assert.deepEqual(damaged, [{ name: 'docker.io/library/bad:1' }, { name: 'docker.io/library/gone:1' }]);
  });

  it('are none where only content is damaged that no image needs', async () => {
    const [amd64] = await makeTwo();
    const source = await storeOf({ 'reg.test/a:1': amd64 });
    await copyInto(await openLayoutForWriting(path('layout')), source, ['reg.test/a:1']);
    await writeFile(join(path('layout'), blobPath(`sha256:${'0'.repeat(64)}`)), 'stray');
    const { ok, damaged } = await verify(path('layout'));
    assert.deepEqual([ok, damaged], [false, []]);
  });
});
