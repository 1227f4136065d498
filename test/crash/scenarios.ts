import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lading, startLading } from '../support/programs/lading.js';
import { getManifest } from '../support/programs/registry-content.js';
import type { Passed, ThrottlingProxy } from '../support/programs/throttling-proxy.js';
import type { Lane } from './lane.js';
import { treeOf } from './tree.js';
import {
  assertSkopeoReads,
  assertWholeArchive,
  assertWholeLayout,
  assertWholeRepository,
  exists,
} from './whole.js';

/** Where one sequence of kills and a last run work. */
export interface Place {
  lane: Lane;
  /** Holds all that is written. */
  folder: string;
  /** A name that no other place has. */
  name: string;
}

/** A run of a command that may be killed at any moment. */
export interface Run {
  kill(): void;
  /** Resolves when nothing runs any more. */
  ended: Promise<Ended>;
}

export interface Ended {
  /** 0 when it did all that it was asked to. */
  code: number;
  stderr: string;
  /** Blobs that were said to be done. */
  done: string[];
}

/** A command, and what has to hold whenever it was killed. */
export interface Scenario {
  title: string;
  /** What is there before. */
  prepare?(place: Place): Promise<void>;
  start(place: Place): Promise<Run>;
  /** What is slowed, and counted. */
  proxy(lane: Lane): ThrottlingProxy;
  /** Fails when something half-written is visible; tells what need not come again. */
  check(place: Place, options: { skopeo: boolean }): Promise<Iterable<string>>;
  /** Whether a kill came too late, where a finished output is refused, or all of it made again. */
  isFinished?(place: Place): Promise<boolean>;
  /** What the finished work is, for a comparison with that of an undisturbed run. */
  result(place: Place): Promise<unknown>;
}

export const SCENARIOS: Scenario[] = [
  writing(
    'save to a layout',
    ({ lane, folder }) => ['save', ...images(lane), '-o', `${folder}/out/`],
    layoutAt('out'),
  ),
  writing(
    'save to an archive',
    ({ lane, folder }) => ['save', ...images(lane), '-o', `${folder}/out.tar`],
    archiveAt('out.tar'),
  ),
  {
    ...writing(
      'save to a docker-archive',
      ({ lane, folder }) => [
        'save',
        ...images(lane),
        '--format',
        'docker-archive',
        '-o',
        `${folder}/out.tar`,
      ],
      archiveAt('out.tar'),
    ),
    // A docker-archive is never written over.
    isFinished: ({ folder }) => exists(join(folder, 'out.tar')),
  },
  {
    ...writing(
      'save --append to an archive',
      ({ lane, folder }) => ['save', '--append', ...images(lane), '-o', `${folder}/out.tar`],
      archiveAt('out.tar'),
    ),
    prepare: ({ lane, folder }) => copyFile(lane.earlier, join(folder, 'out.tar')),
  },
  {
    ...writing(
      'save --append to a layout',
      ({ lane, folder }) => ['save', '--append', ...images(lane), '-o', `${folder}/out/`],
      layoutAt('out'),
    ),
    prepare: async ({ lane, folder }) => {
      await lading('copy', lane.earlier, `oci:${folder}/out`);
    },
  },
  writing(
    'convert into a layout',
    ({ lane, folder }) => [
      'convert',
      `docker://${lane.source.host}/old:1`,
      '--to',
      'oci',
      '-o',
      `${folder}/out/`,
    ],
    layoutAt('out'),
  ),
  writing(
    'convert into an archive',
    ({ lane, folder }) => [
      'convert',
      `docker://${lane.source.host}/app:1`,
      '--to',
      'docker',
      '-o',
      `${folder}/out.tar`,
    ],
    archiveAt('out.tar'),
  ),
  {
    ...writing(
      'convert --compression into an archive',
      ({ lane, folder }) => [
        'convert',
        `docker://${lane.source.host}/app:1`,
        '--to',
        'docker',
        '--compression',
        'none',
        '-o',
        `${folder}/out.tar`,
      ],
      archiveAt('out.tar'),
    ),
    // What is fetched lies in a folder beside the output, and goes when the output is there.
    isFinished: ({ folder }) => exists(join(folder, 'out.tar')),
  },
  writing(
    'copy from a registry to a layout',
    ({ lane, folder }) => ['copy', `docker://${lane.source.host}/app:1`, `oci:${folder}/out`],
    layoutAt('out'),
  ),
  pushing('load', ({ lane, name }) => loadFrom(lane.archive, lane, name), ['app', 'old']),
  pushing(
    'copy from an archive to a registry',
    ({ lane, name }) => [
      'copy',
      `oci-archive:${lane.archive}:app:1`,
      `docker://${lane.destination.host}/${name}/app:1`,
    ],
    ['app'],
  ),
  pushing(
    'copy from a registry to a registry',
    ({ lane, name }) => [
      'copy',
      `docker://${lane.source.host}/app:1`,
      `docker://${lane.destination.host}/${name}/app:1`,
    ],
    ['app'],
  ),
  {
    ...pushing('load from standard input', ({ lane, name }) => loadFrom('-', lane, name), ['app', 'old'], {
      // The archive is spooled, and its plain layers are compressed: both in temporary folders.
      stdin: ({ plain }) => plain,
    }),
    prepare: async ({ folder }) => {
      await mkdir(join(folder, 'tmp'));
    },
  },
  serving('serve --writable'),
];

function loadFrom(input: string, { destination }: Lane, name: string): string[] {
  return ['load', '-i', input, `${destination.host}/${name}`];
}

function images(lane: Lane): string[] {
  return [`${lane.source.host}/app:1`, `${lane.source.host}/old:1`];
}

