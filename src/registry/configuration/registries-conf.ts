import { isRegistry, isRepository } from '../../content/reference.js';
import { LadingError } from '../../errors.js';

/** The settings of registries from one or several files. (containers-registries.conf(5), version 2) */
export interface RegistriesConf {
  /** Returns the table with the longest prefix of `name`, which is `HOST[:PORT]/REPOSITORY` or a registry alone. */
  find(name: string): ConfiguredRegistry | undefined;
}

export interface ConfiguredRegistry {
  /** `HOST[:PORT][/PATH]` or `*.DOMAIN`. */
  prefix: string;
  /** Replaces the prefix; undefined if names stay unchanged. */
  location: string | undefined;
  /** Whether http and certificates of unknown authorities are allowed. */
  insecure: boolean;
  /** Whether all requests are forbidden. */
  blocked: boolean;
  mirrors: ConfiguredMirror[];
  /** The file that contains the table. */
  source: string;
}

export interface ConfiguredMirror {
  location: string;
  insecure: boolean;
  /** For which references the mirror is asked. */
  pulls: 'all' | 'digest-only' | 'tag-only';
}

/** A repository with its name on its host. */
export interface Location {
  registry: string;
  repository: string | undefined;
}

/** Combines the tables of several files. If several tables have the same prefix, the last one is used. */
export function joinConfs(files: readonly (readonly ConfiguredRegistry[])[]): RegistriesConf {
  const byPrefix = new Map(files.flat().map((table) => [table.prefix, table]));
  const tables = [...byPrefix.values()].sort((a, b) => b.prefix.length - a.prefix.length);
  return { find: (name) => tables.find(({ prefix }) => matchLength(name, prefix) !== undefined) };
}

/**
 * Returns where a repository is located after `location` replaces the prefix of its table. Throws `USAGE` if the result
 * is not a valid name.
 */
export function locate(
  name: string,
  { prefix, source }: Pick<ConfiguredRegistry, 'prefix' | 'source'>,
  location: string | undefined,
): Location {
  const full = location === undefined ? name : location + name.slice(matchLength(name, prefix) ?? 0);
  const slash = full.indexOf('/');
  const registry = slash < 0 ? full : full.slice(0, slash);
  const repository = slash < 0 ? undefined : full.slice(slash + 1);
  if (isRegistry(registry) && (repository === undefined || isRepository(repository)))
    return { registry, repository };
  throw new LadingError(
    'USAGE',
    `${source}: the location "${location}" turns ${name} into "${full}", which is not a valid name`,
    {
      hint: 'Write a location as HOST[:PORT][/PATH].',
    },
  );
}

/** Returns how many characters of `name` a prefix matches; undefined if it does not match. */
function matchLength(name: string, prefix: string): number | undefined {
  const end = prefix.startsWith('*.') ? endOfDomain(name, prefix.slice(1)) : startEnd(name, prefix);
  return end === undefined || end === name.length || ':/@'.includes(name.charAt(end)) ? end : undefined;
}

function startEnd(name: string, prefix: string): number | undefined {
  return name.startsWith(prefix) ? prefix.length : undefined;
}

/** Returns the end of the host, before its port, if the host is in `domain` (`.example.com`). */
function endOfDomain(name: string, domain: string): number | undefined {
  const host = /^[^/:]*/.exec(name)?.[0] ?? '';
  return host.endsWith(domain) ? host.length : undefined;
}
