import { LadingError } from '../index.js';
import { problemOf } from './arguments.js';
import type { Command, CommandModule } from './command.js';
import { type ConfigFile, fileBeside, type Written } from './config-file.js';
import type { Setting } from './effective-settings.js';
import { type CommandOptions, GLOBAL_OPTIONS } from './options.js';
import { closest } from './suggest.js';
import { variableOf } from './variable.js';

/** Where settings come from, besides the command line. */
export interface SettingSources {
  environment: NodeJS.ProcessEnv;
  file: ConfigFile | undefined;
}

/** Flags that are given on the command line only. */
export const NEVER: readonly string[] = ['help', 'version', 'config'];
/** Secrets, which have no place in a file that others may read, and are named where they are missed. */
export const SECRETS: readonly string[] = ['creds', 'src-creds', 'dest-creds', 'password'];
/** Variables with a meaning of their own: they are read where logins are. */
export const LOGIN_VARIABLES: readonly string[] = ['LADING_USERNAME', 'LADING_PASSWORD'];

/**
 * Returns the settings of a command for flags that are not in `given`: the environment before the command's section of
 * the file, before the rest of the file. Throws `USAGE` for invalid values.
 */
export function settingsOf(
  command: string,
  options: CommandOptions,
  { environment, file }: SettingSources,
  given: ReadonlySet<string> = new Set(),
): Setting[] {
  const names = Object.keys(options).filter((name) => !given.has(name) && !NEVER.includes(name));
  return names.flatMap((name): Setting[] => {
    const option = options[name] ?? {};
    const variable = variableOf(name);
    const hasVariable = !LOGIN_VARIABLES.includes(variable) && option.isOwn !== true;
    const text = hasVariable ? environment[variable] : undefined;
    if (text) {
      const values = option.array === true ? text.trim().split(/\s+/) : [booleanOf(option.type, text)];
      for (const value of values) refuse(`${variable}`, problemOf(option, value));
      return [{ name, values, from: 'environment', place: variable }];
    }
    const shared = option.isOwn === true ? undefined : file?.everywhere.get(name);
    const written = file?.commands.get(command)?.get(name) ?? shared;
    if (file === undefined || written === undefined) return [];
    const { values } = written;
    const place = `${file.path}:${written.line}`;
    refuse(`${place}: ${name}`, problemOfWritten(options, name, written));
    const isFile = option.value === 'FILE';
    return [
      {
        name,
        values: isFile ? values.map((value) => fileBeside(file.path, value)) : values,
        from: 'file',
        place,
      },
    ];
  });
}

function booleanOf(type: string | undefined, text: string): string {
  if (type !== 'boolean') return text;
  return text === '1' ? 'true' : text === '0' ? 'false' : text;
}

function problemOfWritten(
  options: CommandOptions,
  name: string,
  { values, isList }: Written,
): string | undefined {
  const option = options[name] ?? {};
  if (isList && option.array !== true) return 'takes one value, not a list';
  return values.map((value) => problemOf(option, value)).find((problem) => problem !== undefined);
}

function refuse(what: string, problem: string | undefined): void {
  if (problem === undefined) return;
  throw new LadingError('USAGE', `${what} ${problem}`, {
    hint: 'lading config shows all settings and where they come from.',
  });
}

/** Returns a warning for each variable that looks like a setting and is none. */
export async function unknownVariables(
  environment: NodeJS.ProcessEnv,
  known: CommandOptions,
  commands: readonly Command[],
): Promise<string[]> {
  const fixed = [...LOGIN_VARIABLES, 'LADING_CONFIG'];
  const isKnown = (options: CommandOptions, variable: string): boolean =>
    Object.entries(options).some(
      ([name, { isOwn }]) => variableOf(name) === variable && !NEVER.includes(name) && isOwn !== true,
    );
  const doubtful = Object.keys(environment)
    .filter(
      (variable) => variable.startsWith('LADING_') && !fixed.includes(variable) && !isKnown(known, variable),
    )
    .sort();
  if (doubtful.length === 0) return [];
  const all = await optionsOfAll(commands);
  const names = [...new Set([...all.values()].flatMap((options) => Object.keys(options)))].map(variableOf);
  return doubtful
    .filter((variable) => ![...all.values()].some((options) => isKnown(options, variable)))
    .map((variable) => {
      const meant = closest(withoutPrefix(variable), [...fixed, ...names].map(withoutPrefix));
      return `${variable} is not a setting${meant === undefined ? '' : `; did you mean LADING_${meant}?`}`;
    });
}

function withoutPrefix(variable: string): string {
  return variable.replace(/^LADING_/, '');
}

/**
 * Checks every key of a file, also those of other commands, so that a mistake is found before the command that it is
 * for runs. Throws `USAGE`.
 */
export async function checkFile(file: ConfigFile, commands: readonly Command[]): Promise<void> {
  const all = await optionsOfAll(commands);
  const everywhere = [...new Set([...all.values()].flatMap((options) => Object.keys(options)))];
  for (const [name, written] of file.everywhere) {
    const place = `${file.path}:${written.line}`;
    refuseKey(place, name, everywhere, [...all.keys(), 'registries']);
    const having = [...all.values()].filter(
      (options) => Object.hasOwn(options, name) && options[name]?.isOwn !== true,
    );
    // A flag may mean something else in another command: the value has to fit one of them.
    const problems = having.map((options) => problemOfWritten(options, name, written));
    if (!problems.includes(undefined)) refuse(`${place}: ${name}`, problems[0]);
  }
  for (const [command, settings] of file.commands)
    for (const [name, written] of settings) {
      const options = all.get(command) ?? {};
      const place = `${file.path}:${written.line}`;
      refuseKey(
        place,
        `${command}.${name}`,
        Object.keys(options).map((known) => `${command}.${known}`),
        [],
      );
      refuse(`${place}: ${command}.${name}`, problemOfWritten(options, name, written));
    }
}

function refuseKey(place: string, name: string, flags: readonly string[], others: readonly string[]): void {
  const flag = name.replace(/^.*\./, '');
  if (SECRETS.includes(flag))
    throw new LadingError(
      'USAGE',
      `${place}: ${name} does not belong in this file, because others may read it`,
      {
        hint: 'lading login stores a login, and "authfile" names the file of logins.',
      },
    );
  if (flags.includes(name) && !NEVER.includes(flag)) return;
  const meant = closest(
    name,
    [...flags, ...others].filter((known) => !NEVER.includes(known) && !SECRETS.includes(known)),
  );
  throw new LadingError('USAGE', `${place}: there is no setting "${name}"`, {
    hint:
      meant === undefined
        ? 'Settings are called like the flags, without dashes before them.'
        : `Did you mean ${meant}?`,
  });
}

/** Returns the flags of every command that has settings, by its name. */
async function optionsOfAll(commands: readonly Command[]): Promise<Map<string, CommandModule['options']>> {
  const loaded = commands
    .filter(({ readsSettings = true }) => readsSettings)
    .map(async ({ name, load }) => [name, { ...GLOBAL_OPTIONS, ...(await load()).options }] as const);
  return new Map(await Promise.all(loaded));
}
