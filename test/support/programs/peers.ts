import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Context } from 'mocha';
import { leaveOutAlways } from '../needs.js';
import { goEnvironment, hasGo } from './go.js';
import { type Outcome, run, start, succeed } from './run.js';
import { testCache } from './test-cache.js';
import { temporaryFolder } from './workplace.js';

interface Peer {
  /** The argument of `go install`; the program has the name of the last part of the path. */
  path: string;
  /** Default: the newest release. */
  version?: string;
  /** Set if building takes minutes, so that a run builds it only within its time budget. */
  slow?: boolean;
  /** Set for what only `npm run test:peers` builds: an older release, or a program that another one stands for. */
  rare?: boolean;
  /** The module of the path, which `go install` refuses for what its `go.mod` says of itself alone. */
  module?: string;
}

/**
 * Go programs that users have next to lading, and services of buckets. They are built from source, because Debian does not have them. notation
 * is missing, because Go's public proxy does not have its module.
 */
const PEERS = {
  crane: { path: 'github.com/google/go-containerregistry/cmd/crane' },
  regctl: { path: 'github.com/regclient/regclient/cmd/regctl' },
  regsync: { path: 'github.com/regclient/regclient/cmd/regsync' },
  // The newest release that Go 1.26 builds.
  kustomize: { path: 'sigs.k8s.io/kustomize/kustomize/v5', version: 'v5.7.1' },
  oras: { path: 'oras.land/oras/cmd/oras' },
  versitygw: { path: 'github.com/versity/versitygw/cmd/versitygw', slow: true },
  helm: { path: 'helm.sh/helm/v3/cmd/helm', slow: true },
  rclone: { path: 'github.com/rclone/rclone', slow: true, rare: true },
  'cosign 3': { path: 'github.com/sigstore/cosign/v3/cmd/cosign', slow: true },
  // Its newest release that Go 1.26.8 builds.
  'docker compose': {
    path: 'github.com/docker/compose/v5/cmd',
    module: 'github.com/docker/compose/v5',
    version: 'v5.6.0',
    slow: true,
    rare: true,
  },
  'cosign 2': { path: 'github.com/sigstore/cosign/v2/cmd/cosign', slow: true, rare: true },
} satisfies Record<string, Peer>;

export type PeerName = keyof typeof PEERS;

/** Runs a peer with these arguments. */
export interface RunPeer {
  /** Runs it, requires success, and returns its standard output. */
  (...args: string[]): Promise<string>;
  /** The working directory. */
  folder: string;
  /** The path of the program. */
  program: string;
}

const MINUTE_MS = 60_000;
/** The time limit of a single build, also for tests that wait for it. */
const MOST_MS = 30 * MINUTE_MS;
/** The time that a build of less than a minute may take on a busy machine. */
const QUICK_MS = 5 * MINUTE_MS;

/** The remaining time of this run for slow builds. `npm run test:peers` has enough for all. */
let budgetMs = Number(process.env.LADING_PEERS_MINUTES ?? 12) * MINUTE_MS;

/**
 * Returns a peer, which is built from the newest release on first use, and kept for later runs. Skips the test with the
 * reason if Go is missing, its proxy does not have the module, or the time budget is used up.
 */
export async function peer(context: Context, name: PeerName): Promise<RunPeer> {
  context.timeout(MOST_MS + MINUTE_MS);
  const kept = await keptProgram(name);
  if ('missing' in kept) return leaveOutAlways(context, kept.missing);
  const { program } = kept;
  const folder = await temporaryFolder('peer');
  // No logins and settings of the user, cosign keys without a password, and no prompts.
  const env = { PATH: process.env.PATH, HOME: folder, COSIGN_PASSWORD: '', COSIGN_YES: 'true' };
  const runPeer = (...args: string[]) => succeed(program, args, { env, cwd: folder });
  return Object.assign(runPeer, { folder, program });
}

/** Builds all peers that the tests need and that are not built yet, so that no test has to wait. */
export async function buildPeers(print: (line: string) => void): Promise<void> {
  for (const name of Object.keys(PEERS) as PeerName[]) {
    const kept = await keptProgram(name);
    print('missing' in kept ? `without ${kept.missing}` : `${name}: ${kept.program}`);
  }
}

