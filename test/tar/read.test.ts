import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { isLadingError } from '../../src/errors.js';
import type { FileView } from '../../src/files.js';
import { openTar } from '../../src/tar/read.js';
import { tarHeader } from '../../src/tar/write.js';
import { makeTar, paxEntry, type RawEntry, rawEntry } from '../support/tar-maker.js';

const INVALID = { code: 'INVALID_ARCHIVE' };

describe('openTar', () => {
  let folder: string;
  let count = 0;
  const views: FileView[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-tar-'));
  });
  afterEach(async () => {
    await Promise.all(views.splice(0).map((view) => view.close()));
  });
  after(() => rm(folder, { recursive: true }));

  async function write(bytes: Buffer): Promise<string> {
    count += 1;
    const path = join(folder, `${count}.tar`);
    await writeFile(path, bytes);
    return path;
  }

  async function opened(bytes: Buffer): Promise<FileView> {
    const view = await openTar(await write(bytes));
    views.push(view);
    return view;
  }

  const view = (...entries: RawEntry[]): Promise<FileView> => opened(makeTar(...entries));
  const text = async (from: FileView, path: string): Promise<string> =>
    (await from.read(path, 1000)).toString();
  const refuses = async (bytes: Buffer, message: RegExp): Promise<void> => {
    await assert.rejects(opened(bytes), (error) => {
      assert(isLadingError(error, 'INVALID_ARCHIVE'), String(error));
      assert.match(error.message, message);
      return true;
    });
  };
  const refusesUseOf = async (from: FileView, path: string, message: RegExp): Promise<void> => {
    for (const use of [from.size(path), from.open(path), from.read(path, 10), from.region(path)]) {
      await assert.rejects(use, { ...INVALID, message });
    }
  };

  describe('reading', () => {
    it('gives size, bytes and region of each file', async () => {
      const tar = await view(
        { name: 'a', body: 'first' },
        { name: 'd/', type: '5' },
        { name: 'd/b', body: 'second' },
      );
      assert.deepEqual(await tar.list(), [
        { path: 'a', size: 5 },
        { path: 'd/b', size: 6 },
      ]);
      assert.equal(await tar.size('d/b'), 6);
      assert.equal(await text(tar, 'd/b'), 'second');
      assert.deepEqual(await tar.region('a'), { path: tar.location, offset: 512, size: 5 });
    });

    it('lists by path whatever the order in the tar', async () => {
      const tar = await view({ name: 'b' }, { name: 'a/c' }, { name: 'Z' });
      assert.deepEqual(
        (await tar.list()).map(({ path }) => path),
        ['Z', 'a/c', 'b'],
      );
    });

    it('opens a part of a file', async () => {
      const tar = await view({ name: 'a', body: '0123456789' });
      const part = await tar.open('a', { start: 3, length: 4 });
      assert.equal((await buffer(part)).toString(), '3456');
      assert.equal((await buffer(await tar.open('a', { start: 10 }))).length, 0);
      await assert.rejects(tar.open('a', { start: 11 }), RangeError);
    });

    it('opens a file larger than one read, many at once', async () => {
      const body = Buffer.alloc(1_500_000, 'lading');
      const tar = await view({ name: 'a', body: 'x' }, { name: 'b', body });
      const copies = await Promise.all(Array.from({ length: 20 }, async () => buffer(await tar.open('b'))));
      assert(copies.every((copy) => copy.equals(body)));
    });

    it('leaves the archive open when one stream is destroyed', async () => {
      const tar = await view(
        { name: 'a', body: Buffer.alloc(2_000_000) },
        { name: 'b', body: 'still there' },
      );
      for await (const _chunk of await tar.open('a')) break;
      assert.equal(await text(tar, 'b'), 'still there');
    });

    it('says NOT_FOUND for a missing file, a directory and a path that leads out', async () => {
      const tar = await view({ name: 'd/', type: '5' });
      for (const path of ['nothing', 'd', '../d', '']) {
        assert.equal(await tar.size(path), undefined);
        assert.equal(await tar.region(path), undefined);
        await assert.rejects(tar.open(path), { code: 'NOT_FOUND' });
      }
    });

    it('refuses to read more than is asked for into memory', async () => {
      const tar = await view({ name: 'a', body: 'four' });
      await assert.rejects(tar.read('a', 3), { code: 'TOO_LARGE' });
      assert.equal(await text(tar, './a'), 'four');
    });

    it('cleans the names of entries', async () => {
      const tar = await view(
        { name: './a', body: '1' },
        { name: '/b', body: '2' },
        { name: 'c//./d', body: '3' },
      );
      assert.deepEqual(
        (await tar.list()).map(({ path }) => path),
        ['a', 'b', 'c/d'],
      );
    });

    it('accepts the root directory as an entry', async () => {
      const tar = await view({ name: './', type: '5' }, { name: './a', body: '1' });
      assert.equal(await text(tar, 'a'), '1');
    });

    it('stops at an aborted signal', async () => {
      const path = await write(makeTar({ name: 'a', body: 'x' }));
      const reason = new Error('stop');
      await assert.rejects(openTar(path, { signal: AbortSignal.abort(reason) }), reason);
    });

    it('says what is wrong with a path that is no file', async () => {
      await assert.rejects(openTar(join(folder, 'missing')), { code: 'NOT_FOUND' });
      await assert.rejects(openTar(folder), INVALID);
    });

    it('refuses a pipe without waiting for its other end', async function () {
      const pipe = join(folder, 'pipe');
      if (spawnSync('mkfifo', [pipe]).status !== 0) return this.skip();
      await assert.rejects(openTar(pipe), INVALID);
    });

    it('opens an archive of many entries and 100 GB quickly, without reading bodies', async () => {
      const size = 5_000_000;
      const path = join(folder, 'large.tar');
      const file = await open(path, 'w');
      for (let i = 0; i < 20_000; i += 2000) {
        await file.write(tarHeader({ path: `blobs/${i}`, size }), 0, 512, (i / 2000) * 5_000_704);
      }
      // One last entry of more than 8 GiB, all hole.
      const last = 10 * 5_000_704;
      await file.write(tarHeader({ path: 'large', size: 100e9 }), 0, 512, last);
      await file.truncate(last + 512 + 100e9);
      await file.close();
      const tar = await openTar(path);
      views.push(tar);
      assert.equal(await tar.size('large'), 100e9);
      const end = await tar.open('large', { start: 100e9 - 3 });
      assert.deepEqual(await buffer(end), Buffer.alloc(3));
    });
  });

  describe('extensions', () => {
    it('takes long names from GNU headers', async () => {
      const long = `${'d/'.repeat(150)}file`;
      const tar = await view(
        { name: '././@LongLink', type: 'L', body: `${long}\0`, magic: 'gnu' },
        { name: 'short', body: 'x', magic: 'gnu' },
        { name: '././@LongLink', type: 'K', body: `${long}\0`, magic: 'gnu' },
        { name: 'hard', type: '1', linkName: 'short', magic: 'gnu' },
      );
      assert.equal(await text(tar, long), 'x');
      assert.equal(await text(tar, 'hard'), 'x');
    });

    it('takes names, link targets and sizes from pax headers, for one entry only', async () => {
      const tar = await view(
        paxEntry({ path: 'naïve/ü', size: '3', mtime: '1.5' }),
        { name: 'short', size: '00000000000\0', body: 'abc' },
        { name: 'plain', body: 'y' },
        paxEntry({ linkpath: 'naïve/ü' }),
        { name: 'link', type: '2', linkName: 'elsewhere' },
      );
      assert.equal(await text(tar, 'naïve/ü'), 'abc');
      assert.equal(await text(tar, 'plain'), 'y');
      assert.equal(await text(tar, 'link'), 'abc');
    });

    it('passes over a global header that only comments', async () => {
      const tar = await view(paxEntry({ comment: 'a commit' }, 'g'), { name: 'a', body: 'x' });
      assert.equal(await text(tar, 'a'), 'x');
    });

    it('reads the prefix of ustar, and headers older than it', async () => {
      const tar = await view(
        { name: 'file', body: 'x', alter: (block) => block.write('some/prefix', 345) },
        { name: 'old', body: 'y', type: '\0', magic: 'none' },
      );
      assert.equal(await text(tar, 'some/prefix/file'), 'x');
      assert.equal(await text(tar, 'old'), 'y');
    });

    it('reads sizes in base-256', async () => {
      const size = Buffer.alloc(12);
      size[0] = 0x80;
      size[11] = 3;
      assert.equal(await text(await view({ name: 'a', size, body: 'abc' }), 'a'), 'abc');
    });

    it('ignores the size that a header without a body states', async () => {
      const tar = await view(
        { name: 'a', body: 'x' },
        { name: 'hard', type: '1', linkName: 'a', size: '00000001000\0' },
        { name: 'd', type: '5', size: '00000001000\0' },
        { name: 'b', body: 'y' },
      );
      assert.equal(await text(tar, 'hard'), 'x');
      assert.equal(await text(tar, 'b'), 'y');
    });

    for (const [what, entries, message] of [
      ['a global header that names entries', [paxEntry({ path: 'x' }, 'g'), { name: 'a' }], /global/],
      [
        'two long names that differ',
        [paxEntry({ path: 'x' }), paxEntry({ path: 'y' }), { name: 'a' }],
        /differ in its path/,
      ],
      ['a malformed pax header', [{ name: 'p', type: 'x', body: '99 path=a\n' }, { name: 'a' }], /malformed/],
      ['a pax record without a key', [{ name: 'p', type: 'x', body: '5 =a\n' }, { name: 'a' }], /malformed/],
      ['a pax size that is no number', [paxEntry({ size: '1e3' }), { name: 'a' }], /size in its pax header/],
      [
        'a pax header of more than 1 MiB',
        [paxEntry({ comment: 'x'.repeat(1 << 20) }), { name: 'a' }],
        /larger than/,
      ],
      [
        'a name of more than 4096 bytes',
        [paxEntry({ path: 'x'.repeat(4097) }), { name: 'a' }],
        /longer than 4096/,
      ],
      [
        'a GNU name of more than 4096 bytes',
        [{ name: 'L', type: 'L', body: 'x'.repeat(4098) }, { name: 'a' }],
        /longer than 4096/,
      ],
      ['a long name with no entry after it', [paxEntry({ path: 'x' })], /missing/],
      ['a NUL in a pax name', [paxEntry({ path: 'a\0b' }), { name: 'a' }], /leads out/],
    ] as [string, RawEntry[], RegExp][]) {
      it(`refuses ${what}`, () => refuses(makeTar(...entries), message));
    }
  });

  describe('links', () => {
    it('follows symbolic links from their directory and hard links from the root', async () => {
      const tar = await view(
        { name: 'x/layer.tar', body: 'layer' },
        { name: 'y/layer.tar', type: '2', linkName: '../x/layer.tar' },
        { name: 'z/layer.tar', type: '2', linkName: '../y/./layer.tar' },
        { name: 'w/layer.tar', type: '1', linkName: './x/layer.tar' },
      );
      for (const path of ['x', 'y', 'z', 'w']) assert.equal(await text(tar, `${path}/layer.tar`), 'layer');
      assert.equal((await tar.list()).length, 4);
    });

    for (const [what, entry, message] of [
      [
        'an absolute symbolic link',
        { name: 'bad', type: '2', linkName: '/etc/passwd' },
        /leads out of the archive/,
      ],
      [
        'a symbolic link that climbs out',
        { name: 'bad', type: '2', linkName: '../../etc/passwd' },
        /leads out/,
      ],
      [
        'one that climbs out and comes back',
        { name: 'bad', type: '2', linkName: '../bad/../good' },
        /leads out/,
      ],
      ['a hard link that climbs out', { name: 'bad', type: '1', linkName: '../good' }, /leads out/],
      ['a link to nothing', { name: 'bad', type: '2', linkName: 'gone' }, /a link to gone, which is not/],
      ['a link to itself', { name: 'bad', type: '2', linkName: 'bad' }, /circle/],
      ['a character device', { name: 'bad', type: '3' }, /a device/],
      ['a pipe', { name: 'bad', type: '6' }, /a pipe/],
      ['a sparse file', { name: 'bad', type: 'S', magic: 'gnu', body: 'x' }, /sparse/],
      ['an unknown type', { name: 'bad', type: 'Q', body: 'x' }, /unknown type "Q"/],
      ['a directory with a body', { name: 'bad/', body: 'x' }, /directory with a body/],
    ] as [string, RawEntry, RegExp][]) {
      it(`refuses ${what} when it is used, and only then`, async () => {
        const tar = await view(entry, { name: 'good', body: 'fine' });
        await refusesUseOf(tar, 'bad', message);
        assert.equal(await text(tar, 'good'), 'fine');
        assert.deepEqual(await tar.list(), [{ path: 'good', size: 4 }]);
      });
    }

    it('refuses a sparse file in pax clothes under its real name', async () => {
      const tar = await view(paxEntry({ 'GNU.sparse.major': '1', 'GNU.sparse.name': 'real' }), {
        name: 'GNUSparseFile.0/real',
        body: 'map',
      });
      await refusesUseOf(tar, 'real', /sparse/);
      assert.equal(await tar.size('GNUSparseFile.0/real'), undefined);
    });

    it('finds the body behind the extra map of a sparse file', async () => {
      const tar = await view(
        {
          name: 'sparse',
          type: 'S',
          magic: 'gnu',
          body: 'x',
          between: Buffer.alloc(512),
          alter: (block) => block.writeUInt8(1, 482),
        },
        { name: 'after', body: 'y' },
      );
      assert.equal(await text(tar, 'after'), 'y');
    });

    it('refuses circles and long chains of links', async () => {
      const chain = Array.from({ length: 100 }, (_, i) => ({
        name: `l${i}`,
        type: '2',
        linkName: `l${i + 1}`,
      }));
      const tar = await view(
        { name: 'a', type: '2', linkName: 'b' },
        { name: 'b', type: '2', linkName: 'a' },
        ...chain,
        { name: 'l100', body: 'x' },
      );
      await refusesUseOf(tar, 'a', /circle/);
      await refusesUseOf(tar, 'l0', /chain/);
      assert.equal(await text(tar, 'l90'), 'x');
    });
  });

  describe('names that occur twice', () => {
    it('accepts the same bytes', async () => {
      const body = Buffer.alloc(600_000, 'same');
      const tar = await view({ name: 'a', body }, { name: './a', body });
      assert.equal(await tar.size('a'), body.length);
      assert.equal((await tar.list()).length, 1);
    });

    it('refuses different bytes when the name is used', async () => {
      const tar = await view(
        { name: 'a', body: 'one' },
        { name: 'a', body: 'two' },
        { name: 'b', body: 'fine' },
      );
      await refusesUseOf(tar, 'a', /twice with different bytes/);
      assert.equal(await text(tar, 'b'), 'fine');
    });

    it('refuses different sizes, and different bytes behind a link', async () => {
      const tar = await view(
        { name: 'a', body: 'one' },
        { name: 'a', body: 'longer' },
        { name: 'l', type: '2', linkName: 'a' },
      );
      await refusesUseOf(tar, 'l', /twice with different bytes/);
    });

    it('refuses a file that is also a link, and a link with two targets', async () => {
      const tar = await view(
        { name: 'a', body: 'one' },
        { name: 'a', type: '2', linkName: 'b' },
        { name: 'b', body: 'one' },
        { name: 'l', type: '2', linkName: 'a' },
        { name: 'l', type: '2', linkName: 'b' },
        { name: 'd/', type: '5' },
        { name: 'd', body: 'a file' },
      );
      await refusesUseOf(tar, 'a', /different kinds/);
      await refusesUseOf(tar, 'l', /something else/);
      await refusesUseOf(tar, 'd', /different kinds/);
    });
  });

  describe('damage', () => {
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
      await refuses(Buffer.concat(entries), /lone block/);
    });

    it('does not read past the end marker', async () => {
      const tar = await opened(Buffer.concat([good, makeTar({ name: 'hidden', body: 'x' })]));
      assert.equal(await tar.size('hidden'), undefined);
    });

    it('refuses a file with no name', () =>
      refuses(makeTar({ name: './', type: '7', body: 'x' }), /no name/));

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
});
