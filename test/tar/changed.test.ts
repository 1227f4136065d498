import assert from 'node:assert/strict';
import { copyFile, open, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { FileView } from '../../src/disk/files.js';
import { openTar } from '../../src/tar/read.js';
import { randomBytesFrom } from '../support/images.js';
import { makeTar } from '../support/tar-maker.js';
import { useFolder } from '../support/temporary.js';

const BYTES = randomBytesFrom('changed', 2_000_000);
const CHANGED = { code: 'IO', message: /was changed while it was open/ };

describe('a tar that is changed while it is open', () => {
  const path = useFolder();
  let view: FileView;
  beforeEach(async () => {
    await writeFile(path('a.tar'), makeTar({ name: 'large', body: BYTES }, { name: 'small', body: 'small' }));
    const longAgo = new Date('2024-01-02T03:04:05Z'); // the clock of a file system may stand still for 10 ms
    await utimes(path('a.tar'), longAgo, longAgo);
    view = await openTar(path('a.tar'));
  });
  afterEach(() => view.close());

  const writeAt = async (position: number): Promise<void> => {
    const file = await open(path('a.tar'), 'r+');
    await file.write(Buffer.from('X'), 0, 1, position);
    await file.close();
  };

  it('is refused from then on, whatever is asked of it', async () => {
    assert.equal((await view.read('small', 10)).toString(), 'small');
    await writeAt(1000);
    for (const use of [view.size('small'), view.region('small'), view.open('small'), view.read('small', 10)])
      await assert.rejects(use, CHANGED);
  });

  it('never ends a stream with its last bytes', async () => {
    for (const change of [() => writeAt(1_999_000), () => truncate(path('a.tar'), 2_000_512)]) {
      const again = await openTar(path('a.tar'));
      const stream = await again.open('large');
      let received = 0;
      await assert.rejects(async () => {
        for await (const chunk of stream) {
          if (received === 0) await change();
          received += chunk.length;
        }
      }, CHANGED);
      assert.ok(received > 0 && received < BYTES.length);
      await again.close();
      await writeFile(path('a.tar'), makeTar({ name: 'large', body: BYTES }));
    }
  });

  it('gives a part only when nothing of the whole was changed', async () => {
    const part = await view.open('large', { start: 10, length: 20 });
    assert.ok((await buffer(part)).equals(BYTES.subarray(10, 30)));
    const later = await view.open('large', { start: 10, length: 20 });
    await writeAt(1_999_000);
    await assert.rejects(buffer(later), CHANGED);
  });

  it('gives what it was, when another file took its name or it was deleted', async () => {
    await copyFile(path('a.tar'), path('b.tar'));
    await truncate(path('b.tar'), 512);
    await rename(path('b.tar'), path('a.tar'));
    assert.ok((await buffer(await view.open('large'))).equals(BYTES));
    await rm(path('a.tar'));
    assert.ok((await buffer(await view.open('large'))).equals(BYTES));
  });
});
