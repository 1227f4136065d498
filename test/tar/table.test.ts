import assert from 'node:assert/strict';
import { appendFile, chmod, copyFile, open, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileView } from '../../src/disk/files.js';
import type { TarEntry } from '../../src/tar/entry.js';
import { openTar, type TarFiles } from '../../src/tar/read.js';
import { formatTable, parseTable, type TarTable } from '../../src/tar/table.js';
import { fixturePath } from '../support/fixtures.js';
import { makeTar, paxEntry } from '../support/tar-maker.js';
import { useFolder } from '../support/temporary.js';

const ARCHIVES = fixturePath('archives/');
const LONG = `folder/${'long'.repeat(30)}`;
const ENTRIES: Parameters<typeof makeTar> = [
  { name: 'folder/', type: '5' },
  paxEntry({ comment: 'of git archive' }, 'g'),
  { name: 'a', body: 'first' },
  paxEntry({ path: LONG }),
  { name: 'short', body: 'second' },
  { name: 'a', body: 'first' },
  { name: 'link', type: '1', linkName: 'a' },
  { name: 'device', type: '3' },
];

describe('a tar that is opened by the table of an earlier walk', () => {
  const path = useFolder();
  const opened: TarFiles[] = [];
  let table: TarTable;
  beforeEach(async () => {
    await writeFile(path('a.tar'), makeTar(...ENTRIES));
    table = (await openBy(undefined)).table();
  });
  afterEach(async () => {
    for (const tar of opened.splice(0)) await tar.close();
  });

  async function openBy(known: TarTable | undefined, archive = path('a.tar')): Promise<TarFiles> {
    const tar = await openTar(archive, { table: known });
    opened.push(tar);
    return tar;
  }

  /** Returns the table with each entry changed by `change`, or removed if it returns undefined. */
  const altered = (change: (entry: TarEntry) => TarEntry | undefined): TarTable => ({
    ...table,
    entries: table.entries.map(change).filter((entry) => entry !== undefined),
  });

  it('is not walked', async () => {
    const partial = await openBy(altered((entry) => (entry.path === LONG ? undefined : entry)));
    assert.deepEqual(
      (await partial.list()).map((file) => file.path),
      ['a', 'link'],
    );
    assert.equal((await partial.read('a', 10)).toString(), 'first');
  });

  it('gives what a walk gives, links, repeated names and refusals included', async () => {
    const walked = await contentOf(await openBy(undefined));
    const again = await openBy(parseTable(JSON.parse(JSON.stringify(formatTable(table)))));
    assert.deepEqual(await contentOf(again), walked);
    assert.deepEqual(Object.keys(walked), ['a', LONG, 'link']);
    await assert.rejects(again.read('device', 10), { code: 'INVALID_ARCHIVE', message: /is a device/ });
    assert.deepEqual(again.table(), table);
  });

  it('gives what a walk gives of the archives of real tools', async () => {
    const names = (await readdir(ARCHIVES)).filter((name) => name.endsWith('.tar'));
    assert.ok(names.length > 10);
    for (const name of names) {
      const archive = join(ARCHIVES, name);
      const walked = await openBy(undefined, archive);
      const known = parseTable(JSON.parse(JSON.stringify(formatTable(walked.table()))));
      assert.ok(known !== undefined, name);
      const again = await openBy(known, archive);
      assert.deepEqual(await contentOf(again), await contentOf(walked), name);
      assert.deepEqual(await again.folders(), await walked.folders(), name);
      assert.equal(again.table(), known, `${name} was walked`);
    }
  });

  it('is walked when anything of the file is another than it was', async () => {
    const { atime, mtime } = await stat(path('a.tar'));
    const rewrite = async (): Promise<void> => {
      const file = await open(path('a.tar'), 'r+');
      await file.write('FIRST', 2048);
      await file.close();
      await utimes(path('a.tar'), atime, mtime); // rounds mtime to milliseconds; ctime changes, too
    };
    const changes: (() => Promise<unknown>)[] = [
      () => chmod(path('a.tar'), 0o600),
      rewrite,
      () => appendFile(path('a.tar'), Buffer.alloc(512)),
      () => copyFile(path('a.tar'), path('b.tar')),
    ];
    const nothing = altered(() => undefined);
    assert.deepEqual(await (await openBy(nothing)).list(), []);
    for (const change of changes) {
      await change();
      const archive = path((await readdir(path())).at(-1));
      assert.equal((await (await openBy(nothing, archive)).list()).length, 3, String(change));
    }
  });

  it('is walked after all when no header stands where the table says', async () => {
    const wrong: ((entry: TarEntry & { kind: 'file' }) => TarEntry)[] = [
      (entry) => ({ ...entry, start: entry.start + 512, offset: entry.offset + 512 }),
      (entry) => ({ ...entry, offset: entry.offset + 1 }),
      (entry) => ({ ...entry, size: entry.size - 1 }),
      (entry) => ({ ...entry, start: entry.offset }),
      (entry) => ({ ...entry, start: 0 }),
      (entry) => ({ ...entry, start: Number(table.file.size) }),
      (entry) => ({ ...entry, path: `${entry.path}x` }),
    ];
    for (const change of wrong) {
      const tar = await openBy(altered((entry) => (entry.kind === 'file' ? change(entry) : entry)));
      const [, second] = await tar.list();
      const name = second?.path ?? '';
      const uses = await Promise.allSettled([tar.read(name, 10), tar.read(name, 10)]);
      const isRenamed = name !== LONG;
      for (const { status } of uses) assert.equal(status === 'rejected', isRenamed, String(change));
      assert.deepEqual(tar.table(), table, String(change));
      assert.deepEqual(await contentOf(tar), await contentOf(await openBy(undefined)));
    }
  });

  it('is walked when its index would take more memory than it may', async () => {
    await assert.rejects(openTar(path('a.tar'), { table, limits: { maxIndexBytes: 500 } }), {
      code: 'TOO_LARGE',
    });
  });
});

