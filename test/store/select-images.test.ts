import assert from 'node:assert/strict';
import { isLadingError } from '../../src/errors.js';
import type { LayoutDirectory } from '../../src/store/layout/layout.js';
import { openLayout, openLayoutForWriting } from '../../src/store/layout/layout.js';
import { selectImages } from '../../src/store/select-images.js';
import type { Source } from '../../src/store/store.js';
import { type MadeImage, makeCosignSignature, makeImage, pushAll } from '../support/images.js';
import { useFolder } from '../support/temporary.js';

const NAMES = [
  'docker.io/library/alpine:3.20',
  'docker.io/library/nginx:alpine',
  'ghcr.io/product/api:4.2.0',
  'ghcr.io/product/api:4.3.0',
  'quay.io/product/api:4.2.0',
  'ghcr.io/product/tools/debug:1',
];

describe('selectImages', () => {
  const path = useFolder('the suite');
  let store: Source;
  let signed: MadeImage;
  let signatureName: string;
  before(async () => {
    const layout: LayoutDirectory = await openLayoutForWriting(path('layout'));
    for (const name of NAMES) {
      const image = await makeImage({ seed: name, layers: [10] });
      await pushAll(layout, image.all);
      await layout.tag(image.manifest.descriptor, name);
      signed = image;
    }
    const signature = makeCosignSignature(signed.manifest.descriptor);
    signatureName = `ghcr.io/product/tools/debug:${signature.tag}`;
    await pushAll(layout, signature.all);
    await layout.tag(signature.manifest.descriptor, signatureName);
    await layout.commit();
    await layout.close();
    store = await openLayout(path('layout'));
  });
  after(() => store.close());

  const select = async (...texts: string[]): Promise<string[]> =>
    (await selectImages(store, texts, { location: 'x.tar' })).map(({ name }) => name);

  const cases: [text: string, places: number[]][] = [
    ['docker.io/library/alpine:3.20', [0]],
    ['alpine:3.20', [0]],
    ['library/nginx', [1]],
    ['nginx', [1]],
    ['4.3.0', [3]],
    ['debug', [5]],
    ['ghcr.io/product/*', [2, 3]],
    ['ghcr.io/product/**', [2, 3, 5]],
    ['**/api', [2, 3, 4]],
    ['*', [0, 1, 2, 3, 4, 5]],
    ['product/api:{newest 1}', [3, 4]],
    ['{>=4 <4.3}', [2, 4]],
    ['@0', []],
  ];
  for (const [text, places] of cases) {
    it(`takes ${places.length} for ${text}`, async () => {
      const expected = places.map((place) => NAMES[place]).sort();
      assert.deepEqual((await select(text)).sort(), text === '@0' ? ['@0'] : expected);
    });
  }

  it('takes each once, in the order of the texts', async () => {
    assert.deepEqual(await select('debug', '**/api', 'ghcr.io/product/api:4.2.0'), [
      NAMES[5],
      ...[2, 3, 4].map((place) => NAMES[place]),
    ]);
  });

  it('takes an attachment only if it is named', async () => {
    assert(!(await select('**')).includes(signatureName));
    assert.deepEqual(await select(signatureName), [signatureName]);
  });

  it('takes digests, also of parts', async () => {
    const { digest } = signed.manifest.descriptor;
    assert.deepEqual(await select(digest), [digest]);
  });

  it('gives references that the store resolves', async () => {
    for (const { name, reference } of await selectImages(store, ['**', 'debug', '4.3.0']))
      assert.equal((await store.resolve(reference)).digest, (await store.resolve(name)).digest);
  });

  const ambiguous: [text: string, names: string[]][] = [
    ['api:4.2.0', ['ghcr.io/product/api:4.2.0', 'quay.io/product/api:4.2.0']],
    ['ghcr.io/product/api', ['ghcr.io/product/api:4.2.0', 'ghcr.io/product/api:4.3.0']],
    ['alpine', ['docker.io/library/nginx:alpine', 'docker.io/library/alpine:3.20']],
  ];
  for (const [text, names] of ambiguous) {
    it(`says the full names of what ${text} could mean`, async () => {
      await assert.rejects(select(text), (error) => {
        assert(isLadingError(error, 'USAGE'));
        const pattern = /or (\S+) for all/.exec(error.hint ?? '')?.[1] ?? '';
        assert(pattern.includes(text), error.hint);
        for (const name of names) assert(error.message.includes(name), error.message);
        return true;
      });
    });
  }

  const nothing: [text: string, near: RegExp][] = [
    ['alpin:3.20', /near it: docker\.io\/library\/alpine:3\.20/],
    ['ghcr.io/prodct/*', /near it: ghcr\.io\/product/],
    ['api:{>=5}', /near it: .*api:4\./],
    ['zzz', /^Check the name\.$/],
    ['no such name', /./],
  ];
  for (const [text, near] of nothing) {
    it(`says what is near ${text}`, async () => {
      await assert.rejects(select(text), (error) => {
        assert(isLadingError(error, 'NOT_FOUND'), String(error));
        assert.match(error.hint ?? '', near);
        return true;
      });
    });
  }

  it('refuses what is no pattern', async () => {
    await assert.rejects(select('api*?'), { code: 'USAGE' });
    await assert.rejects(select('api:{>=}'), { code: 'USAGE' });
    await assert.rejects(select('api{*}'), { code: 'USAGE' });
  });
});
