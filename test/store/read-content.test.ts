import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { readContent } from '../../src/store/read-content.js';
import { contentOf, pushAll } from '../support/images.js';
import { countingFetches, overriding } from '../support/openers.js';
import { signedSchema1 } from '../support/signed-schema1.js';

const DOCUMENT = contentOf('application/json', Buffer.from('{"a":1}'));

describe('readContent', () => {
  it('gives the bytes of a document after it has verified them', async () => {
    const store = createMemoryStore();
    const schema1 = signedSchema1();
    await pushAll(store, [DOCUMENT, schema1]);
    for (const { descriptor, bytes } of [DOCUMENT, schema1])
      assert.ok((await readContent(store, descriptor)).equals(bytes));
  });

  it('refuses what is damaged, cut or too long', async () => {
    for (const [text, code] of [
      ['{"a":2}', 'DIGEST_MISMATCH'],
      ['{"a":1', 'CUT_SHORT'],
      ['{"a":1}\n', 'SIZE_MISMATCH'],
    ] as const) {
      const store = overriding(createMemoryStore(), {
        fetch: async () => Readable.from([Buffer.from(text)]),
      });
      await assert.rejects(readContent(store, DOCUMENT.descriptor), { code }, text);
    }
  });

  it('reads nothing of what says that it is too large, and no more than it says of what lies', async () => {
    const store = countingFetches(createMemoryStore());
    const large = {
      mediaType: MEDIA_TYPE.ociManifest,
      digest: DOCUMENT.descriptor.digest,
      size: 4 * 1024 * 1024 + 1,
    };
    await assert.rejects(readContent(store, large), { code: 'TOO_LARGE' });
    await assert.rejects(readContent(store, DOCUMENT.descriptor, { maxBytes: 6 }), { code: 'TOO_LARGE' });
    assert.deepEqual(store.fetches, []);

    let given = 0;
    async function* endless(): AsyncIterable<Buffer> {
      for (;;) {
        given++;
        yield Buffer.alloc(4);
      }
    }
    const lying = overriding(createMemoryStore(), {
      fetch: async () => Readable.from(endless(), { highWaterMark: 1 }),
    });
    await assert.rejects(readContent(lying, DOCUMENT.descriptor), { code: 'SIZE_MISMATCH' });
    assert.ok(given < 10);
  });
});
