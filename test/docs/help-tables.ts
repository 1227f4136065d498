import { existsSync } from 'node:fs';
import { COMMANDS } from '../../src/cli/commands.js';
import { describeCommand, type OptionDescription } from '../../src/cli/describe-command.js';
import { EXIT_MEANINGS } from '../../src/cli/exit-codes.js';

/** Groups of flags that several commands share: each has one table, on the page of its subject. */
const SHARED_GROUPS: readonly string[] = ['Output', 'Registry', 'Bucket'];
/** Their flags stand beside what they limit, in tables with more than the help says. */
const LIMITS = 'Limits';

/** The pages of commands that have none of their own; default commands.md. */
const PAGES: Partial<Record<string, string>> = {
  index: 'buckets.md#what-is-in-the-bucket',
  login: 'registries.md#logins',
  logout: 'registries.md#logins',
  auth: 'registries.md#logins',
  config: 'configuration.md',
  find: 'lists.md',
  lock: 'lists.md',
  plan: 'lists.md',
  prune: 'scale.md#garbage',
  rm: 'scale.md#names-that-go',
  job: 'scale.md#jobs',
};

/** Returns a table of the commands, for README.md, with the summaries of the help and their pages. */
export async function commandsTable(): Promise<string[]> {
  const described = await Promise.all(COMMANDS.map(describeCommand));
  const rows = described.map(({ name, usage, summary }) => {
    const own = existsSync(new URL(`../../docs/${name}.md`, import.meta.url)) ? `${name}.md` : undefined;
    return `| [\`${cell(usage)}\`](docs/${own ?? PAGES[name] ?? 'commands.md'}) | ${cell(summary)} |`;
  });
  return ['', '| command | what it does |', '| --- | --- |', ...rows, ''];
}

/** Returns a table of the flags of a command, or of a group that commands share, from what `--help` is made of. */
export async function flagsTable(of: string): Promise<string[]> {
  const options = SHARED_GROUPS.includes(of) ? await sharedOptions(of) : await ownOptions(of);
  return [
    '',
    '| flag | meaning |',
    '| --- | --- |',
    ...options.map((option) => `| ${cell(namesOf(option))} | ${cell(meaningOf(option))} |`),
    '',
  ];
}

/** Returns a table of the exit codes, from what `lading help exit-codes` is made of. */
export function exitCodesTable(): string[] {
  const rows = Object.values(EXIT_MEANINGS).map(([code, meaning]) => `| ${code} | ${cell(meaning)} |`);
  return ['', '| exit | when |', '| --- | --- |', ...rows, ''];
}

async function ownOptions(name: string): Promise<OptionDescription[]> {
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) throw new Error(`no command is called ${name}`);
  const { options } = await describeCommand(command);
  return options.filter(({ group }) => group !== LIMITS && !SHARED_GROUPS.includes(group));
}

/** Returns the flags of a group, each once, as the first command that has it describes it. */
async function sharedOptions(wanted: string): Promise<OptionDescription[]> {
  const described = await Promise.all(COMMANDS.map(describeCommand));
  const byName = new Map<string, OptionDescription>();
  for (const option of described.flatMap(({ options }) => options))
    if (option.group === wanted && !byName.has(option.name)) byName.set(option.name, option);
  return [...byName.values()];
}

function namesOf({ name, alias, value, isOnByDefault }: OptionDescription): string {
  const long = isOnByDefault ? `--[no-]${name}` : `--${name}`;
  const shown = value === undefined ? long : `${long}${value.startsWith('[') ? '' : ' '}${value}`;
  return [...(alias === undefined ? [] : [`-${alias}`]), shown].map((text) => `\`${text}\``).join(', ');
}

function meaningOf(option: OptionDescription): string {
  const { describe, choices, default: usual, isRequired, isRepeatable, isOnByDefault } = option;
  const notes = [
    ...(isOnByDefault ? ['default: on'] : []),
    ...(choices === undefined ? [] : [`one of ${choices.join(', ')}`]),
    ...(usual === undefined ? [] : [`default: ${usual}`]),
    ...(isRequired ? ['required'] : []),
    ...(isRepeatable ? ['can be repeated'] : []),
  ];
  return `${describe}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
