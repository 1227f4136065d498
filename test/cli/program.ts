import { LADING } from '../support/programs/lading-command.js';
import { type Outcome, type Running, type RunOptions, start } from '../support/programs/run.js';

export { PROGRAM } from '../support/programs/lading-command.js';

const [COMMAND, ...BEFORE] = LADING;

/** Starts the program in an environment without the machine's credentials and proxies. */
export function startLading(args: readonly string[], options: RunOptions = {}): Running {
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', ...options.env };
  return start(COMMAND, [...BEFORE, ...args], { timeout: 15_000, ...options, env });
}

/** Runs the program to its end. */
export function runLading(args: readonly string[], options?: RunOptions): Promise<Outcome> {
  return startLading(args, options).outcome;
}
