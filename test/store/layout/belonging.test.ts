import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { algorithmOf, type Digest, encodedOf } from '../../../src/content/digest.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { openServedLayout, type ServedLayout } from '../../../src/store/layout/served.js';
import {
  type Content,
  type MadeImage,
  type MadeIndex,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { pushTagged, pushTo, tagsIn, uploadTo } from '../../support/pushing.js';
import { useFolder } from '../../support/temporary.js';

describe('what belongs to a repository of a layout that takes pushes', () => {
  const path = useFolder();
  const opened: ServedLayout[] = [];
  let served: ServedLayout;
  let first: MadeImage;
  let second: MadeImage;
  let index: MadeIndex;
  let note: MadeImage;
  before(async () => {
    [first, second] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
    index = makeIndex([first, second]);
    note = makeReferrer(first.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
  });
  beforeEach(async () => {
    served = await open();
  });
  afterEach(async () => {
    for (const layout of opened.splice(0)) await layout.close();
  });

  /** As another process does, and as the next one after a kill: what is left on the disk is all that it knows. */
  const open = async (): Promise<ServedLayout> => {
    const layout = await openServedLayout(path('layout'));
    opened.push(layout);
    return layout;
  };
  const digestOf = ({ manifest }: MadeImage | MadeIndex): Digest => manifest.descriptor.digest;
  const onDisk = (digest: Digest): boolean => existsSync(join(path('layout'), blobPath(digest)));
  const hasBlob = async (name: string, digest: Digest, of = served): Promise<boolean> =>
    (await (await of.openForPush(name)).sizeOf({ digest })) !== undefined;
  const hasManifest = async (name: string, digest: Digest, of = served): Promise<boolean> =>
    isFound((await of.openForPush(name)).resolve(digest));
  const referrersIn = async (name: string, subject: Descriptor, of = served): Promise<Digest[]> => {
    const found: Digest[] = [];
    for await (const { descriptor } of (await of.openForPush(name)).referrers(subject))
      found.push(descriptor.digest);
    return found;
  };
  /** What a tool writes that knows of names and of nothing else. */
  const saveInto = async (contents: readonly Content[], names: Record<string, Descriptor>): Promise<void> => {
    const layout = await openLayoutForWriting(path('layout'));
    await pushAll(layout, contents);
    for (const [name, descriptor] of Object.entries(names)) await layout.tag(descriptor, name);
    await layout.commit();
    await layout.close();
  };
  const configOf = ({ config }: MadeImage): Digest => config.descriptor.digest;

  it('is what was pushed there, in any process and after a kill, though no manifest needs it yet', async () => {
    await uploadTo(await served.openForPush('team/app'), first.config);
    for (const layout of [served, await open()]) {
      assert.equal(await hasBlob('team/app', configOf(first), layout), true);
      for (const other of ['team', 'team/app/more', 'other'])
        assert.equal(await hasBlob(other, configOf(first), layout), false);
      assert.deepEqual(await layout.listRepositories(), ['team/app']);
      assert.deepEqual(await tagsIn(await layout.openRepository('team/app')), []);
      assert.equal(await layout.openRepository('team'), undefined);
    }
  });

  it('is content that is stored once, until the last repository that has it deletes it', async () => {
    for (const name of ['a', 'b', 'c']) await uploadTo(await served.openForPush(name), first.config);
    for (const name of ['b', 'a']) {
      await (await served.openForPush(name)).deleteBlob(configOf(first));
      assert.equal(await hasBlob(name, configOf(first)), false);
      assert.equal(await hasBlob('c', configOf(first), await open()), true);
      await assert.rejects((await served.openForPush(name)).deleteBlob(configOf(first)), {
        code: 'NOT_FOUND',
      });
    }
    await (await served.openForPush('c')).deleteBlob(configOf(first));
    assert.equal(onDisk(configOf(first)), false);
    // The lock of the index goes a moment after the deletion has been answered.
    const left = (await readdir(path('layout'))).filter((name) => name !== 'index.json.lock');
    assert.deepEqual(left.sort(), ['blobs', 'index.json', 'ingest', 'oci-layout']);
  });

  it('is not what a manifest of another repository needs, which a deletion leaves alone', async () => {
    await pushTagged(await served.openForPush('a'), first.all, '1');
    for (const digest of [digestOf(first), configOf(first)]) {
      assert.equal(await hasBlob('b', digest), false);
      assert.equal(await hasManifest('b', digest), false);
      await assert.rejects((await served.openForPush('b')).deleteBlob(digest), { code: 'NOT_FOUND' });
    }
    await assert.rejects((await served.openForPush('b')).deleteManifest(digestOf(first)), {
      code: 'NOT_FOUND',
    });
    await uploadTo(await served.openForPush('b'), first.config);
    await (await served.openForPush('b')).deleteBlob(configOf(first));
    assert.ok(onDisk(configOf(first)), 'a needs it');
    assert.deepEqual((await verify(path('layout'))).findings, []);
  });

  it('is what was mounted, from a repository that has it and from no other', async () => {
    await pushTagged(await served.openForPush('a'), first.all, '1');
    await uploadTo(await served.openForPush('b'), second.config);
    const target = await served.openForPush('target');
    assert.equal(await target.mountBlob(configOf(first), 'b'), false);
    assert.equal(await target.mountBlob(configOf(first), 'a'), true);
    assert.equal(await target.mountBlob(configOf(second), 'b'), true);
    for (const name of ['a', 'b']) {
      const repository = await served.openForPush(name);
      for (const image of [first, second])
        for (const digest of [digestOf(image), configOf(image)])
          await (digest === digestOf(image)
            ? repository.deleteManifest(digest)
            : repository.deleteBlob(digest)
          ).catch((error: { code: string }) => assert.equal(error.code, 'NOT_FOUND'));
    }
    const later = await open();
    for (const image of [first, second]) assert.equal(await hasBlob('target', configOf(image), later), true);
    assert.equal(await hasBlob('a', configOf(first), later), false);
  });

  it('is never lost where it is mounted while the only other repository deletes it', async () => {
    const [a, b] = [await served.openForPush('a'), await (await open()).openForPush('b')];
    for (let round = 0; round < 20; round++) {
      await uploadTo(a, first.config);
      const [mounted] = await Promise.all([b.mountBlob(configOf(first), 'a'), a.deleteBlob(configOf(first))]);
      assert.equal(onDisk(configOf(first)), mounted);
      assert.equal(await hasBlob('b', configOf(first)), mounted);
      if (mounted) await b.deleteBlob(configOf(first));
    }
  });

  it('is never lost where it is pushed while the only other repository deletes it', async () => {
    const [a, b] = [await served.openForPush('a'), await (await open()).openForPush('b')];
    for (let round = 0; round < 20; round++) {
      await uploadTo(a, first.config);
      await Promise.all([uploadTo(b, first.config), a.deleteBlob(configOf(first))]);
      assert.equal(await hasBlob('b', configOf(first)), true);
      await b.deleteBlob(configOf(first));
    }
  });

  it('comes back when its removal was killed on the way, if a repository has it, and is removed if none has', async () => {
    await uploadTo(await served.openForPush('a'), first.config);
    await pushTagged(await served.openForPush('b'), second.all, '1');
    const digests = [configOf(first), configOf(second), note.config.descriptor.digest];
    await uploadTo(await served.openForPush('c'), note.config);
    await (await served.openForPush('c')).deleteBlob(note.config.descriptor.digest);
    await mkdir(path('layout/ingest'), { recursive: true });
    const aside = (digest: Digest): string =>
      join(path('layout/ingest'), `${algorithmOf(digest)}-${encodedOf(digest)}.removed`);
    for (const digest of digests.slice(0, 2))
      await rename(join(path('layout'), blobPath(digest)), aside(digest));
    await writeFile(aside(note.config.descriptor.digest), note.config.bytes);
    const later = await open();
    assert.deepEqual(digests.map(onDisk), [true, true, false]);
    assert.equal(await hasBlob('a', configOf(first), later), true);
    assert.deepEqual(
      (await readdir(path('layout/ingest'))).filter((name) => name.endsWith('.removed')),
      [],
    );
    assert.deepEqual((await verify(path('layout'))).findings, []);
  });

  it('is left of a deleted manifest: its blobs, until those are deleted too', async () => {
    await pushTagged(await served.openForPush('a'), first.all, '1');
    await served.close(); // a plain layout from here on
    opened.splice(0);
    assert.deepEqual((await readdir(path('layout'))).sort(), ['blobs', 'index.json', 'oci-layout']);
    served = await open();
    await (await served.openForPush('a')).deleteManifest(digestOf(first));
    const later = await open();
    assert.equal(await hasBlob('a', configOf(first), later), true);
    assert.equal(await hasBlob('b', configOf(first), later), false);
    await pushTo(await later.openForPush('a'), [first.manifest]);
    assert.equal(await hasManifest('a', digestOf(first)), true);
  });

  describe('with a manifest that was deleted while an index of the repository needs it', () => {
    beforeEach(async () => {
      await pushTagged(await served.openForPush('a'), index.all, '1', '2');
      await pushTagged(await served.openForPush('b'), index.all, '1');
      await (await served.openForPush('a')).deleteManifest(digestOf(first));
    });

    it('is not that manifest, after a kill and in other processes too, until it is pushed again', async () => {
      for (const layout of [served, await open()]) {
        assert.equal(await hasManifest('a', digestOf(first), layout), false);
        assert.equal(await hasManifest('a', digestOf(second), layout), true);
        assert.equal(await hasManifest('b', digestOf(first), layout), true);
      }
      assert.ok(onDisk(digestOf(first)));
      assert.deepEqual((await verify(path('layout'))).findings, []);
      await pushTo(await served.openForPush('a'), [first.manifest]);
      assert.equal(await hasManifest('a', digestOf(first), await open()), true);
    });

    it('is not that manifest when tags come and go', async () => {
      await (await served.openForPush('a')).deleteTag('1');
      await (await served.openForPush('a')).deleteTag('2');
      assert.equal(await hasManifest('a', digestOf(first), await open()), false);
      await saveInto([], { 'reg.test/elsewhere:1': index.manifest.descriptor });
      assert.equal(await hasManifest('a', digestOf(first), await open()), false);
      assert.equal(await hasManifest('elsewhere', digestOf(first)), true);
    });
  });

  it('is not what an index leaves out on purpose and another repository has', async () => {
    await pushTo(await served.openForPush('a'), first.all);
    await pushTo(await served.openForPush('b'), second.all);
    const { descriptor, bytes } = index.manifest;
    await (await served.openForPush('a')).putManifest(descriptor, bytes, {
      tags: ['1'],
      absent: [digestOf(second)],
    });
    const later = await open();
    for (const digest of [digestOf(second), configOf(second)])
      assert.equal(await hasBlob('a', digest, later), false);
    await pushTo(await later.openForPush('b'), [second.manifest]);
    assert.equal(await hasManifest('a', digestOf(second)), false);
    await pushTo(await later.openForPush('a'), second.all);
    assert.equal(await hasManifest('a', digestOf(second)), true);
    assert.deepEqual((await verify(path('layout'))).findings, []);
  });

  describe('of what is attached to an image', () => {
    it('is what was attached there, and not in a repository with the same image', async () => {
      for (const name of ['a', 'b']) await pushTagged(await served.openForPush(name), first.all, '1');
      await pushTo(await served.openForPush('a'), note.all);
      for (const layout of [served, await open()]) {
        assert.deepEqual(await referrersIn('a', first.manifest.descriptor, layout), [digestOf(note)]);
        assert.deepEqual(await referrersIn('b', first.manifest.descriptor, layout), []);
        assert.equal(await hasManifest('b', digestOf(note), layout), false);
      }
      await pushTo(await served.openForPush('b'), note.all);
      await (await served.openForPush('a')).deleteManifest(digestOf(note));
      assert.deepEqual(await referrersIn('a', first.manifest.descriptor), []);
      assert.deepEqual(await referrersIn('b', first.manifest.descriptor), [digestOf(note)]);
    });

    it('is, in a layout of another tool, with the image, and not where that image is pushed later', async () => {
      const more = makeReferrer(note.manifest.descriptor, { artifactType: 'text/x-more', payload: 'more' });
      await saveInto([...first.all, ...note.all, ...more.all], { 'reg.test/a:1': first.manifest.descriptor });
      const attached = async (name: string): Promise<Digest[]> => [
        ...(await referrersIn(name, first.manifest.descriptor)),
        ...(await referrersIn(name, note.manifest.descriptor)),
      ];
      assert.deepEqual(await attached('a'), [digestOf(note), digestOf(more)]);
      assert.equal(await hasBlob('a', more.config.descriptor.digest), true);
      assert.deepEqual(await attached('b'), []);

      await pushTagged(await served.openForPush('b'), first.all, '1');
      assert.deepEqual(await attached('b'), []);
      await pushTo(await served.openForPush('b'), note.all);
      assert.deepEqual(await attached('b'), [digestOf(note)]);
      assert.deepEqual(await attached('a'), [digestOf(note), digestOf(more)]);
      await (await served.openForPush('a')).deleteManifest(digestOf(more));
      assert.deepEqual(await attached('a'), [digestOf(note)]);
    });

    it('is, after a save of the same attachment under another name, with that image too', async () => {
      await pushTagged(await served.openForPush('b'), first.all, '1');
      await pushTo(await served.openForPush('b'), note.all);
      await saveInto([...first.all, ...note.all], { 'reg.test/a:1': first.manifest.descriptor });
      assert.deepEqual(await referrersIn('b', first.manifest.descriptor), [digestOf(note)]);
      assert.deepEqual(await referrersIn('a', first.manifest.descriptor), [digestOf(note)]);
    });
  });
});

async function isFound(found: Promise<unknown>): Promise<boolean> {
  try {
    await found;
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'NOT_FOUND');
    return false;
  }
}
