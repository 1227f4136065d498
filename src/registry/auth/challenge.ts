/** An authentication scheme that a server offers in `WWW-Authenticate`. */
export interface Challenge {
  /** In lower case, such as `bearer` or `basic`. */
  scheme: string;
  /** Names in lower case. */
  parameters: ReadonlyMap<string, string>;
}

/**
 * Parses all `WWW-Authenticate` lines. Accepts more than RFC 9110 (11.6.1) allows, because registries send it: several
 * challenges in a line, spaces around `=`, unquoted URLs, and `;` instead of `,`. Skips what it cannot parse.
 */
export function parseChallenges(lines: readonly string[]): Challenge[] {
  return lines.flatMap(parseLine);
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const SEPARATOR = /[\s,;]+/y;
const EQUALS = /\s*=\s*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const UNQUOTED = /[^\s,"]+/y;

function parseLine(line: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(line);
    if (match !== null) position = pattern.lastIndex;
    return match;
  };

  while (position < line.length) {
    if (take(SEPARATOR) !== null) continue;
    const word = take(TOKEN)?.[0].toLowerCase();
    if (word === undefined) {
      position += 1;
      continue;
    }
    if (take(EQUALS) === null) {
      challenges.push({ scheme: word, parameters: new Map() });
      continue;
    }
    if (line[position] === '"') {
      const quoted = take(QUOTED);
      if (quoted === null) break; // the quote is not closed, so the rest is not reliable
      setParameter(challenges.at(-1)?.parameters, word, (quoted[1] ?? '').replace(/\\(.)/g, '$1'));
    } else {
      setParameter(challenges.at(-1)?.parameters, word, take(UNQUOTED)?.[0] ?? '');
    }
  }
  return challenges;
}

/** The last value of a repeated parameter wins, as in distribution; scopes are concatenated. */
function setParameter(parameters: Map<string, string> | undefined, name: string, value: string): void {
  if (parameters === undefined || value === '') return;
  const earlier = parameters.get(name);
  parameters.set(name, name === 'scope' && earlier !== undefined ? `${earlier} ${value}` : value);
}
