import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { chmod, link, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { writeMap } from '../../src/operations/write-map.js';
import { needs } from '../support/needs.js';
import { MALLORY, plantFile, plantLink } from '../support/planting.js';
import { useFolder } from '../support/temporary.js';

const IMAGES = [
  {
    name: 'docker.io/library/a:1',
    pushed: 'reg.test/library/a:1',
    digest: `sha256:${'0'.repeat(64)}` as const,
  },
];
const LINE = `docker.io/library/a:1\treg.test/library/a:1\tsha256:${'0'.repeat(64)}\n`;

describe('writeMap', () => {
  const path = useFolder();
  const map = () => readFile(path('map.txt'), 'utf8');
  beforeEach(() => writeFile(path('victim'), 'precious'));

  it('writes a line an image, with what the umask leaves of the mode', async function () {
    needs(this, 'file modes');
    const before = process.umask(0o027);
    try {
      await writeMap(path('map.txt'), IMAGES);
    } finally {
      process.umask(before);
    }
    assert.equal(await map(), LINE);
    assert.equal((await stat(path('map.txt'))).mode & 0o777, 0o640);
    assert.deepEqual((await readdir(path())).sort(), ['map.txt', 'victim']);
  });

  it("writes this user's file anew where it lies, by their own link too", async function () {
    needs(this, 'file modes');
    await writeFile(path('real.txt'), 'a longer map of an earlier run\n'.repeat(20));
    await chmod(path('real.txt'), 0o600);
    await symlink('real.txt', path('map.txt'));
    const { ino } = await stat(path('real.txt'));
    await writeMap(path('map.txt'), IMAGES);
    assert.equal(await map(), LINE);
    assert.ok((await lstat(path('map.txt'))).isSymbolicLink());
    const after = await stat(path('real.txt'));
    assert.deepEqual([after.ino, after.mode & 0o777], [ino, 0o600]);
  });

  it('writes to a pipe and to standard output, where the user means one', async function () {
    needs(this, 'mkfifo');
    execFileSync('mkfifo', [path('pipe')]);
    const read = text(createReadStream(path('pipe')));
    await writeMap(path('pipe'), IMAGES);
    assert.equal(await read, LINE);
  });

  it('gives a file with other names its place, and leaves what it is elsewhere', async () => {
    await link(path('victim'), path('map.txt'));
    await writeMap(path('map.txt'), IMAGES);
    assert.equal(await map(), LINE);
    assert.equal(await readFile(path('victim'), 'utf8'), 'precious');
  });

  it('says in one line what is in the way', async () => {
    await mkdir(path('map.txt'));
    await assert.rejects(writeMap(path('map.txt'), IMAGES), { code: 'NOT_WRITABLE', message: /map\.txt/ });
    await assert.rejects(writeMap(path('missing/map.txt'), IMAGES), {
      code: 'NOT_WRITABLE',
      message: /map\.txt/,
    });
  });

  it("writes nothing by what another user has put there, and replaces another user's file", async function () {
    needs(this, 'root', 'mkfifo');
    await plantLink(path('map.txt'), 'victim');
    await assert.rejects(writeMap(path('map.txt'), IMAGES), {
      message: new RegExp(`map\\.txt is a symbolic link of uid ${MALLORY}`),
    });
    assert.equal(await readFile(path('victim'), 'utf8'), 'precious');
    await plantFile(path('theirs'), '');
    await writeMap(path('theirs'), IMAGES);
    assert.deepEqual([await readFile(path('theirs'), 'utf8'), (await stat(path('theirs'))).uid], [LINE, 0]);
    execFileSync('mkfifo', [path('pipe')]);
    execFileSync('chown', [String(MALLORY), path('pipe')]);
    await assert.rejects(writeMap(path('pipe'), IMAGES), { message: /a pipe of uid/ });
  });
});
