import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { openArchive } from '../../../src/store/archive/archive.js';
import { openTarOrSpool } from '../../../src/store/archive/spool.js';
import { openPath } from '../../../src/store/open.js';
import { configFor, dockerArchive, namesOf, plainLayer, readImage } from '../../support/docker-archives.js';
import { fixturePath } from '../../support/fixtures.js';
import { makeTar } from '../../support/tar-maker.js';
import { useFolder } from '../../support/temporary.js';
import { xz } from '../../support/xz.js';

describe('an archive that is compressed as a whole', () => {
  const path = useFolder();
  const layer = plainLayer('x');
  const archive = dockerArchive({ layer, config: configFor(layer) }, [
    { Config: 'config', RepoTags: ['a:b'], Layers: ['layer'] },
  ]);
  beforeEach(() => mkdir(path('spool')));

  it('is decompressed once, announced, and leaves nothing behind', async () => {
    await writeFile(path('archive.tar.gz'), gzipSync(archive));
    const announced: unknown[] = [];
    const spoolDirectory = path('spool');
    const store = await openArchive(path('archive.tar.gz'), {
      spoolDirectory,
      onSpool: (spool) => announced.push(spool),
    });
    assert.deepEqual(announced, [
      { path: path('archive.tar.gz'), compression: 'gzip', directory: spoolDirectory },
    ]);
    assert.equal((await readdir(spoolDirectory)).length, 1);
    assert.equal((await readImage(store, 'a:b')).diffIDs.length, 1);
    assert.equal(store.location, path('archive.tar.gz'));
    await store.close();
    assert.deepEqual(await readdir(spoolDirectory), []);
  });

  it('may be compressed with xz', async () => {
    await writeFile(path('archive.tar.xz'), xz(archive));
    const store = await openArchive(path('archive.tar.xz'), { spoolDirectory: path('spool') });
    assert.equal((await readImage(store, 'a:b')).diffIDs.length, 1);
    await store.close();
    await writeFile(path('archive.tar.xz'), xz(archive).subarray(0, -20));
    await assert.rejects(openPath(path('archive.tar.xz')), {
      code: 'INVALID_ARCHIVE',
      message: /archive\.tar\.xz is cut short: its xz stream does not end/,
    });
  });

  it('is told from one that is compressed twice, with a hint that leaves it in a form that is read', async () => {
    await writeFile(path('twice.tar.gz'), gzipSync(xz(archive)));
    await assert.rejects(openPath(path('twice.tar.gz')), {
      code: 'INVALID_ARCHIVE',
      message: /is compressed twice: with gzip, and its content with xz/,
      hint: /gzip -d < .*twice\.tar\.gz > images\.tar\.xz/,
    });
  });

  it('may be a layout as well: skopeo-two-names.tar.gz', async () => {
    const store = await openPath(fixturePath('layouts/skopeo-two-names.tar.gz'));
    assert.deepEqual(await namesOf(store), ['a', 'b']);
    await readImage(store, 'b');
    await store.close();
  });

  for (const [fixture, name] of [
    ['layouts/oci-name-only.tar.gz', 'short-name:latest'],
    ['layouts/oci-registry-name.tar.gz', 'registry.example/full:latest'],
  ] as const) {
    it(`is read by its name, short or full: ${fixture}`, async () => {
      const store = await openPath(fixturePath(fixture));
      assert.deepEqual(await namesOf(store), [name]);
      const { root } = await readImage(store, name);
      assert.equal(root.digest, 'sha256:4e6f89d48d9c1f68a68026940b9fa86b83cb5c6e001dd4031f4c9460fb7def50');
      await store.close();
    });
  }

  it('leaves nothing behind when it is cut short, is no tar, or holds no image', async () => {
    const packed = gzipSync(archive);
    const notImages = gzipSync(makeTar({ name: 'readme', body: 'hello' }));
    for (const bytes of [packed.subarray(0, packed.byteLength / 2), gzipSync('no tar'), notImages]) {
      await writeFile(path('bad.tar.gz'), bytes);
      await assert.rejects(openArchive(path('bad.tar.gz'), { spoolDirectory: path('spool') }), {
        code: 'INVALID_ARCHIVE',
        message: /bad\.tar\.gz/,
      });
      assert.deepEqual(await readdir(path('spool')), []);
    }
  });

  it('stops where it expands beyond its limits, and leaves nothing behind', async () => {
    await writeFile(path('bomb.tar.gz'), gzipSync(Buffer.alloc(4_000_000)));
    const options = { spoolDirectory: path('spool'), limits: { maxBytes: 1_000_000 } };
    await assert.rejects(openArchive(path('bomb.tar.gz'), options), {
      code: 'TOO_LARGE',
      message: /bomb\.tar\.gz/,
    });
    assert.deepEqual(await readdir(path('spool')), []);
  });

  it('stops when it is told to, and leaves nothing behind', async () => {
    await writeFile(path('archive.tar.gz'), gzipSync(archive));
    const abort = new AbortController();
    const opening = openArchive(path('archive.tar.gz'), {
      spoolDirectory: path('spool'),
      signal: abort.signal,
      onSpool: () => abort.abort(new Error('enough')),
    });
    await assert.rejects(opening, /enough/);
    assert.deepEqual(await readdir(path('spool')), []);
  });

  it('says where it cannot be decompressed to', async () => {
    await writeFile(path('archive.tar.gz'), gzipSync(archive));
    await assert.rejects(openArchive(path('archive.tar.gz'), { spoolDirectory: path('nowhere') }), {
      code: 'NOT_WRITABLE',
      message: /nowhere/,
    });
  });

  it('is refused when it is a tar as well, whose first file has a name that begins so', async () => {
    await writeFile(path('plain.tar'), makeTar({ name: 'BZh.txt', body: 'hello' }));
    await assert.rejects(openTarOrSpool(path('plain.tar')), {
      code: 'INVALID_ARCHIVE',
      message: /ambiguous: it is a tar whose first bytes are those of bzip2/,
    });
  });

  it('is refused when it says that it is a tar, which some readers believe before they look for gzip', async () => {
    const start = Buffer.from(gzipSync(makeTar({ name: 'a', body: 'x' })));
    const extra = Buffer.alloc(500); // of the header of gzip, so that 512 bytes are in front of what is compressed
    extra.write('ustar', 257 - 12, 'latin1');
    const head = Buffer.concat([start.subarray(0, 10), Buffer.from([extra.length & 255, extra.length >> 8])]);
    head.writeUInt8(0x04, 3); // RFC 1952, 2.3.1: FEXTRA
    await writeFile(path('in.tar.gz'), Buffer.concat([head, extra, start.subarray(10)]));
    await assert.rejects(openTarOrSpool(path('in.tar.gz')), {
      code: 'INVALID_ARCHIVE',
      message: /ambiguous: it is a tar whose first bytes are those of gzip/,
    });
  });

  it('is refused with the command that helps for bzip2', async () => {
    const magic = Buffer.from('425a683931415926', 'hex');
    await writeFile(path('other'), Buffer.concat([magic, Buffer.alloc(100)]));
    await assert.rejects(openPath(path('other')), { code: 'UNSUPPORTED', hint: /bzip2 -d/ });
    assert.equal((await readFile(path('other'))).byteLength, 108);
  });
});