/**
 * Returns the program of a peer's newest release for the benchmark, which compares with nothing older. A kept program is
 * replaced if there is a newer release; if that cannot be built, it is used as it is.
 */
export async function newestPeer(name: PeerName): Promise<{ program: string } | { missing: string }> {
  const kept = await keptProgram(name);
  if ('missing' in kept || !(await isOutdated(kept.program))) return kept;
  const newest = await keptProgram(name, { anew: true });
  return 'program' in newest ? newest : kept;
}

/** Asks Go's proxy for the newest release of the module that a program was built from. */
async function isOutdated(program: string): Promise<boolean> {
  if (!(await hasGo())) return false;
  const env = goEnvironment();
  const facts = await succeed('go', ['version', '-m', program], { env });
  const [, module, version] = /^\tmod\t(\S+)\t(\S+)/m.exec(facts) ?? [];
  const asking = ['list', '-m', '-f', '{{.Version}}', `${module}@latest`];
  const { code, stdout } = await run('go', asking, { env, cwd: tmpdir() });
  return code === 0 && stdout.trim() !== version;
}

async function keptProgram(
  name: PeerName,
  { anew = false }: { anew?: boolean } = {},
): Promise<{ program: string } | { missing: string }> {
  const { path, version = 'latest', slow = false, rare = false, module }: Peer = PEERS[name];
  const kept = testCache('go', name.replace(' ', '-'));
  // A version of the module is no part of the program's name.
  const program = join(kept, basename(path.replace(/\/v\d+$/, '')));
  if (existsSync(program) && !anew) return { program };
  if (rare && process.env.LADING_PEERS_MINUTES === undefined)
    return { missing: `${name}, which npm run test:peers builds` };
  if (!(await hasGo())) return { missing: `Go, to build ${name}` };
  const allowedMs = slow ? Math.min(budgetMs, MOST_MS) : QUICK_MS;
  if (allowedMs <= 0) return { missing: outOfTime(name) };

  await mkdir(testCache('go'), { recursive: true });
  const partial = await mkdtemp(testCache('go', 'partial-'));
  const began = Date.now();
  try {
    const source = module === undefined ? undefined : await sourceOf(`${module}@${version}`);
    const { outcome, late } =
      source === undefined
        ? await build(['install', `${path}@${version}`], { folder: partial, allowedMs })
        : await build(['build', '-o', join(partial, basename(path)), path], {
            folder: partial,
            allowedMs,
            source,
          });
    if (late) return { missing: outOfTime(name) };
    if (outcome.code !== 0) return { missing: `${name}, which Go cannot build: ${reasonIn(outcome)}` };
    await rm(kept, { recursive: true, force: true });
    await rename(partial, kept);
  } finally {
    if (slow) budgetMs -= Date.now() - began;
    await rm(partial, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  return { program };
}

/** Returns the folder with the source of a module, which is the main module for builds in it. */
async function sourceOf(module: string): Promise<string> {
  const env = goEnvironment();
  const facts = await succeed('go', ['mod', 'download', '-json', module], { env, cwd: tmpdir() });
  const { Dir: folder }: { Dir: string } = JSON.parse(facts);
  return folder;
}

interface BuildOptions {
  /** What is installed goes here. */
  folder: string;
  allowedMs: number;
  /** Where Go runs. */
  source?: string;
}

async function build(args: readonly string[], { folder, allowedMs, source }: BuildOptions) {
  const building = start('go', args, {
    env: goEnvironment({ GOBIN: folder }),
    timeout: allowedMs + MINUTE_MS,
    ...(source !== undefined && { cwd: source }),
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    building.process.kill('SIGINT'); // makes Go stop its compilers and remove their files
  }, allowedMs);
  try {
    const outcome = await building.outcome;
    return { outcome, late: late && outcome.code !== 0 };
  } finally {
    clearTimeout(timer);
  }
}

function outOfTime(name: PeerName): string {
  return `more time to build ${name}: npm run test:peers`;
}

/** Returns Go's error message: the last line that does not report a download. */
function reasonIn({ code, stderr }: Outcome): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !line.startsWith('go: downloading '));
  return telling.at(-1) ?? `exit ${code}`;
}
