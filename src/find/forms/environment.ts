import type { Finder } from '../finder.js';
import { isPlausible } from '../image-text.js';
import { interpolated } from '../interpolate.js';
import type { Variables } from '../variables.js';
import { isImageKey } from '../words.js';

/** True for the name of a file of variables. */
export function isEnvironmentName(file: string): boolean {
  return /(?:^|[/\\])\.env(?:\.[\w.-]+)?$|\.env$/.test(file);
}

/** Finds images in a file of variables: those whose names say so. */
export function findInEnvironment(finder: Finder): void {
  for (const { name, value, at } of assignmentsIn(finder.text)) {
    if (value === '') continue;
    if (isImageKey(name, value) && isPlausible(value)) finder.named(value, { at }, name, 'likely');
    else finder.possible(value, at, name);
  }
}

/** The variables that values of a file may name besides its own. */
export interface OuterVariables {
  /** These take precedence over those of the file. */
  fixed?: Variables;
  /** Over these, the file takes precedence. */
  earlier?: Variables;
}

/** Parses an `.env` file. */
export function parseEnvironment(text: string, outer: OuterVariables = {}): Map<string, string> {
  return new Map(assignmentsIn(text, outer).map(({ name, value }) => [name, value]));
}

interface Assignment {
  name: string;
  value: string;
  at: number;
}

/** Reads assignments; a value in quotes may have several lines. (compose-spec, "Env_file format") */
function assignmentsIn(text: string, { fixed, earlier }: OuterVariables = {}): Assignment[] {
  const found: Assignment[] = [];
  const known = new Map([...(earlier ?? []), ...(fixed ?? [])]);
  let at = 0;
  while (at < text.length) {
    ASSIGNMENT.lastIndex = at;
    const [start = '', name] = ASSIGNMENT.exec(text) ?? [];
    const lineEnd = endOfLine(text, at);
    if (name === undefined) {
      at = lineEnd;
      continue;
    }
    const valueAt = at + start.length;
    const quoted = quotedAt(text, valueAt);
    const value =
      quoted?.quote === "'"
        ? quoted.text
        : interpolated(quoted?.text ?? unquotedIn(text.slice(valueAt, lineEnd)), known);
    found.push({ name, value, at });
    if (fixed?.has(name) !== true) known.set(name, value);
    at = quoted === undefined ? lineEnd : endOfLine(text, quoted.end);
  }
  return found;
}

/** At the beginning of a line; the value is what follows. */
const ASSIGNMENT = /[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_][\w.-]*)[^\S\n]*[=:][^\S\n]*/y;

/** Compose knows a comment by the space before it: behind `=` alone it is the value. */
function unquotedIn(rest: string): string {
  const comment = rest.indexOf(' #');
  return (comment < 0 ? rest : rest.slice(0, comment)).trim();
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end + 1;
}

/** Returns the text in quotes at a place, up to the end of the quotes; undefined if there are none. */
function quotedAt(text: string, at: number): { quote: string; text: string; end: number } | undefined {
  const quote = text[at];
  if (quote !== '"' && quote !== "'") return undefined;
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === '\\') end++;
    else if (text[end] === quote) {
      const raw = text.slice(at + 1, end).replaceAll(`\\${quote}`, quote);
      return { quote, text: quote === '"' ? unescaped(raw) : raw, end };
    }
  }
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', $: '$$', '\\': '\\' };

/** A dollar sign that is escaped becomes two, which interpolation makes one of. */
function unescaped(text: string): string {
  return text.replace(/\\([nrt$\\])/g, (whole, sign: string) => ESCAPES[sign] ?? whole);
}
