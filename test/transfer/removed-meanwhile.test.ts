import assert from 'node:assert/strict';
import type { Descriptor } from '../../src/content/descriptor.js';
import type { Digest } from '../../src/content/digest.js';
import { LadingError } from '../../src/errors.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store, Wanted } from '../../src/store/store.js';
import { copyGraph } from '../../src/transfer/copy.js';
import { storeOf } from '../support/archives.js';
import { type Content, type MadeImage, makeImage } from '../support/images.js';
import { overriding } from '../support/openers.js';
import { planCopy } from '../support/plan.js';

describe('copyGraph, into a store from which content is removed meanwhile', () => {
  const lost = new Set<Digest>();
  const names = new Map<string, Digest>();
  let first: MadeImage;
  let second: MadeImage;
  let source: Store;
  before(async () => {
    first = await makeImage({ seed: 1, layers: [3000, 200] });
    second = await makeImage({ seed: 2, layers: [3000] });
    source = await storeOf({ 'one:1': first, 'two:1': second });
  });
  beforeEach(() => {
    lost.clear();
    names.clear();
  });

  /** Copies both images; `onTag` is called before a name is given, and may lose content or throw. */
  const copy = async (onTag: (name: string) => void): Promise<void> => {
    const memory = createMemoryStore();
    const destination = overriding(memory, {
      sizeOf: async (wanted: Wanted) => (lost.has(wanted.digest) ? undefined : memory.sizeOf(wanted)),
      push: async (...args: Parameters<Store['push']>) => {
        lost.delete(args[0].digest);
        return memory.push(...args);
      },
      tag: async ({ digest }: Descriptor, name: string) => {
        onTag(name);
        if (lost.has(digest)) throw new LadingError('NOT_FOUND', `${digest} is not there`);
        names.set(name, digest);
      },
      hold: async (_: readonly Descriptor[], contents: readonly Descriptor[]) =>
        contents.filter(({ digest }) => lost.has(digest)),
    });
    const requests = ['one:1', 'two:1'].map((name) => ({ source, reference: name, name }));
    await copyGraph(await planCopy(requests), destination);
  };
  const lose = (contents: Iterable<Content>): void => {
    for (const { descriptor } of contents) lost.add(descriptor.digest);
  };

  it('copies it again when an image can no longer be named', async () => {
    let times = 0;
    await copy((name) => {
      if (name === 'two:1' && times++ === 0) lose([...first.all, ...second.all]);
    });
    assert.equal(names.get('two:1'), second.manifest.descriptor.digest);
    assert.equal(times, 2);
    assert.deepEqual([...lost], []);
  });

  it('copies it again for the names it has given when another one is refused', async () => {
    const refused = copy((name) => {
      if (name !== 'two:1') return;
      lose(first.all);
      throw new LadingError('CONFLICT', 'others keep moving two:1');
    });
    await assert.rejects(refused, { code: 'CONFLICT' });
    assert.deepEqual([...names.keys()], ['one:1']);
    assert.deepEqual([...lost], []);
  });
});
