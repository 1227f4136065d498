import type { CommandModule } from './command.js';
import { lowerFirst } from './suggest.js';

/** Returns a message about missing arguments: a single one with its description, several by their names. */
export function describeMissing(
  command: string,
  { options, positionals }: Pick<CommandModule, 'options' | 'positionals'>,
  argv: object,
): string {
  const given = new Map<string, unknown>(Object.entries(argv));
  const missing = [
    ...Object.entries(positionals).map(([name, argument]) => ({ ...argument, name, word: name })),
    ...Object.entries(options).map(([name, flag]) => ({ ...flag, name, word: `--${name}` })),
  ].filter(({ name, demandOption }) => demandOption && isAbsent(given.get(name)));
  // yargs accepts a positional argument as a flag too, but then still reports it as missing.
  if (missing.length === 0)
    return `${command} takes ${Object.keys(positionals).join(', ')} as an argument, not as a flag`;
  const words = missing.map(({ word }) => word);
  const last = words.pop();
  const what = words.length === 0 ? `: ${lowerFirst(missing[0]?.describe ?? '')}` : '';
  return `${command} needs ${words.length > 0 ? `${words.join(', ')} and ` : ''}${last}${what}`;
}

/** yargs makes an empty list of an argument that may be repeated. */
function isAbsent(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
