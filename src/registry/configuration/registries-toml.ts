import { parse, TomlError } from 'smol-toml';
import { LadingError } from '../../errors.js';
import type { ConfiguredMirror, ConfiguredRegistry } from './registries-conf.js';

/** Parses the tables of a file. Throws `USAGE` if they are not valid. */
export function parseRegistriesConf(text: string, source: string): ConfiguredRegistry[] {
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (error) {
    // The first line of the message is the problem; the others show the place as a drawing.
    const [what = ''] = error instanceof Error ? error.message.split('\n', 1) : [];
    const place = error instanceof TomlError ? `, line ${error.line}` : '';
    throw invalid(source, `${what}${place}`);
  }
  const old = document.registries;
  if (old !== undefined) {
    if (document.registry !== undefined)
      throw invalid(source, 'it mixes version 1 ([registries]) and version 2');
    return parseVersion1(members(old, source, 'registries'), source);
  }
  return list(document.registry, source, 'registry').map((entry) => parseRegistry(entry, source));
}

function parseRegistry(entry: unknown, source: string): ConfiguredRegistry {
  const table = members(entry, source, 'registry');
  const location = parseLocation(string(table.location, source, 'location'), source);
  const prefix = parsePrefix(string(table.prefix, source, 'prefix'), source) ?? location;
  if (prefix === undefined) throw invalid(source, 'a registry has neither a prefix nor a location');
  const digestOnly = boolean(table['mirror-by-digest-only'], source, 'mirror-by-digest-only');
  return {
    prefix,
    location: location === prefix ? undefined : location,
    insecure: boolean(table.insecure, source, 'insecure'),
    blocked: boolean(table.blocked, source, 'blocked'),
    mirrors: list(table.mirror, source, 'mirror').map((mirror) => parseMirror(mirror, digestOnly, source)),
    source,
  };
}

function parseMirror(entry: unknown, digestOnly: boolean, source: string): ConfiguredMirror {
  const table = members(entry, source, 'mirror');
  const location = parseLocation(string(table.location, source, 'location'), source);
  if (location === undefined) throw invalid(source, 'a mirror has no location');
  const pulls =
    string(table['pull-from-mirror'], source, 'pull-from-mirror') || (digestOnly ? 'digest-only' : 'all');
  if (pulls !== 'all' && pulls !== 'digest-only' && pulls !== 'tag-only')
    throw invalid(source, `pull-from-mirror is "${pulls}", not all, digest-only or tag-only`);
  return { location, insecure: boolean(table.insecure, source, 'insecure'), pulls };
}

/** Version 1 can only mark registries as insecure or blocked. */
function parseVersion1(tables: Record<string, unknown>, source: string): ConfiguredRegistry[] {
  const registries = (name: string): string[] =>
    tables[name] === undefined
      ? []
      : list(members(tables[name], source, name).registries, source, name).map((entry) =>
          string(entry, source, name),
        );
  const [insecure, blocked] = [registries('insecure'), registries('block')];
  return [...new Set([...insecure, ...blocked])].flatMap((text) => {
    const prefix = parseLocation(text, source);
    if (prefix === undefined) return [];
    const states = { insecure: insecure.includes(text), blocked: blocked.includes(text) };
    return [{ prefix, location: undefined, ...states, mirrors: [], source }];
  });
}

function parseLocation(text: string, source: string): string | undefined {
  if (text.includes('://')) throw invalid(source, `"${text}" has a scheme, but locations have none`);
  return text.replace(/\/+$/, '') || undefined;
}

function parsePrefix(text: string, source: string): string | undefined {
  if (/^\*\.[^*/:]+$/.test(text)) return text;
  if (text.includes('*')) throw invalid(source, `"${text}" has a * that is not at the beginning of a domain`);
  return parseLocation(text, source);
}

function members(value: unknown, source: string, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(source, `${name} is not a table`);
  return { ...value };
}

function list(value: unknown, source: string, name: string): unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(source, `${name} is not a list; write it in [[double brackets]]`);
  return value;
}

function string(value: unknown, source: string, name: string): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') throw invalid(source, `${name} is not a string`);
  return value;
}

function boolean(value: unknown, source: string, name: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw invalid(source, `${name} is neither true nor false`);
  return value;
}

function invalid(source: string, problem: string): LadingError {
  return new LadingError('USAGE', `${source}: ${problem}`, {
    hint: 'Correct the file (containers-registries.conf(5)), or name another with CONTAINERS_REGISTRIES_CONF.',
  });
}
