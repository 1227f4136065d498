import assert from 'node:assert/strict';
import { chmod, chown, link, lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import {
  createTemporaryFile,
  isOwnFile,
  openOwnFile,
  readOwnFile,
  requireNoStranger,
  type Traits,
  whyUnsafe,
} from '../../src/disk/own-file.js';
import { needs } from '../support/needs.js';
import { MALLORY, PLANTS, plantFile, plantLink } from '../support/planting.js';
import { useFolder } from '../support/temporary.js';

describe('a file whose name others can guess', () => {
  const path = useFolder();
  beforeEach(() => writeFile(path('victim'), 'precious'));

  it('is made when it is not there, with what the umask leaves of its mode', async function () {
    needs(this, 'file modes');
    const before = process.umask(0o027);
    try {
      await (await openOwnFile(path('file'))).close();
      await (await openOwnFile(path('secret'), { mode: 0o600 })).close();
    } finally {
      process.umask(before);
    }
    assert.equal((await stat(path('file'))).mode & 0o777, 0o640);
    assert.equal((await stat(path('secret'))).mode & 0o777, 0o600);
    await assert.rejects(openOwnFile(path('missing'), { create: false }), { code: 'ENOENT' });
  });

  it('is gone on with when this user has left it', async () => {
    await writeFile(path('file'), 'begun');
    const file = await openOwnFile(path('file'), { append: true });
    await file.appendFile(', done');
    await file.close();
    assert.equal(await readFile(path('file'), 'utf8'), 'begun, done');
  });

  it('is made by one of many at once, who all have it then', async () => {
    const files = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => openOwnFile(path('file'))));
    const inodes = new Set(await Promise.all(files.map(async (file) => (await file.stat()).ino)));
    assert.equal(inodes.size, 1);
    await Promise.all(files.map((file) => file.close()));
  });

  for (const [what, plant] of Object.entries(PLANTS)) {
    it(`is never ${what}, which is neither followed nor waited for`, async function () {
      needs(this, 'file modes', 'mkfifo');
      await plant(path('file'), path('victim'));
      const before = await lstat(path('file'));
      for (const create of [true, false]) {
        await assert.rejects(openOwnFile(path('file'), { create }), {
          name: 'UnsafeFileError',
          code: what === 'a hard link' ? 'NOT_WRITABLE' : 'ALREADY_EXISTS',
          message: /file (?:is a (?:symbolic link|pipe|socket|directory)|has several names \(hard links\)): /,
          hint: /^Remove it/,
        });
      }
      assert.equal(await readOwnFile(path('file'), 100), undefined);
      assert.equal((await lstat(path('file'))).ino, before.ino, 'nor taken away');
      assert.equal(await readFile(path('victim'), 'utf8'), 'precious');
    });
  }

  it('is never one that others may write to: they could go on doing so', async function () {
    needs(this, 'file modes');
    for (const mode of [0o620, 0o602, 0o666]) {
      await writeFile(path('file'), 'begun');
      await chmod(path('file'), mode);
      await assert.rejects(openOwnFile(path('file')), {
        code: 'NOT_WRITABLE',
        message: /may be written to by other users/,
      });
      assert.equal(await readOwnFile(path('file'), 100), undefined);
      assert.equal(await isOwnFile(path('file')), false);
    }
    await chmod(path('file'), 0o644);
    assert.deepEqual(await readOwnFile(path('file'), 100), Buffer.from('begun'));
    assert.equal(await readOwnFile(path('file'), 4), undefined, 'nor read when it is too long');
    assert.equal(await isOwnFile(path('file')), true);
  });

  it("is never another user's, who is named", async function () {
    needs(this, 'root');
    for (const mode of [0o666, 0o600]) {
      await plantFile(path(`file-${mode}`), 'theirs', mode);
      await assert.rejects(openOwnFile(path(`file-${mode}`)), {
        code: 'NOT_WRITABLE',
        message: new RegExp(`file-${mode} belongs to uid ${MALLORY}: `),
        hint: /^Ask that user/,
      });
      assert.equal(await readOwnFile(path(`file-${mode}`), 100), undefined);
      assert.equal(await isOwnFile(path(`file-${mode}`)), false);
    }
    await plantLink(path('link'), path('victim'));
    await assert.rejects(openOwnFile(path('link')), {
      message: new RegExp(`symbolic link of uid ${MALLORY}`),
    });
    await chown(path('victim'), 0, 0);
    await chown(path(), 1, 1);
    await writeFile(path('daemons'), '');
    await chown(path('daemons'), 1, 1);
    await assert.rejects(openOwnFile(path('daemons')), { message: /daemons belongs to daemon \(uid 1\)/ });
  });

  it('leaves nothing where it compares with a file that is made there', async () => {
    await link(path('victim'), path('file'));
    await assert.rejects(openOwnFile(path('file')));
    assert.deepEqual((await readdir(path())).sort(), ['file', 'victim']);
  });

  it('grows under a name of its own where the usual one is taken by what cannot be removed', async () => {
    await writeFile(path('index.json.tmp'), 'of a process that was killed');
    const usual = await createTemporaryFile(path('index.json'), { alone: true });
    await usual.file.close();
    assert.deepEqual([usual.path, (await stat(usual.path)).size], [path('index.json.tmp'), 0]);
    const other = await createTemporaryFile(path('index.json'), { alone: false });
    await other.file.close();
    assert.match(other.path, /index\.json\.[0-9a-f-]{36}\.tmp$/);
  });

  for (const [what, plant] of Object.entries(PLANTS)) {
    it(`grows in no place of ${what}`, async function () {
      needs(this, 'file modes', 'mkfifo');
      await plant(path('index.json.tmp'), path('victim'));
      const { file, path: made } = await createTemporaryFile(path('index.json'), { alone: true });
      await file.writeFile('{}');
      await file.close();
      assert.equal(made === path('index.json.tmp'), what !== 'a folder');
      assert.equal(await readFile(made, 'utf8'), '{}');
      assert.equal(await readFile(path('victim'), 'utf8'), 'precious');
    });
  }
});

