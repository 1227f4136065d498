import type { RegistrySettings } from '../index.js';
import type { ConfigFile } from './config-file.js';

/** What the command line, the environment and the configuration say for one run of a command. */
export interface EffectiveSettings {
  /** The names of the flags on the command line. */
  given: ReadonlySet<string>;
  /** Of the other flags, those that the environment or the configuration sets. */
  settings: readonly Setting[];
  /** The configuration; undefined if there is none. */
  file: ConfigFile | undefined;
  registries: Record<string, RegistrySettings>;
  /** Warnings about variables that are no settings. */
  warnings: readonly string[];
}

/** The value of a flag that the command line does not give. */
export interface Setting {
  /** The flag, without dashes. */
  name: string;
  /** Several if the flag may be repeated. */
  values: readonly string[];
  from: 'environment' | 'file';
  /** The variable, or `FILE:LINE`. */
  place: string;
}
