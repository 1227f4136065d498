import { runCommand } from '../support/hostile/command.js';
import type { Outcome } from '../support/programs/run.js';
import { runLading } from './program.js';

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command line in this process, as `runLading` does in one of its own, whose start would take most of the time.
 * For tests of what many lines do; how the program starts, is interrupted and reads its input needs a process. Lines
 * run one after the other, because each has the environment and the output of the process to itself.
 */
export function runInProcess(args: readonly string[], { env = {} } = {}): Promise<Outcome> {
  // The executable is what is to be tested then, and it cannot be loaded.
  if (process.env.LADING_BIN) return runLading(args, { env });
  const outcome = last.then(() => runAlone(args, env));
  last = outcome.catch(() => undefined);
  return outcome;
}

async function runAlone(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const before = process.env;
  process.env = { PATH: before.PATH, HOME: '/nonexistent', ...env };
  try {
    const { exit: code, stdout, stderr } = await runCommand(...args);
    return { code, stdout, stderr };
  } finally {
    process.env = before;
  }
}
