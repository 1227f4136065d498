import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { referrersTag } from '../../../src/content/names.js';
import { createRemoteStore } from '../../../src/store/remote/remote.js';
import { answering, refusal } from '../../support/answer-table.js';
import { copyInto, storeOf } from '../../support/archives.js';
import { contentOf, makeImage, makeReferrer, pushAll } from '../../support/images.js';
import { openerOf, readAll } from '../../support/openers.js';
import { LAYER, REPOSITORY, useRemoteStores } from './pushing.js';

const { startRegistry, startProxy, open, connect } = useRemoteStores();

describe('referrers pushed to a registry without the referrers API', () => {
  const notes = (subject: Awaited<ReturnType<typeof makeImage>>) =>
    ['a', 'b', 'c', 'd'].map((payload) =>
      makeReferrer(subject.manifest.descriptor, {
        artifactType: 'text/x-note',
        payload,
        annotations: { payload },
      }),
    );

  const withNote = async (
    image: Awaited<ReturnType<typeof makeImage>>,
    note: ReturnType<typeof makeReferrer>,
  ) => {
    const store = await storeOf({ 1: image });
    await pushAll(store, note.all);
    return store;
  };

  it('are all listed under the fallback tag, however many come at once', async () => {
    const registry = await startRegistry();
    const client = connect();
    const name = { registry: registry.host, repository: REPOSITORY };
    const image = await makeImage({ seed: 'subject' });
    const attached = notes(image);
    await pushAll(createRemoteStore(client, name), [
      ...image.all,
      ...attached.flatMap(({ layers }) => layers),
    ]);
    await pushAll(createRemoteStore(client, name), [attached[0]?.config ?? LAYER]);
    // Several stores of one repository, as several images of a run have them.
    await Promise.all(attached.map(({ manifest }) => pushAll(createRemoteStore(client, name), [manifest])));

    const held = registry.repository(REPOSITORY);
    const list = await held.resolve(referrersTag(image.manifest.descriptor.digest));
    const document = JSON.parse((await readAll(held, list)).toString());
    assert.equal(document.mediaType, MEDIA_TYPE.ociIndex);
    assert.deepEqual(
      new Map(document.manifests.map((entry: { digest: string }) => [entry.digest, entry])),
      new Map(
        attached.map(({ manifest: { descriptor } }, index) => [
          descriptor.digest,
          { ...descriptor, artifactType: 'text/x-note', annotations: { payload: 'abcd'[index] } },
        ]),
      ),
    );
  });

  it('are listed by a later load, where an earlier one ended between the manifest and the list', async () => {
    const registry = await startRegistry();
    const image = await makeImage({ seed: 'subject' });
    const [note] = notes(image);
    assert.ok(note !== undefined);
    const held = registry.repository(REPOSITORY);
    await pushAll(held, [...image.all, ...note.all]);
    await copyInto(open(registry.host), await withNote(image, note), ['1']);
    const tag = referrersTag(image.manifest.descriptor.digest);
    const document = JSON.parse((await readAll(held, await held.resolve(tag))).toString());
    assert.deepEqual(
      document.manifests.map(({ digest }: { digest: string }) => digest),
      [note.manifest.descriptor.digest],
    );
    registry.requests.length = 0;
    await copyInto(open(registry.host), await withNote(image, note), ['1']);
    assert.ok(!registry.requests.some((line) => line.startsWith('PUT') && line.includes('sha256-')));
  });

  it('get no such list from a later load where the registry lists them by itself', async () => {
    const registry = await startRegistry({ listsReferrers: true });
    const image = await makeImage({ seed: 'subject' });
    const [note] = notes(image);
    assert.ok(note !== undefined);
    await pushAll(registry.repository(REPOSITORY), [...image.all, ...note.all]);
    await copyInto(open(registry.host), await withNote(image, note), ['1']);
    assert.ok(!registry.requests.some((line) => line.includes('sha256-')));
  });

  it('are listed again when another writer took the list away meanwhile', async () => {
    const registry = await startRegistry();
    const image = await makeImage({ seed: 'subject' });
    const [mine, theirs] = notes(image);
    assert.ok(mine !== undefined && theirs !== undefined);
    const tag = referrersTag(image.manifest.descriptor.digest);
    const theirList = contentOf(
      MEDIA_TYPE.ociIndex,
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPE.ociIndex,
          manifests: [theirs.manifest.descriptor],
          annotations: { kept: 'yes' },
        }),
      ),
    );
    const held = registry.repository(REPOSITORY);
    let writes = 0;
    const proxy = await startProxy(registry, ({ method, path }) => {
      // After our first write comes theirs, which did not see it.
      if (method === 'GET' && path.endsWith(tag) && writes === 1) {
        writes = 2;
        void held.tag(theirList.descriptor, tag);
      }
      if (method === 'PUT' && path.endsWith(tag)) writes = Math.max(writes, 1);
      return undefined;
    });
    await pushAll(held, [...theirs.all, theirList]);
    await pushAll(open(proxy.host), [...image.all, ...mine.all]);
    const document = JSON.parse((await readAll(held, await held.resolve(tag))).toString());
    assert.deepEqual(
      document.manifests.map(({ digest }: { digest: string }) => digest),
      [theirs.manifest.descriptor.digest, mine.manifest.descriptor.digest],
    );
    assert.deepEqual(document.annotations, { kept: 'yes' });
    assert.equal(writes, 2);
  });

  it('never take the place of an image that has the tag', async () => {
    const registry = await startRegistry();
    const image = await makeImage({ seed: 'subject' });
    const [note] = notes(image);
    assert.ok(note !== undefined);
    const store = open(registry.host);
    await pushAll(store, [...image.all, ...note.layers, note.config]);
    await store.tag(image.manifest.descriptor, referrersTag(image.manifest.descriptor.digest));
    await assert.rejects(store.push(note.manifest.descriptor, openerOf(note.manifest.bytes)), {
      code: 'ALREADY_EXISTS',
    });
  });

  for (const [what, isListed] of [
    ['listed', true],
    ['refused', false],
  ] as const) {
    it(`have their tag written where the registry takes it for the digest of the subject, tags ${what}`, async () => {
      const image = await makeImage({ seed: 'subject' });
      const [note] = notes(image);
      assert.ok(note !== undefined);
      const { mediaType, digest } = image.manifest.descriptor;
      const tag = referrersTag(digest);
      let isWritten = false;
      const onWritten = (): undefined => {
        isWritten = true;
      };
      const registry = await startRegistry({
        refuse: answering(
          [new RegExp(`^PUT .*/manifests/${tag}$`), () => onWritten()],
          [new RegExp(`^GET .*/manifests/${tag}$`), () => (isWritten ? undefined : subjectAnswer)],
          [/\/tags\/list/, isListed ? undefined : refusal(403, 'DENIED')],
        ),
      });
      const subjectAnswer = {
        status: 200,
        headers: { 'content-type': mediaType, 'docker-content-digest': digest },
        body: image.manifest.bytes,
      };
      const store = open(registry.host);
      await pushAll(store, [...image.all, ...note.all]);
      const held = registry.repository(REPOSITORY);
      const document = JSON.parse((await readAll(held, await held.resolve(tag))).toString());
      assert.deepEqual(
        document.manifests.map((entry: { digest: string }) => entry.digest),
        [note.manifest.descriptor.digest],
      );
    });
  }

  it('are refused with the way to leave them out where that registry never gives the tag back', async () => {
    const image = await makeImage({ seed: 'subject' });
    const [note] = notes(image);
    assert.ok(note !== undefined);
    const { mediaType, digest } = image.manifest.descriptor;
    const answer = { status: 200, headers: { 'content-type': mediaType }, body: image.manifest.bytes };
    const registry = await startRegistry({
      refuse: answering(
        [new RegExp(`^GET .*/manifests/${referrersTag(digest)}$`), answer],
        [/\/tags\/list/, refusal(403, 'DENIED')],
      ),
    });
    const store = open(registry.host);
    await pushAll(store, [...image.all, ...note.layers, note.config]);
    await assert.rejects(store.push(note.manifest.descriptor, openerOf(note.manifest.bytes)), {
      code: 'REGISTRY',
      hint: 'Signatures, SBOMs and other attachments can be left out.',
      remedy: 'referrers',
    });
  });

  it('are left to a registry that lists them itself', async () => {
    const registry = await startRegistry({ listsReferrers: true });
    const image = await makeImage({ seed: 'subject' });
    const [note] = notes(image);
    assert.ok(note !== undefined);
    const store = open(registry.host);
    await pushAll(store, [...image.all, ...note.all]);
    assert.ok(
      !registry.requests.some((line) => line.includes(referrersTag(image.manifest.descriptor.digest))),
    );
  });
});
