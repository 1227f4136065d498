import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { needs } from '../support/needs.js';
import { debianPackage } from '../support/programs/executable.js';
import { run, succeed } from '../support/programs/run.js';
import { type Terminal, useTerminals } from '../support/programs/terminal.js';
import { type BareRoot, makeBareRoot, passed } from './root.js';

/** The packages that a Debian always has, and that the executable may need libraries of. */
const LIBRARIES = ['libc6', 'libgcc-s1', 'libstdc++6'];
/** lading, Node.js, a library that is a part of it, and a package of npm. */
const LICENSED = [/Apache License/, /Node\.js is licensed/, /V8, located at deps/, /^yargs \d/m];
const BASH = '/usr/share/bash-completion/completions/lading';
const ZSH = '/usr/share/zsh/vendor-completions';
const FISH = '/usr/share/fish/vendor_completions.d/lading.fish';

describe('the package for Debian 12, without Node.js and without a network', () => {
  let root: BareRoot;
  let files: string[];
  const terminal = useTerminals();

  before(async function () {
    const file = await debianPackage(this);
    root = await makeBareRoot(this, { release: 'bookworm', network: false });
    await copyFile(file, join(root.path, 'srv', basename(file)));
    files = await allFiles();
  });
  after(() => root?.remove());

  const shell = async (line: string): Promise<string> => passed(await root.run('root', line)).stdout;
  /** All files of the root but those where dpkg keeps its books. */
  const allFiles = async (): Promise<string[]> =>
    (await shell('find / -xdev -path /proc -prune -o -path /var/lib/dpkg -prune -o -print'))
      .split('\n')
      .filter((path) => !/^\/(tmp|var\/log|var\/cache)\//.test(path))
      .sort();

  it('is installed by dpkg -i, which misses nothing', async () => {
    await shell('dpkg -i /srv/lading_*.deb');
    assert.equal(await shell('dpkg --verify lading; dpkg --audit'), '');
    assert.match(passed(await root.run('someone', 'lading --version')).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('needs no libraries but those of the packages that it names', async () => {
    const libraries = (await shell('ldd /usr/bin/lading')).matchAll(/=> (\/\S+)/g);
    const owners = new Set<string>();
    for (const [, path = ''] of libraries) {
      // Debian 12 has /lib as a link to /usr/lib, and dpkg knows some libraries by the one name, some by the other.
      const [owner = ''] = (await shell(`dpkg -S ${path} || dpkg -S /usr${path}`)).split(':');
      owners.add(owner);
    }
    assert.deepEqual([...owners].sort(), LIBRARIES);
    const [, depends = ''] = /^Depends: (.*)$/m.exec(await shell('dpkg --status lading')) ?? [];
    assert.deepEqual(
      depends.split(', ').map((dependency) => dependency.split(' ')[0]),
      LIBRARIES,
    );
  });

  it('has the licenses of all that is in the executable', async () => {
    const texts = await shell(
      'cd /usr/share/doc/lading; cat copyright NODE-LICENSE.txt THIRD-PARTY-NOTICES.txt',
    );
    for (const part of LICENSED) assert.match(texts, part);
  });

  it('has a man page for each command, which man finds and shows', async function () {
    needs(this, 'man', 'mandoc');
    const { commands } = JSON.parse(await shell('lading help --json')) as { commands: { name: string }[] };
    assert.ok(commands.length > 5);
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', MANWIDTH: '80', MANPAGER: 'cat' };
    const pages = join(root.path, 'usr/share/man');
    for (const name of ['lading', ...commands.map((command) => `lading-${command.name}`)]) {
      const { code, stdout, stderr } = await run('man', ['--warnings', '-M', pages, name], { env });
      assert.deepEqual([code, stderr], [0, ''], name);
      assert.match(plain(stdout), new RegExp(`^NAME\\n +${name} +- `, 'm'));
      const page = join(pages, 'man1', `${name}.1.gz`);
      const { stdout: complaints } = await run('sh', ['-c', 'zcat "$0" | mandoc -T lint -W warning', page]);
      // Nothing of the clock is in the pages.
      assert.doesNotMatch(complaints, /^(?!.*WARNING: missing date)./m, name);
    }
    const save = plain(await succeed('man', ['-M', pages, 'lading-save'], { env }));
    assert.match(save, /--with-program/);
  });

  it('completes commands, flags and choices in bash', async function () {
    needs(this, 'tmux');
    const bash = await terminal(['chroot', root.path, 'bash', '--norc', '--noprofile', '-i'], {
      columns: 120,
    });
    await isReady(bash);
    await type(bash, `PS1='$ '; source ${BASH}`, 'Enter');
    await completes(bash);
  });

  it('completes commands, flags and choices in zsh', async function () {
    needs(this, 'tmux', 'zsh');
    const zsh = await terminal(['zsh', '-f', '-i'], { columns: 120 });
    await isReady(zsh);
    await type(zsh, `PS1='$ '; fpath=('${root.path}${ZSH}' $fpath); autoload -U compinit; compinit -u -D`);
    await zsh.press('Enter');
    await completes(zsh);
  });

  it('completes commands, flags and choices in fish', async function () {
    needs(this, 'fish');
    const env = { PATH: process.env.PATH, HOME: join(root.path, 'tmp'), LC_ALL: 'C.UTF-8' };
    for (const [begun, whole] of COMPLETED) {
      const line = `source ${root.path}${FISH}; complete --do-complete '${begun}'`;
      const offered = await succeed('fish', ['--no-config', '-c', line], { env });
      assert.deepEqual(
        offered.split('\n').map((offer) => offer.split('\t')[0]),
        [whole.split(' ').at(-1)],
      );
    }
  });

  it('is removed by dpkg -r, which leaves nothing', async () => {
    await shell('dpkg -r lading');
    assert.deepEqual(await allFiles(), files);
    assert.match((await root.run('root', 'dpkg -s lading')).stderr, /not installed/);
  });
});

/** What is typed, and what it is after the key for completion. */
const COMPLETED = [
  ['lading verif', 'lading verify'],
  ['lading save --appen', 'lading save --append'],
  ['lading convert a.tar --to sche', 'lading convert a.tar --to schema1'],
  ['lading save --format=doc', 'lading save --format=docker-archive'],
  ['lading help verif', 'lading help verify'],
] as const;

/** Waits for a prompt: what is typed before would not be read by the shell's editor. */
async function isReady(shell: Terminal): Promise<void> {
  const last = await shell.until(
    (lines) => lines.at(-1) ?? '',
    (line) => /[#$%]$/.test(line),
  );
  assert.match(last, /[#$%]$/);
}

async function completes(shell: Terminal): Promise<void> {
  await shell.until(
    (lines) => lines.at(-1),
    (line) => line === '$',
  );
  for (const [begun, whole] of COMPLETED) {
    await type(shell, begun, 'Tab');
    const isThere = (lines: string[]) => lines.findLast((line) => line.startsWith('$ '))?.slice(2);
    assert.equal((await shell.until(isThere, (line) => line === whole))?.trim(), whole);
    await shell.press('C-u');
  }
}

async function type(shell: Terminal, ...keys: string[]): Promise<void> {
  for (const key of keys) await shell.press(key);
}

/** Without the backspaces that bold letters are made with. */
function plain(page: string): string {
  return page.replace(/.[\b]/g, '');
}
