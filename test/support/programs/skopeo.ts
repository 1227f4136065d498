import { type Outcome, run, succeed } from './run.js';

/** Runs skopeo without a signature policy; it must succeed. */
export function skopeo(...args: string[]): Promise<string> {
  return succeed('skopeo', ['--insecure-policy', ...args]);
}

/** Runs skopeo without a signature policy, and returns how it ended. */
export function trySkopeo(...args: string[]): Promise<Outcome> {
  return run('skopeo', ['--insecure-policy', ...args]);
}
