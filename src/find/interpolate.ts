/** The values of variables, wherever they are kept. */
export type Values = Pick<ReadonlyMap<string, string>, 'get'>;

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?error}` and `${NAME:+other}`. A variable without a value
 * stays as it is written, and so does what else a shell does with one. (compose-spec, "Interpolation")
 */
export function interpolated(text: string, environment: Values, depth = 0): string {
  if (!text.includes('$') || depth > MAX_NESTED) return text;
  let result = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) break;
    if (result.length > at + MAX_ADDED) return text;
    result += text.slice(at, dollar);
    if (text[dollar + 1] === '$') {
      result += '$';
      at = dollar + 2;
      continue;
    }
    NAME.lastIndex = dollar + (text[dollar + 1] === '{' ? 2 : 1);
    const [name] = NAME.exec(text) ?? [];
    if (name === undefined) {
      result += '$';
      at = dollar + 1;
    } else if (text[dollar + 1] === '{') {
      const end = closingBrace(text, dollar + 1);
      if (end < 0) {
        at = dollar;
        break;
      }
      result += valueIn(
        text.slice(dollar, end + 1),
        name,
        text.slice(NAME.lastIndex, end),
        environment,
        depth,
      );
      at = end + 1;
    } else {
      result += environment.get(name) ?? `$${name}`;
      at = dollar + 1 + name.length;
    }
  }
  return result.length > at + MAX_ADDED ? text : result + text.slice(at);
}

const MAX_NESTED = 8;
/** No name is as long. Variables that name each other twice would double with each line. */
const MAX_ADDED = 1024;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;

function valueIn(whole: string, name: string, rest: string, environment: Values, depth: number): string {
  const value = environment.get(name);
  const [, colon = '', sign = '', other = ''] = /^(:?)([-=?+])([\s\S]*)$/.exec(rest) ?? [];
  // A shell also cuts and replaces, `${NAME%.*}`, which nothing is put in place of here.
  if (rest !== '' && sign === '') return whole;
  const isSet = value !== undefined && (colon === '' || value !== '');
  if (sign === '+') return isSet ? interpolated(other, environment, depth + 1) : '';
  if (isSet) return value;
  return sign === '-' || sign === '=' ? interpolated(other, environment, depth + 1) : whole;
}

function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '{') depth++;
    if (text[at] === '}') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}
