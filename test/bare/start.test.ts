import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { median } from '../bench/measure.js';
import { fixturePath } from '../support/fixtures.js';
import { debianPackage, executable, nodeInside } from '../support/programs/executable.js';
import { PROGRAM } from '../support/programs/lading-command.js';
import { succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';

const ARCHIVE = fixturePath('archives/docker20-multi.tar');
const COMMANDS = {
  '--version': ['--version'],
  '--help': ['--help'],
  ls: ['ls', ARCHIVE],
  inspect: ['inspect', ARCHIVE],
} as const;
const ROUNDS = 15;
/** The executable is to be no slower; the rest is what measurements differ by. */
const MOST = 1.1;

describe('sizes and starts of what is released, beside the installed package on the same Node.js', () => {
  it('prints its sizes', async function () {
    for (const path of [await executable(this), await debianPackage(this)]) {
      const { size } = await stat(path);
      console.log(`      ${path.replace(/.*\//, '')}: ${(size / 1e6).toFixed(1)} MB`);
      assert.ok(size < 200_000_000, path);
    }
  });

  for (const [name, args] of Object.entries(COMMANDS))
    it(`${name} of the executable takes no more processor time`, async function () {
      const alone = [await executable(this)];
      const installed = [await nodeInside(this), PROGRAM];
      const env = { PATH: '/usr/bin:/bin', HOME: await temporaryFolder('home') };
      const times: Record<'alone' | 'installed', Start[]> = { alone: [], installed: [] };
      // The first start of each fills the caches; the rest take turns, so that both meet the same load.
      for (let round = 0; round <= ROUNDS; round++)
        for (const [form, command] of Object.entries({ alone, installed }) as ['alone', string[]][]) {
          const start = await timeOf([...command, ...args], env);
          if (round > 0) times[form].push(start);
        }
      const [one, other] = [medians(times.alone), medians(times.installed)];
      const ratio = one.processorMs / other.processorMs;
      console.log(
        `      ${name}: ${described(one)} of the executable, ${described(other)} installed; processor time × ${ratio.toFixed(2)}`,
      );
      assert.ok(ratio <= MOST, `× ${ratio}`);
    });
});

interface Start {
  elapsedMs: number;
  /** Of all threads, in user space and in the kernel. */
  processorMs: number;
}

/** Runs a program once, by a shell that measures it. */
async function timeOf(command: readonly string[], env: NodeJS.ProcessEnv): Promise<Start> {
  const script = 'TIMEFORMAT="%3R %3U %3S"; { time "$@" >/dev/null 2>&3; } 3>&2 2>&1';
  const printed = await succeed('bash', ['-c', script, 'bash', ...command], { env });
  const [elapsed = 0, user = 0, system = 0] = printed.split(' ').map((seconds) => Number(seconds) * 1000);
  assert.ok(elapsed > 0 && user + system > 0, printed);
  return { elapsedMs: elapsed, processorMs: user + system };
}

function medians(starts: readonly Start[]): Start {
  return {
    elapsedMs: median(starts.map(({ elapsedMs }) => elapsedMs)),
    processorMs: median(starts.map(({ processorMs }) => processorMs)),
  };
}

function described({ elapsedMs, processorMs }: Start): string {
  return `${elapsedMs.toFixed(0)} ms (${processorMs.toFixed(0)} ms of a processor)`;
}
