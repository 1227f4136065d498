import type { CommandModule } from './command.js';

/** Says what a command needs and was not given: one argument with what it is, several by their names. */
export function describeMissing(
  command: string,
  { options, positionals }: Pick<CommandModule, 'options' | 'positionals'>,
  argv: object,
): string {
  const given = new Map<string, unknown>(Object.entries(argv));
  const missing = [
    ...Object.entries(positionals).map(([name, argument]) => ({ ...argument, name, word: name })),
    ...Object.entries(options).map(([name, flag]) => ({ ...flag, name, word: `--${name}` })),
  ].filter(({ name, demandOption }) => demandOption && given.get(name) === undefined);
  // yargs knows arguments as flags too, and counts only what stands alone.
  if (missing.length === 0)
    return `${command} takes ${Object.keys(positionals).join(', ')} without a flag before`;
  const words = missing.map(({ word }) => word);
  const last = words.pop();
  const what = words.length === 0 ? `: ${lowerFirst(missing[0]?.describe ?? '')}` : '';
  return `${command} needs ${words.length > 0 ? `${words.join(', ')} and ` : ''}${last}${what}`;
}

/** As a description goes on after a colon; a word in capitals stays one. */
function lowerFirst(text: string): string {
  return text.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase());
}
