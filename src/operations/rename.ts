import { readFile } from 'node:fs/promises';
import { readFailure } from '../disk/region.js';
import { LadingError, messageOf } from '../errors.js';
import type { RenameRule, RenameRules } from '../transfer/registry/registry-names.js';

/** Reads a file of rename rules (YAML or JSON). Rejects with `NOT_FOUND` and `USAGE`. */
export async function readRenameRules(path: string): Promise<RenameRules> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw readFailure(`the rules ${path}`, error);
  }
  try {
    const { parseYAML } = await import('./yaml.js'); // loading it takes 15 ms, and few users have rules
    return parseRules(parseYAML(text), path);
  } catch (error) {
    if (error instanceof LadingError) throw error;
    throw new LadingError('USAGE', `${path} is not YAML: ${messageOf(error)}`, { cause: error });
  }
}

function parseRules(document: unknown, path: string): RenameRules {
  if (!isObject(document)) throw invalidRules(path, 'it is not an object with rules');
  const { rules = [], maxDepth, ...rest } = document;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalidRules(path, `it has a member "${unknown}"`);
  if (!Array.isArray(rules)) throw invalidRules(path, 'rules is not a list');
  if (maxDepth !== undefined && !(typeof maxDepth === 'number' && Number.isInteger(maxDepth) && maxDepth > 0))
    throw invalidRules(path, 'maxDepth is not a positive whole number');
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
