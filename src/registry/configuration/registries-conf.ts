import { isRegistry, isRepository } from '../../content/reference.js';
import { LadingError } from '../../errors.js';

/** What one or several files say of registries. (containers-registries.conf(5), version 2) */
export interface RegistriesConf {
  /** The table with the longest prefix of `HOST[:PORT]/REPOSITORY`, or of a registry's name alone. */
  find(name: string): ConfiguredRegistry | undefined;
}

export interface ConfiguredRegistry {
  /** `HOST[:PORT][/PATH]` or `*.DOMAIN`. */
  prefix: string;
  /** What takes the place of the prefix; undefined where names stay as they are. */
  location: string | undefined;
  /** Plain http and certificates of unknown authorities are allowed. */
  insecure: boolean;
  /** Nothing may be asked for. */
  blocked: boolean;
  mirrors: ConfiguredMirror[];
  /** The file that says so. */
  source: string;
}

export interface ConfiguredMirror {
  location: string;
  insecure: boolean;
  /** For which references it is asked. */
  pulls: 'all' | 'digest-only' | 'tag-only';
}

/** A place of a repository, with the host's own name. */
export interface Location {
  registry: string;
  repository: string | undefined;
}

/** Tables of several files, the last of which has most to say: of one prefix only its table counts. */
export function joinConfs(files: readonly (readonly ConfiguredRegistry[])[]): RegistriesConf {
  const byPrefix = new Map(files.flat().map((table) => [table.prefix, table]));
  const tables = [...byPrefix.values()].sort((a, b) => b.prefix.length - a.prefix.length);
  return { find: (name) => tables.find(({ prefix }) => matchLength(name, prefix) !== undefined) };
}

/**
 * Where a name is to be asked for, when `location` takes the place of the prefix it was found by. Rejects with `USAGE`
 * when that makes no name.
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
  throw new LadingError('USAGE', `${source}: the location "${location}" makes "${full}" of ${name}`, {
    hint: 'A location is HOST[:PORT][/PATH].',
  });
}

/** The characters of `name` that a prefix stands for; undefined when it does not begin so. */
function matchLength(name: string, prefix: string): number | undefined {
  const end = prefix.startsWith('*.') ? endOfDomain(name, prefix.slice(1)) : startEnd(name, prefix);
  return end === undefined || end === name.length || ':/@'.includes(name.charAt(end)) ? end : undefined;
}

function startEnd(name: string, prefix: string): number | undefined {
  return name.startsWith(prefix) ? prefix.length : undefined;
}

/** `.example.com` ends the host of a name, before its port. */
function endOfDomain(name: string, domain: string): number | undefined {
  const host = /^[^/:]*/.exec(name)?.[0] ?? '';
  return host.endsWith(domain) ? host.length : undefined;
}
