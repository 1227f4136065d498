import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ANNOTATION, absentOf } from '../../../src/content/annotations.js';
import type { Digest } from '../../../src/content/digest.js';
import { acquireLock } from '../../../src/disk/lock.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayout, openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { entryName } from '../../../src/store/layout/layout-index.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { openServedLayout, type ServedLayout } from '../../../src/store/layout/served.js';
import type { Referrer } from '../../../src/store/store.js';
import {
  type MadeImage,
  type MadeIndex,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { pushTagged, pushTo, tagsIn, uploadTo } from '../../support/pushing.js';
import { signedSchema1 } from '../../support/signed-schema1.js';
import { useFolder } from '../../support/temporary.js';

describe('a layout that takes pushes', () => {
  const path = useFolder();
  const opened: ServedLayout[] = [];
  let served: ServedLayout;
  let first: MadeImage;
  let second: MadeImage;
  let arm64: MadeImage;
  let index: MadeIndex;
  before(async () => {
    [first, second] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
    arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
    index = makeIndex([first, arm64]);
  });
  const open = async (): Promise<ServedLayout> => {
    const layout = await openServedLayout(path('layout'));
    opened.push(layout);
    return layout;
  };
  beforeEach(async () => {
    served = await open();
  });
  afterEach(async () => {
    for (const layout of opened.splice(0)) await layout.close();
  });

  /** `name digest`, and `- digest` of what has no name. */
  const entries = async (): Promise<string[]> => {
    const { indexEntries } = await openLayout(path('layout'));
    return indexEntries.map((entry) => `${entryName(entry) ?? '-'} ${entry.digest}`);
  };
  const has = (digest: Digest): boolean => existsSync(join(path('layout'), blobPath(digest)));
  const requireSound = async (): Promise<void> => {
    assert.deepEqual((await verify(path('layout'))).findings, []);
  };
  const saveInto = async (image: MadeImage, name: string): Promise<void> => {
    const layout = await openLayoutForWriting(path('layout'));
    await pushAll(layout, image.all);
    await layout.tag(image.manifest.descriptor, name);
    await layout.commit();
    await layout.close();
  };
  const digestIn = ({ manifest }: MadeImage | MadeIndex): Digest => manifest.descriptor.digest;

  it('is made when it is not there, and is a plain layout when it is closed', async () => {
    await pushTagged(await served.openForPush('a'), first.all, '1');
    await served.close();
    assert.deepEqual((await readdir(path('layout'))).sort(), ['blobs', 'index.json', 'oci-layout']);
    await requireSound();
  });

  it('refuses a directory that holds something else', async () => {
    await mkdir(path('home'));
    await writeFile(path('home/precious.txt'), 'precious');
    await assert.rejects(openServedLayout(path('home')), { code: 'ALREADY_EXISTS' });
    await assert.rejects(openServedLayout(path('home/precious.txt')), { code: 'ALREADY_EXISTS' });
    assert.deepEqual(await readdir(path('home')), ['precious.txt']);
  });

  describe('names', () => {
    it('are of localhost where nothing was served at that place', async () => {
      await pushTagged(await served.openForPush('org/a'), first.all, '1');
      assert.deepEqual(await entries(), [`localhost/org/a:1 ${digestIn(first)}`]);
      const [entry] = (await openLayout(path('layout'))).indexEntries;
      assert.equal(entry?.annotations?.[ANNOTATION.refName], 'localhost/org/a:1');
    });

    it('are those that the place has, whatever the host; the manifest that loses one stays', async () => {
      await saveInto(first, 'docker.io/library/a:1');
      const repository = await served.openForPush('library/a');
      await pushTagged(repository, second.all, '1', '2');
      assert.deepEqual(await entries(), [
        `docker.io/library/a:1 ${digestIn(second)}`,
        `localhost/library/a:2 ${digestIn(second)}`,
        `- ${digestIn(first)}`,
      ]);
      assert.equal((await repository.resolve('1')).digest, digestIn(second));
      assert.equal((await repository.resolve(digestIn(first))).digest, digestIn(first));
      await requireSound();
    });

    it('lose a digest that they were given when they stand for another manifest', async () => {
      await saveInto(first, `reg.test/a:1@${digestIn(first)}`);
      const repository = await served.openForPush('a');
      await pushTagged(repository, second.all, '1');
      assert.equal((await repository.resolve('1')).digest, digestIn(second));
      assert.deepEqual(await entries(), [`reg.test/a:1 ${digestIn(second)}`, `- ${digestIn(first)}`]);
    });

    it('make a repository, as does a push of the same process', async () => {
      assert.equal(await served.openRepository('a'), undefined);
      await (await served.openForPush('a')).createUpload();
      assert.equal(await served.openRepository('a'), undefined);
      await pushTo(await served.openForPush('a'), first.all);
      await pushTagged(await served.openForPush('b'), second.all, '1');
      for (const layout of [served, await open()]) {
        assert.deepEqual((await layout.listRepositories()).sort(), ['a', 'b']);
        assert.deepEqual(await tagsIn(await layout.openRepository('a')), []);
        assert.deepEqual(await tagsIn(await layout.openRepository('b')), ['1']);
      }
    });
  });

  describe('manifests that are pushed by digest', () => {
    it('have an entry without a name, until an index or a tag leads to them', async () => {
      const repository = await served.openForPush('a');
      await pushTo(repository, first.all);
      await pushTo(repository, arm64.all);
      assert.deepEqual((await entries()).sort(), [`- ${digestIn(first)}`, `- ${digestIn(arm64)}`].sort());
      const { descriptor, bytes } = index.manifest;
      await repository.putManifest(descriptor, bytes);
      assert.deepEqual(await entries(), [`- ${digestIn(index)}`]);
      await repository.putManifest(descriptor, bytes, { tags: ['1'] });
      assert.deepEqual(await entries(), [`localhost/a:1 ${digestIn(index)}`]);
      await pushTo(repository, [first.manifest]);
      assert.deepEqual(await entries(), [`localhost/a:1 ${digestIn(index)}`]);
      await requireSound();
    });

    it('are marked when they are attached to another, and are its referrers', async () => {
      const repository = await served.openForPush('a');
      const note = makeReferrer(first.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
      const signature = makeCosignSignature(first.manifest.descriptor);
      await pushTo(repository, note.all);
      await pushTagged(repository, first.all, '1');
      await pushTagged(repository, signature.all, signature.tag);
      const entry = (await openLayout(path('layout'))).indexEntries.find(
        ({ digest }) => digest === note.manifest.descriptor.digest,
      );
      assert.equal(entry?.annotations?.[ANNOTATION.containerdSubject], digestIn(first));
      const referrers: Referrer[] = [];
      for await (const referrer of repository.referrers(first.manifest.descriptor)) referrers.push(referrer);
      assert.deepEqual(
        referrers.map(({ descriptor, tag }) => [descriptor.digest, tag]).sort(),
        [
          [note.manifest.descriptor.digest, undefined],
          [signature.manifest.descriptor.digest, signature.tag],
        ].sort(),
      );
    });

    it('are noted to lack children on purpose, until those come', async () => {
      const repository = await served.openForPush('a');
      await pushTo(repository, first.all);
      const { descriptor, bytes } = index.manifest;
      await repository.putManifest(descriptor, bytes, { tags: ['1'], absent: [digestIn(arm64)] });
      const note = async (): Promise<Digest[]> =>
        absentOf(await (await openLayout(path('layout'))).resolve('1'));
      assert.deepEqual(await note(), [digestIn(arm64)]);
      await requireSound();
      await pushTo(repository, arm64.all);
      assert.deepEqual(await note(), []);
      await requireSound();
    });

    it('may come again with another signature, and are served with the size that they have', async () => {
      const { descriptor, bytes } = signedSchema1();
      const repository = await served.openForPush('a');
      await repository.putManifest(descriptor, bytes, { tags: ['1'] });
      const longer = Buffer.concat([bytes, Buffer.from('\n')]);
      await repository.putManifest({ ...descriptor, size: longer.length }, longer, { tags: ['2'] });
      for (const tag of ['1', '2']) {
        const { size } = await repository.resolve(tag);
        assert.equal(await repository.sizeOf(descriptor), size);
      }
    });
  });

  describe('deleting', () => {
    it('takes a tag away and keeps its manifest', async () => {
      const repository = await served.openForPush('a');
      await pushTagged(repository, first.all, '1', '2');
      await repository.deleteTag('1');
      assert.deepEqual(await entries(), [`localhost/a:2 ${digestIn(first)}`]);
      await repository.deleteTag('2');
      assert.deepEqual(await entries(), [`- ${digestIn(first)}`]);
      assert.equal((await repository.resolve(digestIn(first))).digest, digestIn(first));
      await assert.rejects(repository.deleteTag('2'), { code: 'NOT_FOUND' });
      await assert.rejects(repository.resolve('2'), { code: 'NOT_FOUND' });
    });

    it('takes a manifest with the tags of its repository, and leaves those of others', async () => {
      const [a, b] = [await served.openForPush('a'), await served.openForPush('b')];
      await pushTagged(a, first.all, '1', '2');
      await pushTagged(b, first.all, '1');
      await a.deleteManifest(digestIn(first));
      assert.deepEqual(await tagsIn(a), []);
      await assert.rejects(a.resolve(digestIn(first)), { code: 'NOT_FOUND' });
      await assert.rejects(a.deleteManifest(digestIn(first)), { code: 'NOT_FOUND' });
      assert.equal((await b.resolve('1')).digest, digestIn(first));
      assert.equal((await b.resolve(digestIn(first))).digest, digestIn(first));
      assert.ok(has(digestIn(first)));
      await b.deleteManifest(digestIn(first));
      assert.equal(has(digestIn(first)), false);
      assert.deepEqual(await entries(), []);
      await pushTagged(a, first.all, '1');
      assert.equal((await a.resolve(digestIn(first))).digest, digestIn(first));
    });

    it('brings the children of an index back, but for those that were deleted before', async () => {
      const repository = await served.openForPush('a');
      await pushTagged(repository, index.all, '1');
      await repository.deleteManifest(digestIn(arm64));
      await assert.rejects(repository.resolve(digestIn(arm64)), { code: 'NOT_FOUND' });
      assert.ok(has(digestIn(arm64)), 'the index needs it');
      await requireSound();
      await repository.deleteManifest(digestIn(index));
      assert.deepEqual(await entries(), [`- ${digestIn(first)}`]);
      assert.equal(has(digestIn(index)), false);
      assert.equal(has(digestIn(arm64)), false);
      await requireSound();
    });

    it('takes a blob when no manifest needs it', async () => {
      const repository = await served.openForPush('a');
      await pushTagged(repository, index.all, '1');
      const [layer] = first.layers;
      assert.ok(layer);
      for (const { descriptor } of [layer, first.config, first.manifest, index.manifest])
        await assert.rejects(repository.deleteBlob(descriptor.digest), { code: 'IN_USE' });
      await repository.deleteManifest(digestIn(index));
      await assert.rejects(repository.deleteBlob(layer.descriptor.digest), { code: 'IN_USE' });
      await repository.deleteManifest(digestIn(first));
      await repository.deleteBlob(layer.descriptor.digest);
      await assert.rejects(repository.deleteBlob(layer.descriptor.digest), { code: 'NOT_FOUND' });
      assert.equal(await repository.sizeOf({ digest: layer.descriptor.digest }), undefined);
      await requireSound();
    });

    it('waits for a save, which may count on what is there', async () => {
      const repository = await served.openForPush('a');
      await pushTagged(repository, first.all, '1');
      const saving = await acquireLock(path('layout/ingest'));
      const deleting = repository.deleteManifest(digestIn(first));
      await pushTagged(repository, second.all, '2'); // pushes do not wait
      assert.ok(has(digestIn(first)));
      await saving.release();
      await deleting;
      assert.equal(has(digestIn(first)), false);
    });

    it('never takes what a push at the same moment needs', async () => {
      const repository = await served.openForPush('a');
      for (let round = 0; round < 10; round++) {
        await pushTo(repository, first.all.slice(0, -1));
        const [layer] = first.layers;
        assert.ok(layer);
        const { descriptor, bytes } = first.manifest;
        const held = first.all.slice(0, -1).map((part) => part.descriptor.digest);
        const [pushed, deleted] = await Promise.allSettled([
          repository.putManifest(descriptor, bytes, { tags: ['1'], held }),
          repository.deleteBlob(layer.descriptor.digest),
        ]);
        assert.notEqual(pushed.status === 'fulfilled', deleted.status === 'fulfilled');
        if (pushed.status === 'rejected') assert.equal(pushed.reason.code, 'MISSING_CONTENT');
        if (deleted.status === 'rejected') assert.equal(deleted.reason.code, 'IN_USE');
        await requireSound();
        if (pushed.status === 'fulfilled') await repository.deleteManifest(descriptor.digest);
      }
    });
  });

  it('mounts what another repository has', async () => {
    const [layer] = first.layers;
    assert.ok(layer);
    const { digest } = layer.descriptor;
    const target = await served.openForPush('target');
    assert.equal(await target.mountBlob(digest, 'source'), false);
    assert.equal(await target.mountBlob(digest, undefined), false);
    await uploadTo(await served.openForPush('source'), layer);
    assert.equal(await target.mountBlob(digest, 'elsewhere'), false);
    assert.equal(await target.mountBlob(digest, 'source'), true);
    assert.equal(await (await served.openForPush('another')).mountBlob(digest, undefined), true);
    assert.deepEqual((await served.listRepositories()).sort(), ['another', 'source', 'target']);
  });

  describe('with others at work', () => {
    it('keeps what a save adds, and the save keeps what was pushed', async () => {
      const repository = await served.openForPush('b');
      const layout = await openLayoutForWriting(path('layout'));
      await pushAll(layout, first.all);
      await layout.tag(first.manifest.descriptor, 'reg.test/a:1');
      await pushTagged(repository, second.all, '1');
      await layout.commit();
      await layout.close();
      await pushTagged(repository, index.all, '2');
      assert.deepEqual(await entries(), [
        `localhost/b:1 ${digestIn(second)}`,
        `localhost/b:2 ${digestIn(index)}`,
        `reg.test/a:1 ${digestIn(first)}`,
      ]);
      assert.deepEqual(await tagsIn(await served.openRepository('a')), ['1']);
      await requireSound();
    });

    it('loses no push of two servers at once', async () => {
      const other = await open();
      await pushTo(await served.openForPush('a'), first.all.slice(0, -1));
      const { descriptor, bytes } = first.manifest;
      const tags = Array.from({ length: 40 }, (_, tag) => `v${tag}`);
      await Promise.all(
        tags.map(async (tag, turn) => {
          const repository = await (turn % 2 ? other : served).openForPush(`a${turn % 3}`);
          await repository.putManifest(descriptor, bytes, { tags: [tag] });
          assert.equal((await repository.resolve(tag)).digest, descriptor.digest);
        }),
      );
      assert.equal((await entries()).length, 40);
      await requireSound();
    });

    it('is a sound layout after every step of a push', async () => {
      const repository = await served.openForPush('a');
      for (const content of index.all) {
        await pushTo(repository, [content]);
        await requireSound();
      }
    });

    it('goes on where an index was half written by another tool', async () => {
      const repository = await served.openForPush('a');
      await pushTagged(repository, first.all, '1');
      const whole = await readFile(path('layout/index.json'));
      await writeFile(path('layout/index.json'), whole.subarray(0, 40));
      assert.deepEqual(await tagsIn(repository), ['1']);
      await assert.rejects(pushTagged(repository, second.all, '2'), { code: 'INVALID_LAYOUT' });
      await writeFile(path('layout/index.json'), whole);
      await pushTagged(repository, second.all, '2');
      assert.deepEqual(await tagsIn(repository), ['1', '2']);
    });

    it('goes on when the place for uploads was removed', async () => {
      await rm(path('layout/ingest'), { recursive: true, force: true });
      await pushTagged(await served.openForPush('a'), first.all, '1');
      await requireSound();
    });
  });
});
