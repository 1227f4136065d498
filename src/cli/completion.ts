import yargs from 'yargs';
import { type Command, type CommandModule, isCalled } from './command.js';
import { EXIT } from './exit-codes.js';
import { TOPICS } from './help-topics.js';
import { type CommandOptions, GLOBAL_OPTIONS } from './options.js';

/** The scripts of yargs: they ask the program itself, by `--get-yargs-completions`, and complete names of files if it has no answer. */
export const completionCommand: CommandModule = {
  options: {},
  positionals: {},
  examples: [
    {
      line: 'lading completion >> ~/.bashrc',
      summary: 'for bash; for the shell in SHELL, also zsh and fish',
    },
  ],
  async run(_argv, { output }) {
    const lines: string[] = [];
    const { log } = console;
    console.log = (text: string) => lines.push(text); // there is no other way to get the script
    try {
      yargs().scriptName('lading').completion('completion', false).showCompletionScript();
    } finally {
      console.log = log;
    }
    output.result({ script: lines.join('\n') }, () => `${lines.join('\n')}\n`);
    return EXIT.done;
  },
};

/**
 * Returns what can stand in place of the last of `words`, the words of a command line after the program's name, with a
 * description of each. Empty where a name of a file, an image or any text stands; the shell then completes files.
 */
export async function completionsOf(
  words: readonly string[],
  commands: readonly Command[],
): Promise<[word: string, describe: string][]> {
  const [, flag, begun = ''] = /^(--[^=]+)=(.*)$/s.exec(words.at(-1) ?? '') ?? [];
  if (flag === undefined) return completionsOfWords(words, commands);
  const values = await completionsOfWords([...words.slice(0, -1), flag, begun], commands);
  return values.map(([value, describe]) => [`${flag}=${value}`, describe]);
}

async function completionsOfWords(
  words: readonly string[],
  commands: readonly Command[],
): Promise<[word: string, describe: string][]> {
  // Bash makes three words of --flag=value.
  const current = words.at(-1) === '=' ? '' : (words.at(-1) ?? '');
  const before = words.slice(0, -1).filter((word) => word !== '=');
  const place = before.findIndex((word) => !word.startsWith('-'));
  const named = commands.find((command) => isCalled(command, before[place]));
  const module = await named?.load();
  const options: CommandOptions = { ...GLOBAL_OPTIONS, ...module?.options };
  const previous = before.at(-1) ?? '';
  const [, option] =
    Object.entries(options).find(
      ([name, { alias }]) => previous === `--${name}` || previous === `-${alias}`,
    ) ?? [];
  const starting = (list: [string, string][]): [string, string][] =>
    list.filter(([word]) => word.startsWith(current));
  if (option !== undefined && option.type !== 'boolean')
    return starting((option.choices ?? []).map((choice) => [String(choice), '']));
  if (current.startsWith('-')) return starting(flagsOf(options, before));
  if (named === undefined && place === -1)
    return starting(commands.map(({ name, summary }) => [name, summary]));
  if (named?.name === 'help')
    return starting([
      ...commands.map(({ name, summary }): [string, string] => [name, summary]),
      ...Object.entries(TOPICS).map(([name, { summary }]): [string, string] => [name, summary]),
    ]);
  return [];
}

function flagsOf(options: CommandOptions, before: readonly string[]): [string, string][] {
  return Object.entries(options)
    .filter(
      ([name, { hidden, array }]) => hidden !== true && (array === true || !before.includes(`--${name}`)),
    )
    .map(([name, { type, default: value, describe }]) => [
      type === 'boolean' && value === true ? `--no-${name}` : `--${name}`,
      describe || '',
    ]);
}

/** Formats completions as the script of yargs for this shell expects them. */
export function formatCompletions(
  completions: readonly (readonly [string, string])[],
  shell: string,
): string {
  const line = ([word, describe]: readonly [string, string]): string => {
    if (describe === '' || !/zsh|fish/.test(shell)) return word;
    return shell.includes('zsh') ? `${word.replaceAll(':', '\\:')}:${describe}` : `${word}\t${describe}`;
  };
  return completions.map((completion) => `${line(completion)}\n`).join('');
}
