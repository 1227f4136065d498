import assert from 'node:assert/strict';
import { inspect } from '../../../src/operations/inspect/inspect.js';
import { createRemoteSource } from '../../../src/store/remote/remote-source.js';
import { collect } from '../../registry/http-server.js';
import { answering, refusal, type TableAnswer } from '../../support/answer-table.js';
import { makeCosignSignature, makeImage, makeIndex, pushAll } from '../../support/images.js';
import { REPOSITORY, useRemoteStores } from './pushing.js';

const { startRegistry, connect } = useRemoteStores();
const REFERRERS = /^GET .*\/referrers\//;
const TAGS = /^GET .*\/tags\/list/;
const ATTACHED = /^GET .*\/manifests\/sha256-/;
const LEFT_OUT = {
  hint: /Signatures, SBOMs and other attachments can be left out\.$/,
  remedy: 'referrers',
};

/** An image with a signature by cosign's tag, in a registry that answers side questions in its own way. */
async function startWith(...rows: Parameters<typeof answering>) {
  const registry = await startRegistry({ refuse: answering(...rows) });
  const image = await makeImage({ seed: 'image' });
  const signature = makeCosignSignature(image.manifest.descriptor);
  const store = registry.repository(REPOSITORY);
  await pushAll(store, [...image.all, ...signature.all]);
  await store.tag(image.manifest.descriptor, '1');
  await store.tag(signature.manifest.descriptor, signature.tag);
  const name = { registry: registry.host, repository: REPOSITORY };
  const source = createRemoteSource(connect({ retries: 1 }), name);
  return {
    registry,
    image,
    signature,
    referrers: () => collect(source.referrers(image.manifest.descriptor)),
  };
}

const EMPTY: TableAnswer = { status: 200, headers: { 'content-type': 'application/json' }, body: '' };

describe('questions about what is attached to an image', () => {
  const failures: [what: string, answer: TableAnswer][] = [
    ...[401, 403, 429, 500, 502].map((status): [string, TableAnswer] => [String(status), refusal(status)]),
    ['a reset', 'reset'],
    ['an empty answer', EMPTY],
  ];
  for (const [what, answer] of failures) {
    it(`fail with the way to leave them out: referrers, ${what}`, async () => {
      const { referrers } = await startWith([REFERRERS, answer]);
      await assert.rejects(referrers(), LEFT_OUT);
    });

    it(`fail with the way to leave them out: tags that attach, ${what}`, async () => {
      const { referrers } = await startWith([TAGS, refusal(403)], [ATTACHED, answer]);
      await assert.rejects(referrers(), LEFT_OUT);
    });

    it(`do without a list of tags: ${what}`, async () => {
      const { referrers, signature } = await startWith([TAGS, answer]);
      assert.deepEqual(
        (await referrers()).map(({ descriptor }) => descriptor.digest),
        [signature.manifest.descriptor.digest],
      );
    });
  }

  it('say nothing of credentials where a gateway refuses the referrers', async () => {
    const { referrers } = await startWith([REFERRERS, refusal(403, 'X', 'Missing Authentication Token')]);
    await assert.rejects(
      referrers(),
      (error) => error instanceof Error && !/credentials/.test(`${Reflect.get(error, 'hint')}`),
    );
  });

  it('are not asked by inspect where they are not wanted', async () => {
    const { registry, image } = await startWith([REFERRERS, refusal(403)]);
    const target = `${registry.host}/${REPOSITORY}:1`;
    const options = { plainHTTP: true, retries: 0 };
    await assert.rejects(inspect(target, options), { code: 'DENIED', ...LEFT_OUT });
    const { images } = await inspect(target, { ...options, referrers: false });
    assert.deepEqual(
      images.map(({ digest, referrers }) => [digest, referrers]),
      [[image.manifest.descriptor.digest, []]],
    );
  });
});

describe('a registry that takes the tag sha256-HEX for the digest sha256:HEX', () => {
  for (const kind of ['an image', 'an index'] as const) {
    for (const isListed of [true, false]) {
      it(`has nothing attached to ${kind} by it, with tags ${isListed ? 'listed' : 'refused'}`, async () => {
        const image = await makeImage({ seed: 'image' });
        const root = kind === 'an image' ? image : makeIndex([image]);
        const { mediaType, digest } = root.manifest.descriptor;
        const headers = { 'content-type': mediaType, 'docker-content-digest': digest };
        const tag = digest.replace(':', '-');
        const registry = await startRegistry({
          refuse: answering(
            [new RegExp(`/manifests/${tag}$`), { status: 200, headers, body: root.manifest.bytes }],
            [TAGS, isListed ? undefined : refusal(403)],
          ),
        });
        await pushAll(registry.repository(REPOSITORY), root.all);
        const name = { registry: registry.host, repository: REPOSITORY };
        const source = createRemoteSource(connect(), name);
        assert.deepEqual(await collect(source.referrers(root.manifest.descriptor)), []);
      });
    }
  }
});
