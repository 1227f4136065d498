import assert from 'node:assert/strict';
import { utimes, writeFile } from 'node:fs/promises';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { blobPath } from '../../src/store/layout/layout-reader.js';
import { makeImage, pushAll } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runLading } from './program.js';

describe('lading prune', () => {
  const path = useFolder();
  const lading = (...args: string[]) => runLading(args, { timeout: 30_000 });

  it('says what would go, removes it, and gives all of it as data', async () => {
    const [kept, old] = [await makeImage({ seed: 'kept' }), await makeImage({ seed: 'old' })];
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [...kept.all, ...old.all]);
    await store.tag(kept.manifest.descriptor, 'app:1');
    await store.commit();
    await store.close();
    for (const { descriptor } of old.all) await utimes(path(`layout/${blobPath(descriptor.digest)}`), 0, 0);
    const told = await lading('prune', path('layout'), '--dry-run');
    assert.match(told.stdout, /would go +sha256:/);
    assert.match(told.stdout, /1 name, 4 blobs kept \([^)]+\), 4 would go \(/);
    const pruned = await lading('prune', path('layout'), '--json');
    assert.equal(pruned.code, 0, pruned.stderr);
    const { removed, dryRun, kept: left } = JSON.parse(pruned.stdout);
    assert.deepEqual([removed.length, dryRun, left.blobs], [4, false, 4]);
  });

  it('refuses an archive, and says that a path does not exist', async () => {
    await writeFile(path('a.tar'), '');
    const archive = await lading('prune', path('a.tar'));
    assert.equal(archive.code, 2);
    assert.match(
      archive.stderr,
      /a\.tar is a file, and content is removed only from directories and buckets/,
    );
    const nothing = await lading('prune', path('nothing'));
    assert.equal(nothing.code, 5);
    assert.match(nothing.stderr, /nothing does not exist\n/);
  });

  it('refuses an age that is none', async () => {
    const { code, stderr } = await lading('prune', path('layout'), '--older-than', '24');
    assert.equal(code, 2);
    assert.match(stderr, /--older-than is a number with s, m, h or d, such as 24h, not "24"/);
  });
});
