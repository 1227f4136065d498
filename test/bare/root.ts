import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { leaveOut, needs } from '../support/needs.js';
import { startDaemon } from '../support/programs/daemon.js';
import { nodeProgram, npmPackage } from '../support/programs/npm-package.js';
import { type Outcome, run, succeed } from '../support/programs/run.js';
import { testCache } from '../support/programs/test-cache.js';
import { temporaryFolder } from '../support/programs/workplace.js';

/** A folder whose path has a space, letters beyond ASCII, and what URLs and shells read otherwise. */
export const ODD_FOLDER = "/srv/mon dossier (été) 100%25 #1 'x'";

const HOLD = fileURLToPath(new URL('hold.sh', import.meta.url));

export type Release = 'bookworm' | 'trixie';

export interface BareRootOptions {
  release: Release;
  /** The versions of Node.js, and of npm, which is JavaScript alone; by default there is neither. */
  node?: { version: string; npm: string };
  /** Without, there is a loopback interface and nothing else, so that nothing outside can be reached. */
  network: boolean;
}

/** A Debian with its essential packages, perhaps Node.js, and with nothing else. */
export interface BareRoot {
  /** Where its files lie. */
  readonly path: string;
  /** Puts before a command what runs it outside of the root, but on the root's network. */
  readonly beside: readonly string[];
  /** Runs a line of shell in the root. Nobody can write to their home. */
  run(user: 'root' | 'someone', line: string, cwd?: string): Promise<Outcome>;
  /** Ends what runs in it and removes its files, which are more than the end of a run has time for. */
  remove(): Promise<void>;
}

/** Makes a root; skips the test, saying why, where that cannot be done. */
export async function makeBareRoot(context: Context, options: BareRootOptions): Promise<BareRoot> {
  const base = await baseOf(context, options.release);
  const path = await temporaryFolder(`root-${options.release}`);
  await succeed('tar', ['-C', path, '-xpf', base]);
  if (options.node !== undefined) await addNode(context, path, options.node);
  await succeed('chroot', [path, 'useradd', '--create-home', 'someone']);
  if (options.network) await copyNetworkSettings(path);

  const ready = join(path, 'ready');
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', ...(options.network ? [] : ['--net'])];
  // The kernel ends it with this process, even when that is killed.
  const unshare = ['--pdeathsig', 'KILL', 'unshare', ...namespaces, 'sh', HOLD, path];
  const { pid, stop } = await startDaemon('setpriv', unshare, {
    ready: async () => existsSync(ready),
  });
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const inside = ['nsenter', '--target', children.trim(), '--mount', '--pid', '--net'];
  return {
    path,
    beside: ['nsenter', '--target', children.trim(), '--net'],
    run(user, line, cwd = '/tmp') {
      const seed = process.env.LADING_PROPERTY_SEED;
      const home = user === 'root' ? '/root' : `/home/${user}`;
      const environment = [
        // dpkg wants the programs of root.
        `PATH=/usr/local/bin:/usr/bin:/bin${user === 'root' ? ':/usr/sbin:/sbin' : ''}`,
        ...['LANG=C.UTF-8', `HOME=${home}`, 'CI=true'],
        // npm writes its cache into the home, and fails without one.
        `npm_config_cache=/tmp/npm-${user}`,
        ...(seed === undefined ? [] : [`LADING_PROPERTY_SEED=${seed}`]),
        ...(options.network ? trustOf(process.env).map(([name, file]) => `${name}=${file}`) : []),
      ];
      const [command = '', ...args] = [
        ...[...inside, 'chroot', `--userspec=${user}:${user}`, path, 'env', '-i', ...environment],
        ...['sh', '-ec', 'cd "$0" && eval "$1"', cwd, line],
      ];
      return run(command, args, { env: { PATH: process.env.PATH }, timeout: 800_000 });
    },
    async remove() {
      await stop();
      await rm(path, { recursive: true });
    },
  };
}

/** An outcome that has to be a success; else what it printed is shown, without the tests that passed. */
export function passed(outcome: Outcome): Outcome {
  const lines = `${outcome.stdout}\n${outcome.stderr}`.split('\n').filter((line) => !line.includes('✔'));
  assert.equal(outcome.code, 0, lines.slice(-500).join('\n'));
  return outcome;
}

/** A tar of the essential packages, made at first need and kept for later runs. */
async function baseOf(context: Context, release: Release): Promise<string> {
  const base = testCache('roots', `${release}.tar`);
  needs(context, 'root', 'debootstrap', 'ip');
  if (existsSync(base)) return base;
  await mkdir(dirname(base), { recursive: true });
  const partial = await mkdtemp(`${base}-`);
  try {
    const files = join(partial, 'files');
    const mirror = await debianMirror();
    const { code, stdout } = await run('debootstrap', ['--variant=minbase', release, files, ...mirror]);
    if (code !== 0)
      leaveOut(context, "Debian's packages", `debootstrap: ${stdout.trim().split('\n').at(-1)}`);
    const tar = join(partial, 'tar');
    await succeed('tar', ['-C', files, '--exclude=./dev/*', '--exclude=./var/cache/apt/*', '-cf', tar, '.']);
    await rename(tar, base);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return base;
}

/** Where this machine has its packages from, if it is a Debian; else debootstrap knows a place. */
async function debianMirror(): Promise<string[]> {
  const query = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian'];
  const { stdout } = await run('apt-get', query).catch(() => ({ stdout: '' }));
  return stdout.split('\n').filter(Boolean).slice(0, 1);
}

async function addNode(
  context: Context,
  path: string,
  { version, npm }: { version: string; npm: string },
): Promise<void> {
  const local = join(path, 'usr/local');
  await copyFile(await nodeProgram(context, version), join(local, 'bin/node'));
  await cp(await npmPackage(context, 'npm', npm), join(local, 'lib/node_modules/npm'), { recursive: true });
  for (const name of ['npm', 'npx'])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name));
}

/** What npm needs to reach its registry as it does on this machine. */
async function copyNetworkSettings(path: string): Promise<void> {
  await copyFile('/etc/resolv.conf', join(path, 'etc/resolv.conf'));
  await copyFile('/etc/hosts', join(path, 'etc/hosts'));
  const lines: string[] = [];
  for (const name of ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy']) {
    const value = await succeed('npm', ['config', 'get', name]);
    if (!['', 'null', 'undefined'].includes(value)) lines.push(`${name}=${value}`);
    if (name === 'cafile') await copyInto(path, value);
  }
  await mkdir(join(path, 'usr/local/etc'), { recursive: true });
  await writeFile(join(path, 'usr/local/etc/npmrc'), `${lines.join('\n')}\n`);
  for (const [, file] of trustOf(process.env)) await copyInto(path, file);
}

async function copyInto(path: string, file: string): Promise<void> {
  if (!existsSync(file)) return;
  await mkdir(dirname(join(path, file)), { recursive: true });
  await copyFile(file, join(path, file));
}

/** The variables that name authorities whom programs trust on this machine. */
function trustOf(environment: NodeJS.ProcessEnv): [name: string, file: string][] {
  return ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].flatMap((name) => {
    const file = environment[name];
    return file === undefined ? [] : [[name, file]];
  });
}
