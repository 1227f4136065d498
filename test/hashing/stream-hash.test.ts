import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { createStreamHash } from '../../src/hashing/stream-hash.js';

const LARGE = 1e9;
const ofText = (text: string, algorithm = 'sha256') => createHash(algorithm).update(text).digest('hex');

function sharedChunk(text: string): Buffer {
  const chunk = Buffer.from(new SharedArrayBuffer(text.length));
  chunk.write(text);
  return chunk;
}

describe('createStreamHash', () => {
  for (const [size, bytes] of [
    ['small content', 10],
    ['large content, in a thread', LARGE],
  ] as const) {
    it(`hashes ${size}`, async () => {
      const hash = createStreamHash('sha512', bytes);
      await hash.update(Buffer.from('ab'));
      await hash.update(sharedChunk('cd'));
      assert.equal(await hash.digest(), ofText('abcd', 'sha512'));
    });
  }

  it('keeps apart what is hashed side by side, in the order in which it came', async () => {
    const first = createStreamHash('sha256', LARGE);
    const second = createStreamHash('sha256', LARGE);
    const third = createStreamHash('sha256', LARGE);
    const updates = [...'abc'].flatMap((letter) => [
      first.update(sharedChunk(letter)),
      second.update(sharedChunk(letter.toUpperCase())),
      third.update(sharedChunk('-')),
    ]);
    third.close();
    assert.deepEqual(await Promise.all([first.digest(), second.digest()]), [ofText('abc'), ofText('ABC')]);
    await Promise.all(updates);
  });

  it('lets shared memory be used again once its update has resolved', async () => {
    const hash = createStreamHash('sha256', LARGE);
    const chunk = sharedChunk('first');
    await hash.update(chunk);
    chunk.write('other');
    await hash.update(chunk);
    assert.equal(await hash.digest(), ofText('firstother'));
  });

  it('does not keep a process alive that has nothing else to do', async () => {
    const script = `
      import { createStreamHash } from './dist/hashing/stream-hash.js';
      createStreamHash('sha256', 1e9);
      const hash = createStreamHash('sha256', 1e9);
      await hash.update(Buffer.from('abc'));
      console.log(await hash.digest());`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script],
      {
        timeout: 20_000,
      },
    );
    assert.equal(stdout.trim(), ofText('abc'));
  });
});