describe('parseTable', () => {
  const file = ['1', '2', '10000', '3', '4'];
  const isTable = (value: unknown): boolean => parseTable(value) !== undefined;

  it('takes what formatTable made', () => {
    const table: TarTable = {
      file: { dev: 1n, ino: 2n ** 64n - 1n, size: 10_000n, mtimeNs: -3n, ctimeNs: 4n },
      entries: [
        { kind: 'file', path: 'a/b', start: 0, offset: 512, size: 9000 },
        { kind: 'directory', path: 'a' },
        { kind: 'link', path: 'c', target: 'a/b' },
        { kind: 'refused', path: 'd', reason: 'is a device' },
      ],
      trailingBytes: 7,
    };
    assert.deepEqual(parseTable(JSON.parse(JSON.stringify(formatTable(table)))), table);
  });

  it('takes nothing else', () => {
    assert.ok(isTable({ file, entries: [['f', 'a', 0, 512, 9488]], trailingBytes: 0 }));
    const rows: unknown[] = [
      ['f', 'a', 0, 512, 9489],
      ['f', 'a', 0, -512, 1],
      ['f', 'a', 0.5, 512, 1],
      ['f', 'a', 0, '512', 1],
      ['f', 'a', 0, 512],
      ['f', '../a', 0, 512, 1],
      ['f', 'a//b', 0, 512, 1],
      ['f', '', 0, 512, 1],
      ['l', 'a', '/etc/passwd'],
      ['r', 'a'],
      ['x', 'a'],
      'f',
      null,
    ];
    for (const row of rows)
      assert.ok(!isTable({ file, entries: [row], trailingBytes: 0 }), JSON.stringify(row));
    for (const state of [undefined, [], file.slice(1), [1, 2, 3, 4, 5], ['1', '2', 'x', '3', '4']])
      assert.ok(!isTable({ file: state, entries: [], trailingBytes: 0 }), JSON.stringify(state));
    for (const value of [
      null,
      1,
      [],
      {},
      { file },
      { file, entries: {}, trailingBytes: 0 },
      { file, entries: [] },
    ])
      assert.ok(!isTable(value), JSON.stringify(value));
  });
});

async function contentOf(view: FileView): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const { path, size } of await view.list()) {
    assert.equal(await view.size(path), size);
    content[path] = (await view.read(path, size)).toString('base64');
  }
  return content;
}
