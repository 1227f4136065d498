import { readFile } from 'node:fs/promises';
import { isRegistry, isRepository, parseReference, type Reference } from '../content/reference.js';
import { LadingError, messageOf } from '../errors.js';

/** Where loaded images go, and what they are called there. */
export interface Destination {
  /** `host[:port]`. */
  registry: string;
  /** Path before the repositories; empty for none. */
  prefix: string;
  /** Put the source's host in the path; default false. */
  keepHost?: boolean | undefined;
  rules?: RenameRules | undefined;
}

/** A rule file: the first rule that fits a name says what it becomes, before the prefix. */
export interface RenameRules {
  rules: RenameRule[];
  /** Most components of a repository's path at the destination; those beyond are joined with `-`. */
  maxDepth: number | undefined;
}

/** Fits the full source name, `HOST/REPOSITORY:TAG`. */
export type RenameRule =
  /** The whole name; `to` is `REPOSITORY[:TAG]`. */
  | { type: 'exact'; from: string; to: string }
  /** The beginning of the name, which `to` replaces. */
  | { type: 'prefix'; from: string; to: string }
  /** A regular expression; `to` may use `$1`, `$<name>`. */
  | { type: 'regex'; from: RegExp; to: string };

/** `HOST[:PORT][/PREFIX]`; rejects with `USAGE`. */
export function parseDestination(text: string): Pick<Destination, 'registry' | 'prefix'> {
  const [registry = '', ...path] = text
    .replace(/^docker:\/\//, '')
    .replace(/\/$/, '')
    .split('/');
  const prefix = path.join('/');
  if (isRegistry(registry) && (prefix === '' || isRepository(prefix))) return { registry, prefix };
  throw new LadingError('USAGE', `"${text}" is no destination`, {
    hint: 'A destination is HOST[:PORT][/PREFIX], for example registry.local:5000/mirror.',
  });
}

/** What an image is called at the destination. Rejects with `USAGE` when a rule makes no name of it. */
export function renamed(name: string, destination: Destination): Reference {
  const source = parseReference(name);
  const { repository, tag } = applyRules(name, source, destination);
  const path = [destination.prefix, repository].filter((part) => part !== '').join('/');
  const text = `${destination.registry}/${limitDepth(path, destination.rules?.maxDepth)}${tag === undefined ? '' : `:${tag}`}`;
  try {
    // The host was checked already: of a bare one, Docker's normalisation would make a path.
    const { repository: checked, tag: checkedTag } = parseReference(text.replace(/^[^/]*/, 'localhost'));
    return {
      registry: destination.registry,
      repository: checked,
      ...(checkedTag !== undefined && { tag: checkedTag }),
      ...(source.digest && { digest: source.digest }),
    };
  } catch (error) {
    throw new LadingError('USAGE', `${name} would become "${text}", which is no image name`, {
      cause: error,
      hint: 'Mend the rule that makes it.',
    });
  }
}

/** Rejects with `USAGE` where two different images would get one name; to be asked before the first byte. */
export function requireDistinct(
  images: readonly { name: string; digest: string; destination: Reference }[],
): void {
  const taken = new Map<string, { name: string; digest: string }>();
  for (const { name, digest, destination } of images) {
    if (destination.tag === undefined) continue;
    const key = `${destination.registry}/${destination.repository}:${destination.tag}`;
    const other = taken.get(key);
    if (other !== undefined && other.digest !== digest) {
      throw new LadingError('USAGE', `${other.name} and ${name} would both become ${key}`, {
        hint: 'Keep the hosts with --keep-host, or tell them apart with --map.',
      });
    }
    taken.set(key, { name, digest });
  }
}

/** Reads a rule file (YAML or JSON). Rejects with `NOT_FOUND` and `USAGE`. */
export async function readRenameRules(path: string): Promise<RenameRules> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new LadingError('NOT_FOUND', `the rules ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  try {
    const { parseYAML } = await import('./yaml.js'); // takes 15 ms to load, and few have rules
    return parseRules(parseYAML(text), path);
  } catch (error) {
    if (error instanceof LadingError) throw error;
    throw new LadingError('USAGE', `${path} is not YAML: ${messageOf(error)}`, { cause: error });
  }
}

function parseRules(document: unknown, path: string): RenameRules {
  if (!isObject(document)) throw invalidRules(path, 'it is no object with rules');
  const { rules = [], maxDepth, ...rest } = document;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalidRules(path, `it has a member "${unknown}"`);
  if (!Array.isArray(rules)) throw invalidRules(path, 'rules is no list');
  if (maxDepth !== undefined && !(typeof maxDepth === 'number' && Number.isInteger(maxDepth) && maxDepth > 0))
    throw invalidRules(path, 'maxDepth is no whole number from 1');
  return { rules: rules.map((rule, place) => parseRule(rule, `${path}: rule ${place + 1}`)), maxDepth };
}

function parseRule(rule: unknown, where: string): RenameRule {
  if (!isObject(rule) || typeof rule.to !== 'string') throw invalidRules(where, 'it has no `to`');
  const kinds = (['exact', 'prefix', 'regex'] as const).filter((kind) => typeof rule[kind] === 'string');
  const [type] = kinds;
  if (type === undefined || kinds.length > 1)
    throw invalidRules(where, 'it needs one of `exact`, `prefix` and `regex`');
  const from = String(rule[type]);
  if (type !== 'regex') return { type, from, to: rule.to };
  try {
    return { type, from: new RegExp(from, 'u'), to: rule.to };
  } catch (error) {
    throw invalidRules(where, messageOf(error));
  }
}

function invalidRules(where: string, reason: string): LadingError {
  return new LadingError('USAGE', `${where}: ${reason}`, {
    hint: 'A rule is `exact: NAME`, `prefix: START` or `regex: PATTERN`, with `to: NEW`.',
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function applyRules(
  name: string,
  source: Reference,
  { keepHost, rules }: Destination,
): { repository: string; tag: string | undefined } {
  for (const rule of rules?.rules ?? []) {
    const result = applyRule(rule, name);
    if (result === undefined) continue;
    const [, repository = '', tag] = /^(.*?)(?::([^:/]*))?$/s.exec(result) ?? [];
    return { repository, tag: tag ?? source.tag };
  }
  // A port's colon has no place in a path.
  const host = keepHost ? `${source.registry.replaceAll(':', '-')}/` : '';
  return { repository: `${host}${source.repository}`, tag: source.tag };
}

function applyRule(rule: RenameRule, name: string): string | undefined {
  switch (rule.type) {
    case 'exact':
      return rule.from === name ? rule.to : undefined;
    case 'prefix':
      return name.startsWith(rule.from) ? rule.to + name.slice(rule.from.length) : undefined;
    case 'regex':
      return rule.from.test(name) ? name.replace(rule.from, rule.to) : undefined;
  }
}

function limitDepth(path: string, maxDepth: number | undefined): string {
  const parts = path.split('/');
  if (maxDepth === undefined || parts.length <= maxDepth) return path;
  return [...parts.slice(0, maxDepth - 1), parts.slice(maxDepth - 1).join('-')].join('/');
}
