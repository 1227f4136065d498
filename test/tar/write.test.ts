import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { extract, type Header, pack } from 'tar-stream';
import { openTar } from '../../src/tar/read.js';
import { END_OF_ARCHIVE, paddingAfter, tarHeader } from '../../src/tar/write.js';
import { needs } from '../support/needs.js';

describe('tarHeader', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-tar-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('gives the bytes that tar-stream packs', async () => {
    const packer = pack();
    packer.entry({ name: 'index.json', size: 2, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 }, '{}');
    packer.entry({ name: 'blobs/', type: 'directory', mode: 0o755, mtime: new Date(0), uid: 0, gid: 0 });
    packer.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of packer) chunks.push(Buffer.from(chunk as Uint8Array)); // typed as unknown
    const ours = [
      await tarHeader({ path: 'index.json', size: 2 }),
      Buffer.from('{}'),
      Buffer.alloc(paddingAfter(2)),
      await tarHeader({ path: 'blobs', size: 0, type: 'directory' }),
      END_OF_ARCHIVE,
    ];
    assert(Buffer.concat(ours).equals(Buffer.concat(chunks)));
  });

  it('is read back by a streaming reader, with fixed time, owner and mode', async () => {
    const header = await streamed(await tarHeader({ path: 'a', size: 12e9, mode: 0o444 }));
    assert.equal(header.size, 12e9);
    assert.equal(header.mode, 0o444);
    assert.deepEqual([header.uid, header.gid, header.uname, header.gname], [0, 0, '', '']);
    assert.equal(header.mtime?.getTime(), 0);
  });

  it('is read back as a symlink by a streaming reader', async () => {
    const linkTarget = `../${'0'.repeat(64)}.tar`;
    const header = await streamed(
      await tarHeader({ path: 'a/layer.tar', size: 0, type: 'symlink', linkTarget }),
    );
    assert.deepEqual([header.type, header.linkname, header.size], ['symlink', linkTarget, 0]);
  });

  it('is one block for the name of any blob, three at most', async () => {
    assert.equal((await tarHeader({ path: `blobs/sha256/${'0'.repeat(64)}`, size: 1e12 })).length, 512);
    assert.equal((await tarHeader({ path: `blobs/sha512/${'0'.repeat(128)}`, size: 1 })).length, 1536);
  });

  it('refuses what no entry can be', async () => {
    await assert.rejects(tarHeader({ path: '', size: 0 }), /no tar entry/);
    await assert.rejects(tarHeader({ path: 'a', size: -1 }), /no tar entry/);
    await assert.rejects(tarHeader({ path: 'a', size: 2 ** 53 }), /no tar entry/);
  });

  it('pads to whole blocks', () => {
    assert.deepEqual([0, 1, 511, 512, 513, 8 * 2 ** 30 + 1].map(paddingAfter), [0, 511, 1, 0, 511, 511]);
  });

  it('is read back for any names and contents', async () => {
    const component = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .map((text) => text.replace(/[/\0]/g, '_'))
      .filter((text) => text !== '.' && text !== '..');
    const path = fc
      .array(component, { minLength: 1, maxLength: 8 })
      .map((components) => components.join('/'));
    const files = fc.uniqueArray(fc.tuple(path, fc.uint8Array({ maxLength: 1200 })), {
      selector: ([name]) => name,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(files, async (contents) => {
        const parts: Uint8Array[] = [];
        for (const [name, bytes] of contents) {
          parts.push(await tarHeader({ path: name, size: bytes.length }), bytes);
          parts.push(Buffer.alloc(paddingAfter(bytes.length)));
        }
        const file = join(folder, 'any.tar');
        await writeFile(file, Buffer.concat([...parts, END_OF_ARCHIVE]));
        const tar = await openTar(file);
        try {
          assert.equal((await tar.list()).length, contents.length);
          for (const [name, bytes] of contents)
            assert((await tar.read(name, bytes.length)).equals(bytes), name);
        } finally {
          await tar.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is read back for any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt(0n, 2n ** 53n - 1n), async (size) => {
        assert.equal((await streamed(await tarHeader({ path: 'a', size: Number(size) }))).size, Number(size));
      }),
      { numRuns: 60 },
    );
  });

  it('is accepted by GNU tar, past 8 GiB and with a long name', async function () {
    needs(this, 'GNU tar');
    const long = `blobs/sha512/${'f'.repeat(128)}`;
    const size = 9 * 2 ** 30 + 1;
    const path = join(folder, 'large.tar');
    const file = await open(path, 'w');
    const first = await tarHeader({ path: long, size, mode: 0o444 });
    await file.write(first, 0, first.length, 0);
    const second = first.length + size + paddingAfter(size);
    const last = await tarHeader({ path: 'oci-layout', size: 0 });
    await file.write(last, 0, last.length, second);
    await file.write(END_OF_ARCHIVE, 0, END_OF_ARCHIVE.length, second + last.length);
    await file.close();
    const listed = spawnSync('tar', ['--numeric-owner', '--utc', '-tvf', path], { encoding: 'utf8' });
    assert.equal(listed.stderr, '');
    assert.deepEqual(
      listed.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/)),
      [
        ['-r--r--r--', '0/0', String(size), '1970-01-01', '00:00', long],
        ['-rw-r--r--', '0/0', '0', '1970-01-01', '00:00', 'oci-layout'],
      ],
    );
  });
});

/** Returns the header as read by tar-stream. */
function streamed(header: Buffer): Promise<Header> {
  return new Promise((resolve, reject) => {
    const reader = extract();
    reader.on('entry', (found) => {
      resolve(found);
      reader.destroy();
    });
    reader.on('error', reject);
    reader.write(header);
  });
}
