import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import Mocha, { type Context, type Runnable } from 'mocha';

/** The programs that tests run, with their Debian packages. */
const PACKAGES = {
  'docker-registry': 'docker-registry',
  htpasswd: 'apache2-utils',
  openssl: 'openssl',
  docker: 'docker.io',
  dockerd: 'docker.io',
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  time: 'time',
  podman: 'podman',
  buildah: 'buildah',
  skopeo: 'skopeo',
  umoci: 'umoci',
  mkfifo: 'coreutils',
  xz: 'xz-utils',
  debootstrap: 'debootstrap',
  'dpkg-deb': 'dpkg',
  ip: 'iproute2',
  curl: 'curl',
  tmux: 'tmux',
  script: 'bsdutils',
  zsh: 'zsh',
  fish: 'fish',
  man: 'man-db',
  mandoc: 'mandoc',
  zstd: 'zstd',
  parallel: 'parallel',
  haproxy: 'haproxy',
  nginx: 'nginx-light',
  'qemu-aarch64-static': 'qemu-user-static',
} as const;

export type Program = keyof typeof PACKAGES;

/** Other needs of tests. Each is checked when the first test asks for it. */
const CONDITIONS = {
  root: () => process.getuid?.() === 0,
  // Root may write everywhere, so no file is read-only for it.
  'a user other than root': () => process.getuid !== undefined && process.getuid() !== 0,
  // Only Linux has /proc, with the start times of processes and their open files.
  Linux: () => process.platform === 'linux',
  'file modes': () => process.platform !== 'win32',
  'GNU tar': () => /GNU tar/.test(spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout ?? ''),
} as const;

export type Need = Program | keyof typeof CONDITIONS;

/** Set by `.ci/run`: a missing program fails the run instead of skipping tests. */
const required = process.env.LADING_INTEROP_REQUIRE === '1';

/**
 * Skips the test, or in a `before` hook the whole suite, if any of `needed` is missing. Tests are skipped only by this
 * function, so that the summary at the end of the run can count what is missing.
 */
export function needs(context: Context, ...needed: Need[]): void {
  const missing = needed.filter((need) => !isHere(need));
  const [first] = missing;
  if (first === undefined) return;
  const packages = missing.filter(isProgram).map((program) => PACKAGES[program]);
  if (required && packages.length > 0)
    throw new Error(`LADING_INTEROP_REQUIRE=1, but these packages are not installed: ${packages.join(', ')}`);
  leaveOut(context, missing.join(' and '));
}

/** Skips like `needs`, for something that only the test itself can check. */
export function leaveOut(context: Context, need: string, details = ''): never {
  if (required) throw new Error(`LADING_INTEROP_REQUIRE=1, but this needs ${need}: ${details}`);
  return leaveOutAlways(context, need);
}

/** Skips even in a run that requires its programs, because no package provides what is missing. */
export function leaveOutAlways(context: Context, need: string): never {
  // The summary finds the need between the last brackets of the title.
  const plain = need.replace(/[()]/g, ' ');
  for (const runnable of skippedBy(context)) runnable.title += ` (needs ${plain})`;
  return context.skip();
}

/** True if a program is in `PATH`. */
export function isInstalled(program: Program): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Returns the need from the title of a skipped test: only titles are passed between the processes of `--parallel`. */
export function needOf(title: string): string | undefined {
  return /\(needs ([^()]+)\)$/.exec(title)?.[1];
}

function isHere(need: Need): boolean {
  return isProgram(need) ? isInstalled(need) : CONDITIONS[need]();
}

function isProgram(need: Need): need is Program {
  return need in PACKAGES;
}

/** Returns the tests that mocha does not run if `context` skips: a `before` hook skips all tests of its suite. */
function skippedBy({ test: running, currentTest }: Context): Titled[] {
  if (running instanceof Mocha.Test) return [running];
  // In a `before` hook, the current test is the first of the suite.
  if (currentTest !== undefined && running?.title.startsWith('"before each"')) return [currentTest];
  const tests: Titled[] = [];
  running?.parent?.eachTest((test) => tests.push(test));
  return tests;
}

type Titled = Pick<Runnable, 'title'>;
