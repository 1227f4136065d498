import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { openTar } from '../../src/tar/read.js';
import { makeTar, rawEntry } from '../support/tar-maker.js';
import { text, useTars } from './opening.js';

describe('openTar damage', () => {
  const { view, opened, write, views, refuses } = useTars();
  const good = makeTar({ name: 'a', body: 'x'.repeat(1000) }, { name: 'b', body: 'y' });

  it('refuses an archive that is cut short in a body, and at every byte of a header', async () => {
    await refuses(good.subarray(0, 512 + 500), /reaches past the end/);
    for (const length of [1536 + 1, 1536 + 100, 1536 + 511])
      await refuses(good.subarray(0, length), /cut short in a header/);
  });

  it('accepts a missing end marker, half of one, and missing padding at the very end', async () => {
    const end = good.length - 1024;
    for (const length of [end, end + 100, end + 512, end - 511]) {
      assert.equal(await text(await opened(good.subarray(0, length)), 'b'), 'y');
    }
  });

  it('refuses a wrong checksum in any header', async () => {
    for (const position of [0, 200, 1536 + 3, 1536 + 300]) {
      const damaged = Buffer.from(good);
      damaged.writeUInt8(damaged.readUInt8(position) ^ 1, position);
      await refuses(damaged, /checksum/);
    }
  });

  it('says where the damage is', () =>
    refuses(Buffer.concat([good.subarray(0, 1536), Buffer.alloc(600, 1)]), /at byte 1536/));

  for (const [what, size] of [
    ['a negative size', '-0000000001\0'],
    ['a size with other characters', '0000001x\0\0\0\0'],
    ['a size with something after its end', '00001 000777'],
    ['a size past every file', '77777777777\0'],
    ['a negative size in base-256', Buffer.alloc(12, 0xff)],
    ['a size past 2^53 in base-256', Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11, 0xff)])],
    ['a size in a base-256 of its own', Buffer.concat([Buffer.from([0x81]), Buffer.alloc(11)])],
  ] as [string, string | Buffer][]) {
    it(`refuses ${what}`, () =>
      refuses(makeTar({ name: 'a', size, body: 'x' }), /size|reaches past the end/));
  }

  it('refuses names that lead out of the archive', async () => {
    for (const name of ['../a', 'a/../../b', 'a/..', '/../etc/passwd']) {
      await refuses(makeTar({ name, body: 'x' }), /leads out of the archive/);
    }
    assert.equal(await text(await view({ name: 'a..b/...', body: 'x' }), 'a..b/...'), 'x');
  });

  it('refuses a lone block of zeros between entries', async () => {
    const entries = [
      rawEntry({ name: 'a', body: 'x' }),
      Buffer.alloc(512),
      rawEntry({ name: 'b', body: 'y' }),
    ];
    await refuses(Buffer.concat(entries), /single block of zeros/);
  });

  it('refuses an archive that another one follows, which readers that pass over zeros would take', () =>
    refuses(
      Buffer.concat([good, makeTar({ name: 'hidden', body: 'x' })]),
      /ambiguous: another entry follows the end of the archive, at byte [0-9]+/,
    ));

  it('refuses what follows the end and is an entry to readers of older tars, who sum signed bytes', () => {
    const alter = (block: Buffer): void => {
      block.write('h\u00efdden', 0, 'utf8');
      // As signed bytes, the two bytes above 127 make the sum smaller by 256 each.
      block.fill(0x20, 148, 156);
      const sum = block.reduce((total, byte) => total + ((byte << 24) >> 24), 0);
      block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    };
    const block = rawEntry({ name: 'hidden', body: 'x' });
    alter(block.subarray(0, 512));
    return refuses(Buffer.concat([good, block]), /ambiguous: another entry follows the end of the archive/);
  });

  it('counts what follows the end without being an entry, and no padding', async () => {
    const trailing = async (bytes: Buffer): Promise<number> => {
      const tar = await openTar(await write(Buffer.concat([good, bytes])));
      const { trailingBytes } = tar.table();
      await tar.close();
      return trailingBytes;
    };
    assert.equal(await trailing(Buffer.alloc(200_000)), 0);
    assert.equal(await trailing(Buffer.alloc(1000, 'junk')), 1000 + 1024);
    assert.equal(await trailing(Buffer.concat([Buffer.alloc(300_000), Buffer.from('x')])), 300_001 + 1024);
  });

  it('refuses a file with no name', () => refuses(makeTar({ name: '.', body: 'x' }), /no name/));

  it('names the compression of what is not a plain tar', async () => {
    await refuses(gzipSync(good), /compressed with gzip/);
    await refuses(Buffer.from('28b52ffd00', 'hex'), /compressed with zstd/);
    await refuses(Buffer.from('502a4d1800', 'hex'), /compressed with zstd/);
    await refuses(Buffer.from('fd377a585a00', 'hex'), /compressed with xz/);
    await refuses(Buffer.from('BZh91AY'), /compressed with bzip2/);
  });

  it('refuses what is no tar at all, and an empty file', async () => {
    await refuses(Buffer.from('{"schemaVersion":2}'), /not a tar/);
    await refuses(Buffer.alloc(4096, 'text '), /not a tar/);
    await refuses(Buffer.alloc(0), /is empty/);
  });

  it('opens an empty tar', async () => {
    assert.deepEqual(await (await opened(Buffer.alloc(10240))).list(), []);
  });

  it('limits what an index of many names may take', async () => {
    const path = await write(makeTar({ name: 'a' }, { name: 'b' }, { name: 'c' }));
    await assert.rejects(openTar(path, { limits: { maxIndexBytes: 500 } }), { code: 'TOO_LARGE' });
  });

  it('rejects, never ends short, when the file is cut while it is open', async () => {
    const path = await write(makeTar({ name: 'a', body: Buffer.alloc(2_000_000) }));
    const tar = await openTar(path);
    views.push(tar);
    const stream = await tar.open('a');
    await truncate(path, 1_000_000);
    await assert.rejects(buffer(stream), { code: 'IO' });
    await assert.rejects(tar.read('a', 3_000_000), { code: 'IO' });
  });

  it('rejects reads after it was closed', async () => {
    const tar = await openTar(await write(good));
    await tar.close();
    await assert.rejects(tar.read('b', 10), { code: 'IO' });
  });
});
