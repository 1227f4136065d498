import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Context } from 'mocha';
import { leaveOutAlways } from '../needs.js';
import { goEnvironment, hasGo } from './go.js';
import { type Outcome, start, succeed } from './run.js';
import { testCache } from './test-cache.js';
import { temporaryFolder } from './workplace.js';

interface Peer {
  /** What `go install` gets; the program is called as the last part of the path. */
  path: string;
  /** Takes minutes to build, so that a run builds it only while its budget lasts. */
  slow?: boolean;
  /** Is built by `npm run test:peers` alone: an older release, beside the newest one. */
  rare?: boolean;
}

/**
 * The programs in Go that users have beside lading. They are built from source, because Debian has none of them.
 * notation would belong here, but its module is not to be had from Go's public proxy.
 */
const PEERS = {
  crane: { path: 'github.com/google/go-containerregistry/cmd/crane' },
  regctl: { path: 'github.com/regclient/regclient/cmd/regctl' },
  oras: { path: 'oras.land/oras/cmd/oras' },
  helm: { path: 'helm.sh/helm/v3/cmd/helm', slow: true },
  'cosign 3': { path: 'github.com/sigstore/cosign/v3/cmd/cosign', slow: true },
  'cosign 2': { path: 'github.com/sigstore/cosign/v2/cmd/cosign', slow: true, rare: true },
} satisfies Record<string, Peer>;

export type PeerName = keyof typeof PEERS;

/** Runs a peer with these arguments. */
export interface RunPeer {
  /** It has to succeed; returns its standard output. */
  (...args: string[]): Promise<string>;
  /** Where it runs. */
  folder: string;
}

const MINUTE_MS = 60_000;
/** Of any one build, and for those who wait for it. */
const MOST_MS = 30 * MINUTE_MS;
/** What a build of less than a minute may take on a machine that does other things too. */
const QUICK_MS = 5 * MINUTE_MS;

/** What is left in this run for slow builds. `npm run test:peers` allows as much as they take. */
let budgetMs = Number(process.env.LADING_PEERS_MINUTES ?? 12) * MINUTE_MS;

/**
 * A peer, built at first need from the newest release and kept for later runs. Skips, saying why, where there
 * is no Go, where its proxy does not have the module, and where the budget is spent.
 */
export async function peer(context: Context, name: PeerName): Promise<RunPeer> {
  context.timeout(MOST_MS + MINUTE_MS);
  const kept = await keptProgram(name);
  if ('missing' in kept) return leaveOutAlways(context, kept.missing);
  const { program } = kept;
  const folder = await temporaryFolder('peer');
  // Neither logins nor settings of the user; keys of cosign without a password; no questions asked.
  const env = { PATH: process.env.PATH, HOME: folder, COSIGN_PASSWORD: '', COSIGN_YES: 'true' };
  const runPeer = (...args: string[]) => succeed(program, args, { env, cwd: folder });
  return Object.assign(runPeer, { folder });
}

/** Builds what a run of all tests needs of them and does not have yet, so that no test has to wait for it. */
export async function buildPeers(print: (line: string) => void): Promise<void> {
  for (const name of Object.keys(PEERS) as PeerName[]) {
    const kept = await keptProgram(name);
    print('missing' in kept ? `without ${kept.missing}` : `${name}: ${kept.program}`);
  }
}

async function keptProgram(name: PeerName): Promise<{ program: string } | { missing: string }> {
  const { path, slow = false, rare = false }: Peer = PEERS[name];
  const kept = testCache('go', name.replace(' ', '-'));
  const program = join(kept, basename(path));
  if (existsSync(program)) return { program };
  if (rare && process.env.LADING_PEERS_MINUTES === undefined)
    return { missing: `${name}, which npm run test:peers builds` };
  if (!(await hasGo())) return { missing: `Go, to build ${name}` };
  const allowedMs = slow ? Math.min(budgetMs, MOST_MS) : QUICK_MS;
  if (allowedMs <= 0) return { missing: outOfTime(name) };

  await mkdir(testCache('go'), { recursive: true });
  const partial = await mkdtemp(testCache('go', 'partial-'));
  const began = Date.now();
  try {
    const { outcome, late } = await install(path, partial, allowedMs);
    if (late) return { missing: outOfTime(name) };
    if (outcome.code !== 0) return { missing: `${name}, which Go cannot build: ${reasonIn(outcome)}` };
    await rename(partial, kept);
  } finally {
    if (slow) budgetMs -= Date.now() - began;
    await rm(partial, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  return { program };
}

async function install(path: string, folder: string, allowedMs: number) {
  const building = start('go', ['install', `${path}@latest`], {
    env: goEnvironment({ GOBIN: folder }),
    timeout: allowedMs + MINUTE_MS,
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    building.process.kill('SIGINT'); // at which Go ends its compilers and removes what they wrote
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

/** Go's own line about what went wrong: the last that does not report a download. */
function reasonIn({ code, stderr }: Outcome): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !line.startsWith('go: downloading '));
  return telling.at(-1) ?? `exit ${code}`;
}
