import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Descriptor } from '../../src/content/descriptor.js';
import { digestOf } from '../../src/content/digest.js';
import { openFileSink } from '../../src/store/file-sink.js';
import type { OpenContent } from '../../src/store/store.js';
import { ContentWriter } from '../../src/store/write-content.js';
import { useFolder } from '../support/temporary.js';

const SIZE = 5 * 1024 * 1024 + 17;
const PIECE = 1024 * 1024;

describe('ContentWriter', () => {
  const path = useFolder();
  const content = randomBytes(SIZE);
  const descriptor: Descriptor = {
    mediaType: 'application/octet-stream',
    digest: digestOf(content),
    size: SIZE,
  };

  /** The content from where it is asked for up to `end`; then it breaks off, unless that was all. */
  const upTo =
    (end: number): OpenContent =>
    async ({ start = 0 } = {}) => {
      async function* pieces(): AsyncGenerator<Buffer> {
        for (let place = start; place < end; place += PIECE)
          yield content.subarray(place, Math.min(end, place + PIECE));
        if (end < SIZE) throw new Error('broken off');
      }
      return Readable.from(pieces(), { objectMode: false });
    };

  it('writes it, and passes what its descriptor names', async () => {
    const file = await openFileSink(path('whole'));
    await new ContentWriter(descriptor, file, 0).write(upTo(SIZE));
    await file.close();
    assert.ok((await readFile(path('whole'))).equals(content));
  });

  it('hashes what is there when it is written once more, as after a header that failed', async () => {
    const file = await openFileSink(path('twice'));
    const writer = new ContentWriter(descriptor, file, 0);
    await writer.write(upTo(SIZE));
    const received: [number, string][] = [];
    await writer.write(upTo(0), { onBytes: (bytes, origin) => received.push([bytes, origin]) });
    assert.deepEqual(received, [[SIZE, 'kept']]);
    await file.write([Buffer.from('damage')], 100);
    await assert.rejects(writer.write(upTo(0)), { code: 'DIGEST_MISMATCH' });
    await file.close();
  });

  it('refuses other content as often as it comes, and keeps nothing of it', async () => {
    const file = await openFileSink(path('other'));
    const wrong = { ...descriptor, digest: digestOf(Buffer.from('other')) };
    const writer = new ContentWriter(wrong, file, 0);
    await assert.rejects(writer.write(upTo(SIZE)), { code: 'DIGEST_MISMATCH' });
    assert.equal(writer.written, 0);
    await assert.rejects(writer.write(upTo(SIZE)), { code: 'DIGEST_MISMATCH' });
    await file.close();
  });

  it('refuses more than was announced', async () => {
    const file = await openFileSink(path('longer'));
    const writer = new ContentWriter({ ...descriptor, size: SIZE - 1 }, file, 0);
    await assert.rejects(writer.write(upTo(SIZE)), { code: 'SIZE_MISMATCH' });
    assert.equal(writer.written, 0);
    await file.close();
  });

  it('goes on where it was broken off, and checks the whole', async () => {
    const file = await openFileSink(path('resumed'));
    const writer = new ContentWriter(descriptor, file, 0);
    await assert.rejects(writer.write(upTo(3 * PIECE + 5)), /broken off/);
    assert.equal(writer.written, 3 * PIECE + 5);
    const starts: (number | undefined)[] = [];
    await writer.write((options) => {
      starts.push(options?.start);
      return upTo(SIZE)(options);
    });
    assert.deepEqual(starts, [3 * PIECE + 5]);
    await file.close();
    assert.ok((await readFile(path('resumed'))).equals(content));
  });

  it('finds out that what an earlier run left has changed', async () => {
    const file = await openFileSink(path('changed'));
    await assert.rejects(new ContentWriter(descriptor, file, 0).write(upTo(2 * PIECE)), /broken off/);
    await file.write([Buffer.from('x')], 5);
    const later = new ContentWriter(descriptor, file, 0, { kept: 2 * PIECE });
    await assert.rejects(later.write(upTo(SIZE)), { code: 'DIGEST_MISMATCH' });
    await file.close();
  });
});
