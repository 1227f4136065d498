import { fileURLToPath } from 'node:url';
import { type Outcome, type Running, type RunOptions, start } from '../support/programs/run.js';

/** The built program: what users get. */
export const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Starts the program in an environment without the machine's credentials and proxies. */
export function startLading(args: readonly string[], options: RunOptions = {}): Running {
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', ...options.env };
  return start(process.execPath, [PROGRAM, ...args], { timeout: 15_000, ...options, env });
}

/** Runs the program to its end. */
export function runLading(args: readonly string[], options?: RunOptions): Promise<Outcome> {
  return startLading(args, options).outcome;
}
