import { LadingError } from '../index.js';
import { type Command, type CommandModule, isCalled } from './command.js';
import { type CommandDescription, describeCommand, type OptionDescription } from './describe-command.js';
import { EXIT } from './exit-codes.js';
import { TOPICS } from './help-topics.js';
import type { GlobalArguments } from './options.js';
import { closest, listWords } from './suggest.js';
import { wrapText } from './wrap.js';

export const helpCommand: CommandModule = {
  options: {},
  positionals: {
    TOPIC: { type: 'string', describe: `A command, or ${listWords(Object.keys(TOPICS), 'or')}` },
  },
  examples: [
    { line: 'lading help save', summary: 'the same as lading save --help' },
    { line: 'lading help exit-codes', summary: 'what each exit code means' },
    { line: 'lading help save --json', summary: 'the same as data' },
  ],
  async run(argv, { output, commands }) {
    const { TOPIC: topic } = argv as GlobalArguments & { TOPIC?: string }; // yargs has parsed by the positionals
    const width = Math.min(process.stdout.columns || 80, 100);
    if (topic === undefined) {
      const list = commands.map(({ name, aliases = [], summary }) => ({ name, aliases, summary }));
      output.result({ commands: list, topics: Object.keys(TOPICS) }, () => formatOverview(commands, width));
      return EXIT.done;
    }
    const command = commands.find((each) => isCalled(each, topic));
    const explained = Object.entries(TOPICS).find(([name]) => name === topic)?.[1];
    if (command !== undefined) {
      const description = await describeCommand(command);
      output.result(description, () => formatCommand(description, width));
    } else if (explained !== undefined) {
      output.result({ topic, text: explained.text() }, () => explained.text());
    } else {
      const names = [...commands.map(({ name }) => name), ...Object.keys(TOPICS)];
      const meant = closest(topic, names);
      throw new LadingError('USAGE', `there is no help for "${topic}"`, {
        hint:
          meant === undefined
            ? 'lading help lists commands and topics.'
            : `Did you mean lading help ${meant}?`,
      });
    }
    return EXIT.done;
  },
};

function formatOverview(commands: readonly Command[], width: number): string {
  const named = commands.map(({ name, aliases = [], summary }): [string, string] => [
    [name, ...aliases].join(', '),
    summary,
  ]);
  const topics = Object.entries(TOPICS).map(([name, { summary }]): [string, string] => [
    `help ${name}`,
    summary,
  ]);
  return [
    'Usage: lading COMMAND\n',
    'Carry container images across an air gap, with every digest kept.\n',
    `Examples:\n${formatExamples(
      [
        { line: 'lading save alpine:3.20 -o images.tar', summary: 'on this side: pull into a file' },
        {
          line: 'lading load -i images.tar registry.local:5000',
          summary: 'on the far side: push into a registry',
        },
        { line: 'lading serve images.tar', summary: 'or serve the file as a registry' },
      ],
      width,
    )}`,
    `Commands:\n${formatRows(named, width)}`,
    `Topics:\n${formatRows(topics, width)}`,
    'lading COMMAND --help shows the flags of a command; --version the version.\n',
  ].join('\n');
}

function formatCommand(description: CommandDescription, width: number): string {
  const { aliases, usage, summary, options, examples, epilogue } = description;
  const alias = aliases.length === 0 ? '' : ` (also: lading ${aliases.join(', lading ')})`;
  const groups = [...new Set(options.map(({ group }) => group))];
  const parts = [
    `Usage: ${usage}\n`,
    `${wrapText(`${summary}${alias}`, width)}\n`,
    `Examples:\n${formatExamples(examples, width)}`,
    ...(description.arguments.length === 0
      ? []
      : [
          `Arguments:\n${formatRows(
            description.arguments.map(({ name, describe }) => [name, describe]),
            width,
          )}`,
        ]),
    ...groups.map((group) => {
      const rows = options.filter((option) => option.group === group).map(formatOption);
      return `${group}:\n${formatRows(rows, width)}`;
    }),
    ...(epilogue === undefined ? [] : [`${wrapText(epilogue, width)}\n`]),
  ];
  return parts.join('\n');
}

/** Each command line has a line of its own, so that it can be copied. */
function formatExamples(examples: CommandDescription['examples'], width: number): string {
  const longest = Math.max(...examples.map(({ line, summary }) => line.length + summary.length));
  const column = Math.max(...examples.map(({ line }) => line.length)) + 2;
  const fits = longest < width && examples.every(({ summary }) => 2 + column + 2 + summary.length <= width);
  return examples
    .map(({ line, summary }) =>
      fits ? `  ${line.padEnd(column)}# ${summary}\n` : `  # ${summary}\n  ${line}\n`,
    )
    .join('');
}

function formatOption(option: OptionDescription): [string, string] {
  const { name, alias, value, describe, choices, isOnByDefault, isRequired, isRepeatable } = option;
  const left = `${alias === undefined ? '    ' : `-${alias}, `}--${isOnByDefault ? '[no-]' : ''}${name}${value === undefined ? '' : value.startsWith('[') ? value : ` ${value}`}`;
  const notes = [
    ...(isRequired ? ['required'] : []),
    ...(choices === undefined ? [] : [listWords(choices, 'or')]),
    ...(isRepeatable ? ['may be repeated'] : []),
    ...(option.default === undefined ? [] : [`default: ${option.default}`]),
    ...(isOnByDefault ? ['default: on'] : []),
  ];
  return [left, notes.length === 0 ? describe : `${describe} (${notes.join('; ')})`];
}

/** Widest names that have their description beside them. */
const NAMES = 26;

function formatRows(rows: readonly (readonly [string, string])[], width: number): string {
  const widths = rows.map(([name]) => name.length).filter((length) => length <= NAMES);
  const column = Math.max(...widths, 0) + 4;
  return rows
    .map(([name, text]) => {
      const lines = wrapText(text, Math.max(width - column, 20)).split('\n');
      const beside = name.length <= NAMES;
      const first = beside ? `  ${name.padEnd(column - 2)}${lines[0]}` : `  ${name}`;
      const others = (beside ? lines.slice(1) : lines).map((line) => `${' '.repeat(column)}${line}`);
      return `${[first, ...others].map((line) => line.trimEnd()).join('\n')}\n`;
    })
    .join('');
}
