import type { InferredOptionTypes } from 'yargs';
import { LadingError } from '../index.js';
import { formatColumns } from './columns.js';
import { type Command, type CommandModule, isCalled } from './command.js';
import { defaultConfigPath } from './config-file.js';
import type { EffectiveSettings, Setting } from './effective-settings.js';
import { EXIT } from './exit-codes.js';
import { CONNECTION_OPTIONS, type CommandOptions, GLOBAL_OPTIONS, type GlobalArguments } from './options.js';
import { LOGIN_VARIABLES, NEVER, SECRETS, type SettingSources, settingsOf } from './settings.js';
import { closest } from './suggest.js';

type Arguments = GlobalArguments & InferredOptionTypes<typeof CONNECTION_OPTIONS> & { COMMAND?: string };

/** A setting as it is shown, without secrets. */
interface Shown {
  /** The flag, after the command if it is for one alone: `save.format`; or `registries.HOST.NAME`. */
  name: string;
  /** Null if nothing sets it and it has no default. */
  value: string | readonly string[] | null;
  from: 'flag' | 'environment' | 'file' | 'default';
  /** The variable, or `FILE:LINE`. */
  place?: string;
}

export const configCommand: CommandModule = {
  options: CONNECTION_OPTIONS,
  positionals: { COMMAND: { type: 'string', describe: 'Show all flags of this command' } },
  examples: [
    { line: 'lading config', summary: 'what commands share, and what is set for single ones' },
    { line: 'lading config save', summary: 'every flag of save' },
  ],
  epilogue:
    'A flag counts before its variable, which counts before the configuration, which counts before the default. ' +
    'In the configuration, the section of a command counts before the settings for all. ' +
    'The variable of --keep-going is LADING_KEEP_GOING; several values are separated by spaces.',
  async run(argv, { output, commands, settings }) {
    const { COMMAND: wanted, ...flags } = argv as Arguments; // yargs has parsed by the positionals
    const sources = { environment: process.env, file: settings.file };
    const shown =
      wanted === undefined
        ? [...showShared(settings, new Map(Object.entries(flags))), ...(await showSingle(commands, sources))]
        : await showCommand(findCommand(wanted, commands), sources);
    const file = settings.file?.path ?? defaultConfigPath(process.env);
    const exists = settings.file !== undefined;
    const all = [...shown, ...showLogins(process.env), ...showRegistries(settings)];
    output.result({ file, exists, settings: all }, () => {
      const head = exists ? `${file}\n\n` : `${file} does not exist\n\n`;
      return `${head}${formatSettings(all, output.width)}`;
    });
    return EXIT.done;
  },
};

/** Flags that all commands or all that use a registry have. */
const SHARED: CommandOptions = { ...GLOBAL_OPTIONS, ...CONNECTION_OPTIONS };

function showShared({ settings, given }: EffectiveSettings, flags: ReadonlyMap<string, unknown>): Shown[] {
  return namesOf(SHARED).map((name) => {
    if (!given.has(name)) return show(name, SHARED, settings);
    const value = flags.get(name);
    const texts = Array.isArray(value) ? value.map(String) : [String(value)];
    return { name, value: redact(name, texts, SHARED), from: 'flag' };
  });
}

/** Shows what is set for single commands. */
async function showSingle(commands: readonly Command[], sources: SettingSources): Promise<Shown[]> {
  const shown = await Promise.all(
    commands
      .filter(({ readsSettings = true }) => readsSettings)
      .map(async ({ name: command, load }) => {
        const { options } = await load();
        const inSection = sources.file?.commands.get(command);
        const names = Object.keys(options).filter(
          (name) => !Object.hasOwn(SHARED, name) || inSection?.has(name),
        );
        const own = settingsOf(command, options, sources).filter(({ name }) => names.includes(name));
        return own.map(({ name }) => ({ ...show(name, options, own), name: `${command}.${name}` }));
      }),
  );
  return shown.flat();
}

async function showCommand({ name: command, load }: Command, sources: SettingSources): Promise<Shown[]> {
  const options = { ...(await load()).options, ...GLOBAL_OPTIONS };
  const settings = settingsOf(command, options, sources);
  return namesOf(options).map((name) => show(name, options, settings));
}

function namesOf(options: CommandOptions): string[] {
  return Object.keys(options).filter((name) => !NEVER.includes(name) && options[name]?.hidden !== true);
}

function show(name: string, options: CommandOptions, settings: readonly Setting[]): Shown {
  const found = settings.find((setting) => setting.name === name);
  if (found === undefined) return { name, value: defaultOf(options[name] ?? {}), from: 'default' };
  return { name, value: redact(name, found.values, options), from: found.from, place: found.place };
}

function defaultOf({ defaultDescription, default: value, type }: CommandOptions[string]): string | null {
  const known = defaultDescription ?? value ?? (type === 'boolean' ? false : undefined);
  return known === undefined ? null : String(known);
}

/** Returns the value without passwords. */
function redact(
  name: string,
  values: readonly string[],
  options: CommandOptions,
): string | readonly string[] {
  const safe = SECRETS.includes(name)
    ? values.map((value) =>
        name === 'password' ? HIDDEN : value.replace(/^((?:[^=]*=)?[^:]*):.*$/s, `$1:${HIDDEN}`),
      )
    : values;
  return options[name]?.array === true ? safe : (safe[0] ?? '');
}

const HIDDEN = '***';

function showLogins(environment: NodeJS.ProcessEnv): Shown[] {
  return LOGIN_VARIABLES.filter((variable) => environment[variable]).map((variable) => ({
    name: variable === 'LADING_USERNAME' ? 'username' : 'password',
    value: variable === 'LADING_USERNAME' ? (environment[variable] ?? '') : HIDDEN,
    from: 'environment',
    place: variable,
  }));
}

function showRegistries({ file }: EffectiveSettings): Shown[] {
  return [...(file?.registries ?? [])].flatMap(([registry, settings]) =>
    [...settings].map(([name, { values, isList, line }]): Shown => {
      const place = `${file?.path}:${line}`;
      return {
        name: `registries.${registry}.${name}`,
        value: isList ? values : values.join(' '),
        from: 'file',
        place,
      };
    }),
  );
}

function findCommand(word: string, commands: readonly Command[]): Command {
  const known = commands.filter(({ readsSettings = true }) => readsSettings);
  const found = known.find((command) => isCalled(command, word));
  if (found !== undefined) return found;
  const meant = closest(
    word,
    known.map(({ name }) => name),
  );
  throw new LadingError('USAGE', `there is no command "${word}" that has settings`, {
    ...(meant !== undefined && { hint: `Did you mean lading config ${meant}?` }),
  });
}

function formatSettings(settings: readonly Shown[], width: number | undefined): string {
  const textOf = (value: Shown['value']): string =>
    value === null ? '-' : typeof value === 'string' ? value : value.join(' ');
  return formatColumns(
    [
      { header: 'SETTING', cells: settings.map(({ name }) => name) },
      { header: 'VALUE', cells: settings.map(({ value }) => textOf(value)), cut: 'middle' },
      {
        header: 'FROM',
        cells: settings.map(({ from, place }) => place ?? from),
        short: settings.map(({ from, place }) => place?.replace(/^.*:(\d+)$/s, 'line $1') ?? from),
        cut: 'middle',
      },
    ],
    width,
  );
}
