/** Codes of ECMA-48. The words that they colour say the same without them. */
const CODES = { error: '1;31', warning: '1;33' } as const;

/** Colours a word, or leaves it as it is. */
export type Colour = (word: string, kind: keyof typeof CODES) => string;

/** Returns a function that colours what is written to `stream`, if its reader wants that. */
export function colourFor(
  stream: { isTTY?: boolean | undefined },
  env: NodeJS.ProcessEnv = process.env,
): Colour {
  return hasColours(stream, env) ? (word, kind) => `\x1b[${CODES[kind]}m${word}\x1b[0m` : (word) => word;
}

/**
 * Whether text is coloured: never with `NO_COLOR` (no-color.org); else always with `FORCE_COLOR` or `CLICOLOR_FORCE`
 * (bixense.com/clicolors), unless they are 0; else on a terminal that has more than text, unless `CLICOLOR` is 0.
 */
export function hasColours({ isTTY }: { isTTY?: boolean | undefined }, env: NodeJS.ProcessEnv): boolean {
  if (isSet(env.NO_COLOR)) return false;
  const force = env.FORCE_COLOR ?? env.CLICOLOR_FORCE;
  if (force === '0' || force === 'false') return false;
  if (force !== undefined) return true;
  return isTTY === true && env.TERM !== 'dumb' && env.CLICOLOR !== '0';
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
