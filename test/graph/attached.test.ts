import assert from 'node:assert/strict';
import { parsePlatform } from '../../src/content/platform.js';
import type { CopyEvent } from '../../src/events.js';
import type { Source, Store } from '../../src/store/store.js';
import type { Plan, PlanOptions } from '../../src/transfer/plan.js';
import { storeOf } from '../support/archives.js';
import {
  type Content,
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { planCopy } from '../support/plan.js';

const NAME = 'reg.test/a:1';

describe('planCopy of what is attached', () => {
  let amd64: MadeImage;
  let arm64: MadeImage;
  before(async () => {
    amd64 = await makeImage({ seed: 'amd64' });
    arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
  });

  const note = ({ descriptor }: Content, payload: string): MadeImage =>
    makeReferrer(descriptor, { artifactType: 'text/x-note', payload });
  const storeWith = async (
    image: { all: Content[]; manifest: Content },
    attached: readonly MadeImage[],
  ): Promise<Store> => {
    const store = await storeOf({ [NAME]: image });
    for (const { all } of attached) await pushAll(store, all);
    return store;
  };
  const planOf = (source: Source, options?: PlanOptions): Promise<Plan> =>
    planCopy([{ source, reference: NAME, name: NAME }], options);
  const plannedOf = ({ blobs, manifests }: Plan, images: readonly MadeImage[]): boolean[] => {
    const planned = new Set([...blobs, ...manifests].map(({ descriptor }) => descriptor.digest));
    return images.map(({ all }) => all.every(({ descriptor }) => planned.has(descriptor.digest)));
  };

  it('takes what hangs on the index, on its children, and on attachments', async () => {
    const index = makeIndex([amd64, arm64]);
    const onIndex = note(index.manifest, 'index');
    const onChild = note(arm64.manifest, 'child');
    const onNote = note(onIndex.manifest, 'note');
    const onNoteOnNote = note(onNote.manifest, 'note on note');
    const tooDeep = note(onNoteOnNote.manifest, 'too deep');
    const attached = [onIndex, onChild, onNote, onNoteOnNote, tooDeep];
    const plan = await planOf(await storeWith(index, attached));
    assert.deepEqual(plannedOf(plan, attached), [true, true, true, true, false]);
    assert.equal(plan.images[0]?.referrers, 4);
    assert.ok(plan.images[0]?.contents.has(onNote.manifest.descriptor.digest));
  });

  it('leaves all of it when it is told to', async () => {
    const attached = [note(amd64.manifest, 'x')];
    const plan = await planOf(await storeWith(amd64, attached), { referrers: false });
    assert.deepEqual(plannedOf(plan, attached), [false]);
    assert.equal(plan.images[0]?.referrers, 0);
  });

  it("gives cosign's signatures their tag beside the image", async () => {
    const signature = makeCosignSignature(amd64.manifest.descriptor);
    const store = await storeWith(amd64, [signature]);
    await store.tag(signature.manifest.descriptor, signature.tag);
    const plan = await planOf(store);
    assert.deepEqual(plannedOf(plan, [signature]), [true]);
    assert.deepEqual(
      plan.images[0]?.names.map(({ name, descriptor }) => [name, descriptor.digest]),
      [
        [NAME, amd64.manifest.descriptor.digest],
        [`reg.test/a:${signature.tag}`, signature.manifest.descriptor.digest],
      ],
    );
  });

  it("gives cosign's signatures the tag alone in a store that knows only tags", async () => {
    const signature = makeCosignSignature(amd64.manifest.descriptor);
    const store = await storeOf({ latest: amd64, [signature.tag]: signature });
    const plan = await planCopy([{ source: store, reference: 'latest', name: 'latest' }]);
    assert.deepEqual(
      plan.images[0]?.names.map(({ name }) => name),
      ['latest', signature.tag],
    );
  });

  it('takes only what hangs on the chosen platforms', async () => {
    const index = makeIndex([amd64, arm64]);
    const attached = [
      note(index.manifest, 'index'),
      note(amd64.manifest, 'amd64'),
      note(arm64.manifest, 'arm64'),
    ];
    const store = await storeWith(index, attached);
    const platforms = [parsePlatform('linux/arm64')];
    assert.deepEqual(plannedOf(await planOf(store, { platforms, index: 'sparse' }), attached), [
      true,
      false,
      true,
    ]);
  });

  it('warns of what spoke of an index that is rewritten, and leaves it', async () => {
    const index = makeIndex([amd64, arm64]);
    const attached = [note(index.manifest, 'index'), note(arm64.manifest, 'arm64')];
    const events: CopyEvent[] = [];
    const plan = await planOf(await storeWith(index, attached), {
      platforms: [parsePlatform('linux/arm64')],
      index: 'rewrite',
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual(plannedOf(plan, attached), [false, true]);
    const [warning] = events.filter((event) => event.type === 'warning');
    assert.match(
      warning?.message ?? '',
      new RegExp(`^a signature or another attachment of ${index.manifest.descriptor.digest} is left out`),
    );
  });

  it('ends with circles, which tags can make', async () => {
    const signature = makeCosignSignature(amd64.manifest.descriptor);
    const store = await storeWith(amd64, [signature]);
    await store.tag(signature.manifest.descriptor, signature.tag);
    const ofSignature = `${signature.manifest.descriptor.digest.replace(':', '-')}.sig`;
    await store.tag(signature.manifest.descriptor, ofSignature);
    assert.equal((await planOf(store)).images[0]?.referrers, 1);
  });
});