type Written = Pick<Scenario, 'check' | 'result'>;

/** A command that writes files from what a registry has. */
function writing(title: string, args: (place: Place) => string[], written: Written): Scenario {
  return { title, start: (place) => startCommand(args(place)), proxy: ({ source }) => source, ...written };
}

function layoutAt(name: string): Written {
  return {
    async check({ folder }, { skopeo }) {
      if (skopeo) await assertSkopeoReads(join(folder, name));
      return assertWholeLayout(join(folder, name));
    },
    result: ({ folder }) => treeOf(folder),
  };
}

function archiveAt(name: string): Written {
  return {
    async check({ folder }) {
      await assertWholeArchive(join(folder, name));
      return [];
    },
    result: ({ folder }) => treeOf(folder),
  };
}

/** A command that fills a registry. */
function pushing(
  title: string,
  args: (place: Place) => string[],
  repositories: string[],
  { stdin = () => undefined }: { stdin?: (lane: Lane) => string | undefined } = {},
): Scenario {
  return {
    title,
    start: (place) =>
      startCommand(args(place), {
        env: { XDG_CACHE_HOME: join(place.folder, 'cache'), TMPDIR: join(place.folder, 'tmp') },
        stdinFile: stdin(place.lane),
      }),
    proxy: ({ destination }) => destination,
    async check({ lane, name }) {
      for (const repository of repositories)
        await assertWholeRepository(lane.destination.host, `${name}/${repository}`);
      return [];
    },
    async result({ lane, name, folder }) {
      const digests: string[] = [];
      for (const repository of repositories) {
        assert.deepEqual(await assertWholeRepository(lane.destination.host, `${name}/${repository}`), ['1']);
        digests.push((await getManifest(lane.destination.host, `${name}/${repository}`, '1')).digest);
      }
      return { digests, left: await treeOf(folder) };
    },
  };
}

/** A registry over a layout that a client pushes to; the registry is what is killed. */
function serving(title: string): Scenario {
  return {
    title,
    async start({ lane, folder }) {
      const layout = join(folder, 'out');
      const server = await startLading([
        ...['serve', layout, '--writable', '--listen', `127.0.0.1:${lane.port}`],
        '--quiet',
      ]);
      let isOver = false;
      const ended = pushOnceReady(lane, folder, server.outcome).then(async (client) => {
        server.process.kill('SIGTERM');
        const { code, stderr } = await server.outcome;
        return isOver
          ? { ...client, code: client.code }
          : { ...client, code: client.code || code, stderr: client.stderr + stderr };
      });
      return {
        kill() {
          isOver = true;
          server.process.kill('SIGKILL');
        },
        ended,
      };
    },
    proxy: ({ own }) => own,
    check: (place, options) => layoutAt('out').check(place, options),
    async result({ folder }) {
      const tree = await treeOf(folder);
      // What a client began and never went on with stays for a day.
      return Object.fromEntries(
        Object.entries(tree).filter(([path]) => /^out\/(?:blobs|index|oci)/.test(path)),
      );
    },
  };
}

async function pushOnceReady(lane: Lane, folder: string, server: Promise<unknown>): Promise<Ended> {
  let isGone = false;
  void server.then(() => {
    isGone = true;
  });
  while (!(await answers(lane.port))) {
    if (isGone) return { code: 1, stderr: 'the server did not come up', done: [] };
    await delay(10);
  }
  const args = ['load', '-i', lane.archive, lane.own.host, '--retries', '0'];
  const { ended } = await startCommand(args, { env: { XDG_CACHE_HOME: join(folder, 'cache') } });
  return { ...(await ended), done: [] }; // see `check`
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).ok;
  } catch (error) {
    if (error instanceof TypeError) return false; // refused: it does not listen yet
    throw error;
  }
}

async function startCommand(
  args: string[],
  { env = {}, stdinFile }: { env?: Record<string, string>; stdinFile?: string | undefined } = {},
): Promise<Run> {
  const done: string[] = [];
  const { process: child, outcome } = await startLading([...args, '--progress', 'json'], {
    env,
    ...(stdinFile !== undefined && { stdinFile }),
    onStderrLine(line) {
      const { type, descriptor } = eventOf(line);
      if (type === 'waiting') throw new Error(`waits for a dead process: ${line}`);
      if (type === 'done' && descriptor !== undefined) done.push(descriptor.digest);
    },
  });
  return {
    kill: () => child.kill('SIGKILL'),
    ended: outcome.then(({ code, stderr }) => ({ code, stderr, done })),
  };
}

function eventOf(line: string): { type?: string; descriptor?: { digest: string } } {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return {}; // the closing error, or a line that was cut by the kill
    throw error;
  }
}

/** The bytes of blobs that went through, by what names them; uploads do not say what they are of. */
export function blobBytes(passed: readonly Passed[]): number {
  return passed
    .filter(({ path }) => path.includes('/blobs/'))
    .reduce(
      (sum, { method, bytes, taken, status }) => sum + (method === 'GET' && status < 300 ? bytes : taken),
      0,
    );
}

/** Blobs that were asked for or sent, and how much of each. */
export function movedBlobs(passed: readonly Passed[]): { digest: string; bytes: number }[] {
  return passed.flatMap(({ method, path, bytes, taken }) => {
    const [, fetched] = /\/blobs\/(sha256:[0-9a-f]+)$/.exec(path) ?? [];
    if (method === 'GET' && fetched !== undefined) return [{ digest: fetched, bytes }];
    const [, sent] = /[?&]digest=(sha256(?::|%3A)[0-9a-f]+)/i.exec(path) ?? [];
    return sent === undefined ? [] : [{ digest: decodeURIComponent(sent), bytes: taken }];
  });
}
