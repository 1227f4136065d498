import type { Finder } from '../finder.js';
import { isPlausible } from '../image-text.js';
import { interpolated } from '../interpolate.js';
import { withoutComment } from '../plain-text.js';
import { isImageKey } from '../words.js';

/** True for the name of a file of variables. */
export function isEnvironmentName(file: string): boolean {
  return /(?:^|[/\\])\.env(?:\.[\w.-]+)?$|\.env$/.test(file);
}

/** Finds images in a file of variables: those whose names say so. */
export function findInEnvironment(finder: Finder): void {
  const variables = parseEnvironment(finder.text);
  let at = 0;
  for (const line of finder.text.split('\n')) {
    const [, name] = ASSIGNMENT.exec(line) ?? [];
    const value = name === undefined ? undefined : variables.get(name);
    if (name !== undefined && value !== undefined && value !== '') {
      if (isImageKey(name, value) && isPlausible(value)) finder.named(value, { at }, name, 'likely');
      else finder.possible(value, at, name);
    }
    at += line.length + 1;
  }
}

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]/;

/** Parses an `.env` file. (compose-spec, "Env_file format") */
export function parseEnvironment(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [start = '', name] = ASSIGNMENT.exec(line) ?? [];
    if (name === undefined) continue;
    const raw = line.slice(start.length).trim();
    const [, doubled, single] = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')/.exec(raw) ?? [];
    const value = doubled ?? single ?? withoutComment(raw);
    found.set(name, single === undefined ? interpolated(value, found) : value);
  }
  return found;
}
