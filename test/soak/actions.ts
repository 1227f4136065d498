import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { convert, load, save, serve, verify } from '../../src/index.js';
import type { Random } from '../fuzz/mutate.js';
import { lading, runLading, startLading } from '../support/programs/lading.js';
import { ask } from '../support/registry-server.js';
import type { Way } from './ways.js';

export interface Soaked {
  random: Random;
  /** Where outputs go. */
  work: string;
  /** To a registry, with faults on it. */
  way: Way;
  /** What the registry has. */
  images: readonly string[];
  /** Counts a process that was killed. */
  onKill(): void;
}

/** A command of which the registry's failures were more than it could overcome, and which said so. */
export class Refused extends Error {}

/** What is done again and again; each leaves nothing behind. */
export const ACTIONS: Record<string, (soaked: Soaked) => Promise<void>> = {
  async 'save to an archive'(soaked) {
    await withArchive(soaked, requireWhole);
  },
  async 'save to a layout'(soaked) {
    const output = join(soaked.work, 'layout');
    const { options } = soaked.way;
    await save({ images: [imageOf(soaked)], output, format: 'oci', ...options });
    await save({ images: [imageOf(soaked)], output, format: 'oci', append: true, ...options });
    await requireWhole(output);
  },
  async load(soaked) {
    await withArchive(soaked, async (input) => {
      const { images } = await load({ input, destination: destinationOf(soaked), ...soaked.way.options });
      assert.equal(images.length, 1);
    });
  },
  async convert(soaked) {
    await withArchive(soaked, async (source) => {
      const output = join(soaked.work, 'converted.tar');
      const to = soaked.random.pick(['oci', 'docker', 'schema1'] as const);
      const compression = soaked.random.pick(['keep', 'gzip', 'none'] as const);
      await convert({ source, output, to, compression: to === 'schema1' ? 'keep' : compression });
      await requireWhole(output);
    });
  },
  async serve(soaked) {
    await withArchive(soaked, async (path) => {
      const server = await serve(path, { port: 0 });
      try {
        for (const repository of server.repositories)
          assert.equal((await ask(server.port, `/v2/${repository}/manifests/1`)).status, 200);
      } finally {
        await server.close();
      }
    });
  },
  async 'the command line'(soaked) {
    await requireDone(['save', imageOf(soaked), '-o', join(soaked.work, 'cli.tar'), ...soaked.way.flags]);
  },
  async 'save, killed'(soaked) {
    const output = join(soaked.work, 'killed.tar');
    await killThenDo(soaked, ['save', imageOf(soaked), '-o', output, ...soaked.way.flags]);
    await requireWhole(output);
  },
  async 'convert, killed'(soaked) {
    const output = join(soaked.work, 'killed.tar');
    const to = ['--to', 'oci', '--compression', 'none'];
    const source = `docker://${imageOf(soaked)}`;
    await killThenDo(soaked, ['convert', source, '-o', output, ...to, ...soaked.way.flags]);
    await requireWhole(output);
  },
  async 'load from standard input, killed'(soaked) {
    await withArchive(soaked, async (input) => {
      const plain = join(soaked.work, 'plain.tar');
      await lading('copy', input, `docker-archive:${plain}`);
      await killThenDo(soaked, ['load', '-i', '-', destinationOf(soaked), ...soaked.way.flags], plain);
    });
  },
};

async function withArchive(soaked: Soaked, use: (path: string) => Promise<void>): Promise<void> {
  const output = join(soaked.work, 'saved.tar');
  await save({ images: [imageOf(soaked)], output, ...soaked.way.options });
  await use(output);
  await rm(output);
}

const MAX_LIFE_MS = 1_000;

/** Kills the command at some moment, and does it again. */
async function killThenDo(soaked: Soaked, args: readonly string[], stdinFile?: string): Promise<void> {
  const options = { env: ownFolders(), ...(stdinFile !== undefined && { stdinFile }) };
  const { process: child, outcome } = await startLading(args, options);
  const timer = setTimeout(() => child.kill('SIGKILL'), soaked.random.below(MAX_LIFE_MS));
  await outcome;
  clearTimeout(timer);
  if (child.signalCode === 'SIGKILL') soaked.onKill();
  await requireDone(args, options);
}

/** The exit code that says: not this time, the registry or the network fails. */
const UNREACHABLE = 7;

async function requireDone(
  args: readonly string[],
  options: Parameters<typeof runLading>[1] = {},
): Promise<void> {
  const { code, stderr } = await runLading(args, options);
  if (code === UNREACHABLE) throw new Refused(/^lading: .*/m.exec(stderr)?.[0] ?? stderr);
  assert.equal(code, 0, stderr);
}

/** What is measured: the command's temporary files and caches among them. */
function ownFolders(): Record<string, string> {
  const { TMPDIR = '', XDG_CACHE_HOME = '' } = process.env;
  return { TMPDIR, XDG_CACHE_HOME };
}

async function requireWhole(path: string): Promise<void> {
  assert.deepEqual((await verify(path)).findings, []);
}

function imageOf({ way, images, random }: Soaked): string {
  return `${way.host}/${random.pick(images)}`;
}

function destinationOf({ way, random }: Soaked): string {
  return `${way.host}/loaded-${random.below(20)}`;
}
