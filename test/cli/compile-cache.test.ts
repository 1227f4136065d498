import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, stat, symlink, utimes } from 'node:fs/promises';
import module from 'node:module';
import { keepCompiledCode } from '../../src/cli/compile-cache.js';
import { useFolder } from '../support/temporary.js';
import { runLading } from './program.js';

const BUILD = '0123456789ab';
const VARIABLES = ['XDG_CACHE_HOME', 'NODE_COMPILE_CACHE', 'NODE_DISABLE_COMPILE_CACHE'] as const;

describe('the compiled code of the program', () => {
  const path = useFolder();
  const kept = (name = `${BUILD}-${process.version}`) => path(`cache/lading/compiled/${name}`);
  const before = VARIABLES.map((name) => [name, process.env[name]] as const);

  beforeEach(() => {
    for (const name of VARIABLES) delete process.env[name];
    process.env.XDG_CACHE_HOME = path('cache');
  });
  after(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  /** The folders that Node.js is asked to keep it in. */
  function asked(): string[] {
    const folders: string[] = [];
    keepCompiledCode(BUILD, (folder) => folders.push(folder));
    return folders;
  }

  it('is kept in a folder of the cache, one for each build and each Node.js, that only its user can enter', async () => {
    assert.deepEqual(asked(), [kept()]);
    for (const folder of [kept(), path('cache/lading/compiled'), path('cache/lading')])
      assert.equal((await stat(folder)).mode & 0o777, 0o700, folder);
    assert.deepEqual(asked(), [kept()]);
  });

  it('is not kept where somebody else could change it', async () => {
    asked();
    for (const folder of [kept(), path('cache/lading/compiled'), path('cache')]) {
      const { mode } = await stat(folder);
      for (const other of [0o722, 0o720]) {
        await chmod(folder, other);
        assert.deepEqual(asked(), [], folder);
      }
      await chmod(folder, mode);
    }
    assert.deepEqual(asked(), [kept()]);
  });

  it('is not kept through a link into a folder that somebody else could change', async () => {
    await mkdir(path('shared/code'), { recursive: true });
    await chmod(path('shared'), 0o777);
    await mkdir(path('cache/lading/compiled'), { recursive: true });
    await symlink(path('shared/code'), kept());
    assert.deepEqual(asked(), []);
  });

  it('is not kept if the user does not want it, or has another folder for it', () => {
    process.env.NODE_DISABLE_COMPILE_CACHE = '1';
    assert.deepEqual(asked(), []);
    delete process.env.NODE_DISABLE_COMPILE_CACHE;
    process.env.NODE_COMPILE_CACHE = path('elsewhere');
    assert.deepEqual(asked(), []);
  });

  it('is not kept for a user without a home, which is not created', async () => {
    process.env.XDG_CACHE_HOME = path('no-home/cache');
    assert.deepEqual(asked(), []);
    assert.deepEqual(await readdir(path()), []);
  });

  it('is removed when newer versions were used, except for the two before', async () => {
    const old = ['1', '2', '3', '4'].map((digit) => `${digit.repeat(12)}-v22.1.0`);
    for (const [index, name] of [...old, 'records'].entries()) {
      await mkdir(kept(name), { recursive: true });
      await utimes(kept(name), index + 1, index + 1);
    }
    assert.deepEqual(asked(), [kept()]);
    const left = await readdir(path('cache/lading/compiled'));
    assert.deepEqual(
      left.sort(),
      [BUILD, ...old.slice(2)]
        .map((name) => (name === BUILD ? `${BUILD}-${process.version}` : name))
        .concat('records'),
    );
  });

  it('is found again by the program, where its Node.js can keep it', async () => {
    const env = { XDG_CACHE_HOME: path('cache') };
    for (let run = 0; run < 2; run++) {
      const { code } = await runLading(['login', '--help'], { env });
      assert.equal(code, 0);
    }
    const files = await readdir(path(), { recursive: true, withFileTypes: true });
    const kept = files.filter((file) => file.isFile()).length;
    if ('enableCompileCache' in module) assert(kept > 5 && kept < 60, `${kept} files`);
    else assert.equal(files.length, 0);
  });

  it('changes nothing for the program if there is no place for it', async () => {
    const usual = await runLading(['login', '--help']);
    assert.equal(usual.code, 0);
    for (const place of ['/dev/null', '/proc/lading', path('none/none')]) {
      const outcome = await runLading(['login', '--help'], { env: { XDG_CACHE_HOME: place } });
      assert.deepEqual(outcome, usual, place);
    }
  });
});
