import { type Outcome, run, succeed } from './run.js';

/** Runs skopeo with any policy; it has to succeed. */
export function skopeo(...args: string[]): Promise<string> {
  return succeed('skopeo', ['--insecure-policy', ...args]);
}

/** Runs skopeo with any policy, and tells how it ended. */
export function trySkopeo(...args: string[]): Promise<Outcome> {
  return run('skopeo', ['--insecure-policy', ...args]);
}