describe('whyUnsafe', () => {
  const uid = process.geteuid?.() ?? 0;
  const found = (traits: Partial<Traits>) => ({
    isFile: () => true,
    uid,
    mode: 0o100644,
    nlink: 1,
    ...traits,
  });
  const looks = (traits: Partial<Traits>) => async (): Promise<Traits> => ({
    uid,
    mode: 0o100644,
    nlink: 1,
    ...traits,
  });

  it('does not ask what a new file looks like of one that looks usual', async () => {
    assert.equal(await whyUnsafe(found({}), () => assert.fail('was asked')), undefined);
  });

  it('takes what looks like a new file: file systems without owners or modes, shares that map them', async function () {
    needs(this, 'file modes');
    const fat = { mode: 0o100777, uid: uid + 1 };
    const squashed = { uid: 65534 };
    for (const traits of [fat, squashed, { mode: 0o100664 }, { nlink: 2 }])
      assert.equal(await whyUnsafe(found(traits), looks(traits)), undefined);
  });

  it('refuses what looks otherwise than a new file, or where none can be made', async function () {
    needs(this, 'file modes');
    const usual = looks({});
    const nothing = async () => undefined;
    for (const made of [usual, nothing]) {
      assert.equal(await whyUnsafe(found({ uid: uid + 1 }), made), 'another owner');
      assert.equal(await whyUnsafe(found({ nlink: 2 }), made), 'several names');
      assert.equal(await whyUnsafe(found({ mode: 0o100666 }), made), 'writable by others');
    }
    assert.equal(await whyUnsafe(found({ uid: 7 }), looks({ uid: 65534 })), 'another owner');
    assert.equal(await whyUnsafe({ ...found({}), isFile: () => false }, usual), 'not a file');
  });
});

describe('requireNoStranger', () => {
  const path = useFolder();

  it('lets what this user, root or the owner of the folder has put there be', async function () {
    needs(this, 'root');
    await assert.doesNotReject(requireNoStranger(path('missing')));
    await symlink('elsewhere', path('link'));
    await assert.doesNotReject(requireNoStranger(path('link')));
    await assert.doesNotReject(requireNoStranger('/dev/stdout'));
    await plantFile(path('theirs'), '');
    await assert.rejects(requireNoStranger(path('theirs')), { name: 'UnsafeFileError' });
    await chown(path(), MALLORY, MALLORY);
    await assert.doesNotReject(requireNoStranger(path('theirs')));
  });

  it('refuses what anybody else has, and says what it is and whose', async function () {
    needs(this, 'root');
    await plantLink(path('link'), '/etc/passwd');
    await assert.rejects(requireNoStranger(path('link')), {
      name: 'UnsafeFileError',
      message: new RegExp(`link is a symbolic link of uid ${MALLORY}: nothing is written to it`),
    });
    await plantFile(path('theirs'), '');
    await assert.rejects(requireNoStranger(path('theirs')), {
      message: new RegExp(`theirs is a file of uid ${MALLORY}`),
    });
  });
});
