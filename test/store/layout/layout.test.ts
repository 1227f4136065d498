import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodedOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { IndexFile } from '../../../src/store/layout/index-file.js';
import { openLayout, openLayoutForWriting } from '../../../src/store/layout/layout.js';
import {
  entryName,
  LAYOUT_FILE,
  MAX_INDEX_BYTES,
  withEntry,
} from '../../../src/store/layout/layout-index.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { type Content, contentOf, makeImage, pushAll, randomBytesFrom } from '../../support/images.js';
import { breakingOpener, openerOf } from '../../support/openers.js';
import { useFolder } from '../../support/temporary.js';

const BLOB = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('layout', 3_000_000));

describe('a layout directory', () => {
  const path = useFolder();

  const partOf = ({ descriptor }: Content): string =>
    path(`layout/ingest/sha256-${encodedOf(descriptor.digest)}.part`);
  const stored = ({ descriptor }: Content): Promise<Buffer> =>
    readFile(join(path('layout'), blobPath(descriptor.digest)));
  const leavePart = async (bytes: Buffer): Promise<void> => {
    await mkdir(path('layout/ingest'), { recursive: true });
    await writeFile(partOf(BLOB), bytes);
  };

  describe('with a blob that an earlier run began', () => {
    it('keeps the leading bytes and asks for the rest', async () => {
      await leavePart(BLOB.bytes.subarray(0, 1_500_000));
      const store = await openLayoutForWriting(path('layout'));
      const opener = openerOf(BLOB.bytes);
      const told = { kept: 0, fetched: 0 };
      await store.push(BLOB.descriptor, opener, {
        onBytes: (count, origin) => {
          told[origin] += count;
        },
      });
      await store.close();
      assert.deepEqual(opener.starts, [1_500_000]);
      assert.deepEqual(told, { kept: 1_500_000, fetched: 1_500_000 });
      assert.ok((await stored(BLOB)).equals(BLOB.bytes));
      assert.equal(existsSync(partOf(BLOB)), false);
    });

    it('refills a blob whose first half was damaged', async () => {
      await leavePart(Buffer.alloc(1_500_000, 'x'));
      const store = await openLayoutForWriting(path('layout'));
      const opener = openerOf(BLOB.bytes);
      await assert.rejects(store.push(BLOB.descriptor, opener), { code: 'DIGEST_MISMATCH' });
      await store.push(BLOB.descriptor, opener);
      await store.close();
      assert.deepEqual(opener.starts, [1_500_000, 0]);
      assert.ok((await stored(BLOB)).equals(BLOB.bytes));
    });

    it('cuts a part that is too long, and asks for nothing where all is there', async () => {
      await leavePart(Buffer.concat([BLOB.bytes, Buffer.from('trailing')]));
      const store = await openLayoutForWriting(path('layout'));
      const opener = openerOf(BLOB.bytes);
      await store.push(BLOB.descriptor, opener);
      await store.close();
      assert.deepEqual(opener.starts, []);
      assert.ok((await stored(BLOB)).equals(BLOB.bytes));
    });

    it('goes on in another run from the byte at which the connection broke', async () => {
      const opener = breakingOpener(BLOB.bytes, 2_345_678);
      const first = await openLayoutForWriting(path('layout'));
      await assert.rejects(first.push(BLOB.descriptor, opener), { code: 'CUT_SHORT' });
      await first.close();
      const second = await openLayoutForWriting(path('layout'));
      await second.push(BLOB.descriptor, opener);
      await second.close();
      assert.deepEqual(opener.starts, [0, 2_345_678]);
      assert.ok((await stored(BLOB)).equals(BLOB.bytes));
    });
  });

  it('shows new names only when they are committed', async () => {
    const [first, second] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, first.all);
    await store.tag(first.manifest.descriptor, 'reg.test/a:1');
    await store.commit();
    const before = await readFile(path('layout/index.json'));

    await pushAll(store, second.all);
    await store.tag(second.manifest.descriptor, 'reg.test/b:1');
    assert.deepEqual(await readFile(path('layout/index.json')), before);
    await assert.rejects((await openLayout(path('layout'))).resolve('reg.test/b:1'), { code: 'NOT_FOUND' });

    await store.commit();
    await store.close();
    const reader = await openLayout(path('layout'));
    assert.equal((await reader.resolve('reg.test/b:1')).digest, second.manifest.descriptor.digest);
    assert.equal((await reader.resolve('reg.test/a:1')).digest, first.manifest.descriptor.digest);
  });

  it('holds nothing but a layout when it is finished', async () => {
    const image = await makeImage({ seed: 1 });
    const store = await openLayoutForWriting(path('layout'));
    await store.prepare(image.all.map(({ descriptor }) => descriptor));
    await pushAll(store, image.all);
    await store.tag(image.manifest.descriptor, 'reg.test/a:1');
    await store.commit();
    await store.close();
    assert.deepEqual((await readdir(path('layout'))).sort(), ['blobs', 'index.json', 'oci-layout']);
    assert.deepEqual(await readFile(path('layout/oci-layout')), LAYOUT_FILE);
    const names = image.all.map(({ descriptor }) => encodedOf(descriptor.digest));
    assert.deepEqual((await readdir(path('layout/blobs/sha256'))).sort(), names.sort());
  });

  it('writes the same index in whatever order images come', async () => {
    const images = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 }), await makeImage({ seed: 3 })];
    const indexes = await Promise.all(
      [images, images.toReversed()].map(async (order, run) => {
        const store = await openLayoutForWriting(path(`layout-${run}`));
        for (const image of order) {
          await pushAll(store, image.all);
          await store.tag(image.manifest.descriptor, `reg.test/image:${images.indexOf(image)}`);
        }
        await store.commit();
        await store.close();
        return readFile(path(`layout-${run}/index.json`), 'utf8');
      }),
    );
    assert.equal(indexes[0], indexes[1]);
  });

  it('refuses a directory that holds something else, and leaves it as it is', async () => {
    await mkdir(path('home'));
    await writeFile(path('home/precious.txt'), 'precious');
    await assert.rejects(openLayoutForWriting(path('home')), {
      code: 'ALREADY_EXISTS',
      message: /precious\.txt/,
    });
    assert.deepEqual(await readdir(path('home')), ['precious.txt']);
  });

  it('refuses a path at which there is a file', async () => {
    await writeFile(path('file'), 'precious');
    await assert.rejects(openLayoutForWriting(path('file')), { code: 'ALREADY_EXISTS' });
    assert.equal(await readFile(path('file'), 'utf8'), 'precious');
  });

  it('refuses to write to a layout of a version it does not know', async () => {
    await mkdir(path('layout'));
    await writeFile(path('layout/oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
    await writeFile(path('layout/index.json'), '{"schemaVersion":2,"manifests":[]}');
    await assert.rejects(openLayoutForWriting(path('layout')), { code: 'INVALID_LAYOUT' });
    await assert.rejects(openLayoutForWriting(path('layout')), { code: 'INVALID_LAYOUT' });
  });

  it('rejects with NO_SPACE before the first byte when the disk is too small', async () => {
    const store = await openLayoutForWriting(path('layout'));
    const huge = { ...BLOB.descriptor, size: Number.MAX_SAFE_INTEGER };
    await assert.rejects(store.prepare([huge]), { code: 'NO_SPACE', hint: /Make room/ });
    await store.close();
  });

  it('makes a second writer wait, who then sees what the first wrote', async () => {
    const image = await makeImage({ seed: 1 });
    const first = await openLayoutForWriting(path('layout'));
    await pushAll(first, image.all);
    await first.tag(image.manifest.descriptor, 'reg.test/a:1');
    let opening: ReturnType<typeof openLayoutForWriting> | undefined;
    const holder = await new Promise<string>((resolve) => {
      opening = openLayoutForWriting(path('layout'), { onWait: resolve });
    });
    assert.match(holder, new RegExp(`process ${process.pid} `));
    await first.commit();
    await first.close();
    const second = await opening;
    assert.ok(second);
    assert.equal((await second.resolve('reg.test/a:1')).digest, image.manifest.descriptor.digest);
    await second.close();
  });

  it('keeps what others wrote into the index meanwhile, but for the names that it sets', async () => {
    const [own, other] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [...own.all, ...other.all]);
    await store.tag(own.manifest.descriptor, 'reg.test/a:1');
    const index = new IndexFile(path('layout'));
    for (const name of ['reg.test/a:1', 'reg.test/b:1'])
      await index.change((entries) => withEntry(entries, other.manifest.descriptor, name));
    await store.commit();
    assert.equal((await store.resolve('reg.test/b:1')).digest, other.manifest.descriptor.digest);

    await store.tag(own.manifest.descriptor, 'reg.test/c:1');
    await index.change((entries) => entries.filter((entry) => entryName(entry) !== 'reg.test/b:1'));
    await store.commit();
    await store.close();
    const reader = await openLayout(path('layout'));
    assert.deepEqual(reader.indexEntries.map(entryName), ['reg.test/a:1', 'reg.test/c:1']);
    assert.equal((await reader.resolve('reg.test/a:1')).digest, own.manifest.descriptor.digest);
  });

  it('uses up what a writer left that was killed while it wrote a document', async () => {
    const image = await makeImage({ seed: 'killed' });
    await (await openLayoutForWriting(path('layout'))).close();
    await mkdir(path('layout/ingest'), { recursive: true });
    const longer = Buffer.alloc(100_000, '{');
    await writeFile(path(`layout/ingest/sha256-${encodedOf(image.manifest.descriptor.digest)}.tmp`), longer);
    await writeFile(path('layout/index.json.tmp'), longer);
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, image.all);
    await store.tag(image.manifest.descriptor, 'localhost/a:1');
    await store.commit();
    await store.close();
    assert.ok((await stored(image.manifest)).equals(image.manifest.bytes));
    assert.deepEqual((await readdir(path('layout'))).sort(), ['blobs', 'index.json', 'oci-layout']);
  });

  it('takes up a layout that a process left at its beginning', async () => {
    await mkdir(path('layout'));
    await writeFile(path('layout/index.json.4711.tmp'), '{');
    await (await openLayoutForWriting(path('layout'))).close();
    assert.deepEqual((await openLayout(path('layout'))).indexEntries, []);
  });

  it('refuses names that would make an index nobody can read, and stays as it was', async () => {
    const image = await makeImage({ seed: 1 });
    const layout = await openLayoutForWriting(path('layout'));
    await pushAll(layout, image.all);
    await layout.tag(image.manifest.descriptor, 'reg.test/a:1');
    await layout.commit();
    const note = 'x'.repeat(MAX_INDEX_BYTES);
    await layout.tag({ ...image.manifest.descriptor, annotations: { note } }, 'reg.test/a:2');
    await assert.rejects(layout.commit(), { code: 'TOO_LARGE', hint: /several/ });
    await layout.close();
    assert.equal((await openLayout(path('layout'))).indexEntries.length, 1);
  });
});
