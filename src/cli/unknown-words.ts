import { LadingError } from '../index.js';
import type { Command } from './command.js';
import { COMMANDS } from './commands.js';
import { sentenceForCommand, sentenceForFlag } from './foreign-words.js';
import type { CommandOptions } from './options.js';
import { closest, listWords } from './suggest.js';

/** Returns the error for a command that does not exist, with a hint at the one that was meant. */
export function describeUnknownCommand(word: string): LadingError {
  const meant = closest(
    word,
    COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
  );
  const guess = meant === undefined ? 'lading --help shows what there is.' : `Did you mean lading ${meant}?`;
  return new LadingError('USAGE', `there is no command "${word}"`, {
    hint: sentenceForCommand(word) ?? guess,
  });
}

/** Returns the error for flags (with dashes) that a command does not have, with a hint at the flag that was meant. */
export async function describeUnknownFlags(
  unknown: readonly string[],
  command: Command | undefined,
  options: CommandOptions,
): Promise<LadingError> {
  const message = `${unknown.length === 1 ? 'unknown flag' : 'unknown flags'} ${listWords(unknown, 'and')}`;
  const hints = await Promise.all(unknown.map((flag) => hintFor(flag, options)));
  const known = [...new Set(hints.filter((hint) => hint !== undefined))];
  const help = `lading ${command === undefined ? '' : `${command.name} `}--help shows what there is.`;
  return new LadingError('USAGE', message, { hint: known.length === 0 ? help : known.join(' ') });
}

async function hintFor(flag: string, options: CommandOptions): Promise<string | undefined> {
  const word = flag.replace(/^-+/, '');
  const sentence = sentenceForFlag(word, options);
  if (sentence !== undefined) return sentence;
  const shown = Object.entries(options).filter(([, { hidden }]) => hidden !== true);
  const names = shown.flatMap(([name, { type }]) => (type === 'boolean' ? [name, `no-${name}`] : [name]));
  const meant = flag.startsWith('--') ? closest(word, names) : undefined;
  if (meant !== undefined) return `Did you mean --${meant}?`;
  const others = await commandsWith(word.replace(/^no-/, ''));
  return others.length === 0
    ? undefined
    : `${listWords(
        others.map((name) => `lading ${name}`),
        'and',
      )} ${others.length === 1 ? 'has' : 'have'} ${flag}.`;
}

/** Returns the names of the commands that have a flag, given without dashes. */
async function commandsWith(flag: string): Promise<string[]> {
  const modules = await Promise.all(COMMANDS.map(async ({ name, load }) => ({ name, ...(await load()) })));
  const isIn = (options: CommandOptions): boolean =>
    Object.entries(options).some(
      ([name, { alias, hidden }]) => hidden !== true && (name === flag || alias === flag),
    );
  return modules.filter(({ options }) => isIn(options)).map(({ name }) => name);
}
