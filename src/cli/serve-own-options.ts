import type { CommandOptions } from './command-option.js';
import { KUBERNETES_OPTIONS } from './kubernetes.js';
import { SERVE_OPTIONS } from './serve-flags.js';

/** Flags that say what is printed, or that are the default anyway. */
const NOT_THE_SERVERS = ['print-config', 'read-only', 'replicas', ...Object.keys(KUBERNETES_OPTIONS)];

/**
 * Returns the flags of `serve` that a server elsewhere is started with, all but its address. Flags that are added are among
 * them by themselves.
 */
export function ownOptions(): CommandOptions {
  const { listen: _listen, ...others } = SERVE_OPTIONS;
  return Object.fromEntries(Object.entries(others).filter(([name]) => !NOT_THE_SERVERS.includes(name)));
}

/** Returns the names of those whose value is a file of this machine. */
export function fileFlags(): string[] {
  return Object.entries(ownOptions()).flatMap(([name, { value }]) => (value === 'FILE' ? [name] : []));
}
