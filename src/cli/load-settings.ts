import type { Command } from './command.js';
import { COMMANDS } from './commands.js';
import { readConfigFile } from './config-file.js';
import type { EffectiveSettings } from './effective-settings.js';
import type { CommandOptions } from './options.js';
import { registriesOf } from './registry-settings.js';
import { checkFile, settingsOf, unknownVariables } from './settings.js';

const NO_SETTINGS: Omit<EffectiveSettings, 'given'> = {
  settings: [],
  file: undefined,
  registries: {},
  warnings: [],
};

/** Reads the environment and the configuration for a run of a command. Throws `USAGE`, `NOT_FOUND` or `IO`. */
export async function loadSettings(
  command: Command,
  options: CommandOptions,
  { given, config }: { given: ReadonlySet<string>; config: string | undefined },
): Promise<EffectiveSettings> {
  if (command.readsSettings === false) return { given, ...NO_SETTINGS };
  const { env: environment } = process;
  const names = COMMANDS.filter(({ readsSettings = true }) => readsSettings).map(({ name }) => name);
  const file = await readConfigFile(config, environment, names);
  if (file !== undefined) await checkFile(file, COMMANDS);
  const settings = settingsOf(command.name, options, { environment, file }, given);
  const variables = settings.filter(({ from }) => from === 'environment').map(({ name }) => name);
  return {
    given,
    settings,
    file,
    registries: registriesOf(file, new Set([...given, ...variables])),
    warnings: await unknownVariables(environment, options, COMMANDS),
  };
}
