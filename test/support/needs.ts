import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import Mocha, { type Context, type Runnable } from 'mocha';

/** The programs that tests run, with the Debian package of each. */
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
  ip: 'iproute2',
  curl: 'curl',
} as const;

export type Program = keyof typeof PACKAGES;

/** What else a test may need of the machine. Each is looked for when the first test asks. */
const CONDITIONS = {
  root: () => process.getuid?.() === 0,
  // Root may write everywhere, so nothing is read-only for it.
  'a user other than root': () => process.getuid !== undefined && process.getuid() !== 0,
  // Elsewhere there is no /proc, which has the start time of a process and its open files.
  Linux: () => process.platform === 'linux',
  'file modes': () => process.platform !== 'win32',
  'GNU tar': () => /GNU tar/.test(spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout ?? ''),
} as const;

export type Need = Program | keyof typeof CONDITIONS;

/** Set by `.ci/run`: a missing program fails the run instead of leaving tests out. */
const required = process.env.LADING_INTEROP_REQUIRE === '1';

/**
 * Skips the test, or in a `before` hook the whole suite, unless all of `needed` is here. This is the only way
 * to skip: what was missing is counted in the summary at the end of the run.
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

/** Skips as `needs` does, for something that only the test itself can look for. */
export function leaveOut(context: Context, need: string, details = ''): never {
  if (required) throw new Error(`LADING_INTEROP_REQUIRE=1, but this needs ${need}: ${details}`);
  return leaveOutAlways(context, need);
}

/** Skips even in a run that requires its programs: for what cannot be had by installing a package. */
export function leaveOutAlways(context: Context, need: string): never {
  // The summary finds the need between the last brackets of the title.
  const plain = need.replace(/[()]/g, ' ');
  for (const runnable of skippedBy(context)) runnable.title += ` (needs ${plain})`;
  return context.skip();
}

/** Whether a program is found in `PATH`. */
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

/** What the title of a skipped test says that it needs; the title crosses the processes of `--parallel`. */
export function needOf(title: string): string | undefined {
  return /\(needs ([^()]+)\)$/.exec(title)?.[1];
}

function isHere(need: Need): boolean {
  return isProgram(need) ? isInstalled(need) : CONDITIONS[need]();
}

function isProgram(need: Need): need is Program {
  return need in PACKAGES;
}

/** The tests that mocha does not run when `context` skips: a hook before all skips those of its suite. */
function skippedBy({ test: running, currentTest }: Context): Titled[] {
  if (running instanceof Mocha.Test) return [running];
  // In a hook before all, the current test is the first of the suite.
  if (currentTest !== undefined && running?.title.startsWith('"before each"')) return [currentTest];
  const tests: Titled[] = [];
  running?.parent?.eachTest((test) => tests.push(test));
  return tests;
}

type Titled = Pick<Runnable, 'title'>;
