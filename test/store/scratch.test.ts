import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { digestOf } from '../../src/content/digest.js';
import { createScratch, type Scratch } from '../../src/store/scratch.js';
import { randomBytesFrom } from '../support/images.js';
import { brokenOff } from '../support/openers.js';
import { useFolder } from '../support/temporary.js';

describe('createScratch', () => {
  const path = useFolder();
  const bytes = randomBytesFrom('scratch', 1_200_000);
  const pieces = [bytes.subarray(0, 7), bytes.subarray(7, 900_000), bytes.subarray(900_000)];
  let scratch: Scratch;
  beforeEach(() => {
    scratch = createScratch(path());
  });
  afterEach(() => scratch.close());

  it('tells digest and size of what it keeps, and gives it back from any byte', async () => {
    const descriptor = await scratch.keep('some/type', async () => Readable.from(pieces));
    assert.deepEqual(descriptor, { mediaType: 'some/type', digest: digestOf(bytes), size: bytes.length });
    assert.ok((await buffer(await scratch.fetch(descriptor))).equals(bytes));
    const rest = await buffer(await scratch.fetch(descriptor, { start: 900_001 }));
    assert.ok(rest.equals(bytes.subarray(900_001)));
    const region = await scratch.region?.(descriptor);
    assert.equal(region?.size, bytes.length);
    assert.ok((await readFile(region?.path ?? '')).equals(bytes));
  });

  it('keeps nothing of content that breaks off', async () => {
    await assert.rejects(
      scratch.keep('some/type', async () => brokenOff(bytes)),
      { code: 'CUT_SHORT' },
    );
    const descriptor = { mediaType: 'some/type', digest: digestOf(bytes), size: bytes.length };
    assert.equal(await scratch.region?.(descriptor), undefined);
  });

  it('makes its folder when it is needed, and removes it with all that is in it', async () => {
    assert.deepEqual(await readdir(path()), []);
    await scratch.keep('some/type', async () => Readable.from(pieces));
    assert.equal((await readdir(path())).length, 1);
    await scratch.close();
    assert.deepEqual(await readdir(path()), []);
  });
});
