import assert from 'node:assert/strict';
import {
  chmod,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../../src/content/digest.js';
import type { ArchiveMemoryOptions } from '../../../src/store/archive/archive-memory.js';
import { openPath } from '../../../src/store/open.js';
import { fixturePath } from '../../support/fixtures.js';
import { needs } from '../../support/needs.js';
import { useFolder } from '../../support/temporary.js';

const ARCHIVES = fixturePath('archives/');
const MIB = 1024 * 1024;

describe('what is remembered of an archive', () => {
  const path = useFolder();
  let archive: string;
  beforeEach(async () => {
    archive = await bring('ctr-export-multi.tar');
  });

  async function bring(name: string, as = 'archive.tar'): Promise<string> {
    await copyFile(join(ARCHIVES, name), path(as));
    return path(as);
  }

  /** As seen a minute after the archives were made. */
  function memoryWith(options: Partial<ArchiveMemoryOptions> = {}): ArchiveMemoryOptions {
    const now = (): number => Date.now() + 60_000;
    return { directory: path('cache/lading/archives'), version: '1.2.3', minEntries: 1, now, ...options };
  }

  /** All that a reader can ask of an archive. */
  async function look(memory: ArchiveMemoryOptions | undefined, location = archive): Promise<unknown> {
    const store = await openPath(location, { memory });
    try {
      const images: unknown[] = [];
      for (const { name, descriptor } of await all(store.names())) {
        const referrers = await all(store.referrers(descriptor));
        images.push({ name, descriptor, referrers, resolved: await store.resolve(name) });
      }
      return { images, blobs: await all(store.blobs()), problems: store.problems };
    } finally {
      await store.close();
    }
  }

  const recordNames = (): Promise<string[]> => readdir(path('cache/lading/archives'));

  async function recordPath(): Promise<string> {
    const [name, ...others] = await recordNames();
    assert.ok(name !== undefined && others.length === 0);
    return join(path('cache/lading/archives'), name);
  }

  const isRemembered = async (): Promise<boolean> => (await readdir(path())).includes('cache');

  it('shows it as reading it anew does, whatever its form', async () => {
    const names = (await readdir(ARCHIVES)).filter((name) => name.endsWith('.tar'));
    assert.ok(names.length > 10);
    for (const name of names) {
      const location = await bring(name, name);
      const expected = await look(undefined, location);
      const before = (await isRemembered()) ? await recordNames() : [];
      assert.deepEqual(await look(memoryWith(), location), expected, name);
      const [added] = (await recordNames()).filter((record) => !before.includes(record));
      assert.ok(added !== undefined, `nothing is remembered of ${name}`);
      const record = join(path('cache/lading/archives'), added);
      await utimes(record, 1, 1);
      assert.deepEqual(await look(memoryWith(), location), expected, name);
      assert.equal((await stat(record)).mtimeMs, 1000, `${name} was read anew`);
    }
  });

  it('is for its owner only', async () => {
    await look(memoryWith());
    assert.equal((await stat(await recordPath())).mode & 0o777, 0o600);
    assert.equal((await stat(path('cache/lading/archives'))).mode & 0o777, 0o700);
  });

  it('is not used once the archive was changed, even where size and time stayed the same', async () => {
    await bring('docker20-multi.tar');
    const { size, atime, mtime } = await stat(archive);
    const before = await look(memoryWith());
    const other = await readFile(join(ARCHIVES, 'ctr-export-multi.tar'));
    assert.ok(other.byteLength < size);
    await writeFile(archive, Buffer.concat([other, Buffer.alloc(size - other.byteLength)]), { flag: 'r+' });
    await utimes(archive, atime, mtime);
    const expected = await look(undefined);
    assert.notDeepEqual(expected, before);
    assert.deepEqual(await look(memoryWith()), expected);
    assert.deepEqual(await look(memoryWith()), expected);
    assert.equal((await recordNames()).length, 1);
  });

  it('is not kept of an archive that was changed a moment ago, and so may be again at the same time', async () => {
    await look(memoryWith({ now: () => Date.now() + 1000 }));
    assert.ok(!(await isRemembered()));
  });

  it('is not kept of an archive with few files, nor of one that is compressed', async () => {
    await look(memoryWith({ minEntries: undefined }));
    await writeFile(path('archive.tar.gz'), gzipSync(await readFile(archive)));
    await look(memoryWith(), path('archive.tar.gz'));
    assert.ok(!(await isRemembered()));
  });

  it('is not used when it is damaged, of another version, or may be by somebody else', async () => {
    const expected = await look(undefined);
    await look(memoryWith());
    const record = await recordPath();
    const written = await readFile(record);
    const damages: (() => Promise<void>)[] = [
      () => truncate(record, 0),
      () => truncate(record, 20),
      () => truncate(record, written.byteLength - 1),
      () => writeFile(record, Buffer.concat([written, Buffer.from(' ')])),
      () => writeFile(record, written.toString().replace('blobs', 'slobs')),
      () => writeFile(record, written.toString().replace('1.2.3', '1.2.4')),
      () => writeFile(record, signed('{"table":')),
      () => writeFile(record, signed('null')),
      () => writeFile(record, signed('{"table":{},"unattached":[]}')),
      () => writeFile(record, signed(bodyOf(written).replace('"unattached":[', '"unattached":["x",'))),
      () =>
        writeFile(record, signed(bodyOf(written).replaceAll(/\["f".*?\],/g, ''))).then(() =>
          chmod(record, 0o666),
        ),
    ];
    for (const damage of damages) {
      await damage();
      assert.deepEqual(await look(memoryWith()), expected, String(damage));
      assert.deepEqual(await readFile(record), written, `${damage}: it is put right`);
      await chmod(record, 0o600);
    }
  });

  it('never leads to other bytes: a file is looked for anew that is not where it says', async () => {
    const expected = await look(undefined);
    await look(memoryWith());
    const record = await recordPath();
    const written = await readFile(record);
    const moved = bodyOf(written).replace(/\["f","index.json",(\d+),(\d+),/, (_, start, offset) =>
      JSON.stringify(['f', 'index.json', start - 512, offset - 512]).replace(']', ','),
    );
    await writeFile(record, signed(moved));
    assert.deepEqual(await look(memoryWith()), expected);
    assert.equal(
      bodyOf(await readFile(record)).includes('sameHalves'),
      false,
      'nor is what was noted with it believed',
    );
    assert.deepEqual(await look(memoryWith()), expected);
    assert.deepEqual(await readFile(record), written);
  });

  it('may be looked up and kept by many at once', async () => {
    const expected = await look(undefined);
    const looks = await Promise.all(Array.from({ length: 8 }, () => look(memoryWith())));
    for (const seen of looks) assert.deepEqual(seen, expected);
    await recordPath();
    assert.deepEqual(await look(memoryWith()), expected);
  });

  it('is done without where nothing can be kept', async () => {
    const expected = await look(undefined);
    await writeFile(path('file'), '');
    const places = [
      path('file/archives'),
      ...(process.platform === 'linux' ? ['/proc/lading/archives'] : []),
    ];
    for (const directory of places) {
      assert.deepEqual(await look(memoryWith({ directory })), expected);
    }
  });

  it('is done without where its folder may be read only', async function () {
    needs(this, 'a user other than root');
    const expected = await look(undefined);
    await mkdir(path('cache/lading/archives'), { recursive: true });
    await chmod(path('cache/lading/archives'), 0o500);
    assert.deepEqual(await look(memoryWith()), expected);
    assert.deepEqual(await recordNames(), []);
  });

  it('takes little room: the oldest goes, and nothing that is no record', async () => {
    const { directory } = memoryWith();
    await mkdir(directory, { recursive: true });
    const [large, recent] = ['7-12', '7-13'];
    for (const [name, bytes, time] of [
      ['notes', MIB, 500],
      ['7-11', MIB, 1000],
      [large, 63 * MIB, 2000],
      [recent, MIB / 2, 3000],
    ] as const) {
      const file = await open(join(directory, name), 'w');
      await file.truncate(bytes);
      await file.close();
      await utimes(join(directory, name), time, time);
    }
    await look(memoryWith());
    const { dev, ino } = await stat(archive);
    assert.deepEqual((await recordNames()).sort(), [`${dev}-${ino}`, large, recent, 'notes'].sort());
  });
});

/** The record that a program of the tests' version would have written. */
function signed(body: string): string {
  return `lading 1.2.3, archive, ${digestOf(Buffer.from(body))}\n${body}`;
}

function bodyOf(record: Buffer): string {
  return record.subarray(record.indexOf('\n') + 1).toString();
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
