import { access, constants, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { LadingError, readFailure } from '../index.js';
import { closest } from './suggest.js';

/** The settings of a file, before it is known which flags there are. */
export interface ConfigFile {
  path: string;
  /** Settings for every command that has the flag, by the name of the flag. */
  everywhere: ReadonlyMap<string, Written>;
  /** Settings for one command, by its name. */
  commands: ReadonlyMap<string, ReadonlyMap<string, Written>>;
  /** Settings for one registry, by `HOST[:PORT]`. */
  registries: ReadonlyMap<string, ReadonlyMap<string, Written>>;
}

/** A value in the file. */
export interface Written {
  /** The value as on the command line. */
  values: readonly string[];
  isList: boolean;
  line: number;
}

/** Returns the path of the file that is read if neither `--config` nor `LADING_CONFIG` names another. */
export function defaultConfigPath(environment: NodeJS.ProcessEnv, home = homedir()): string {
  return join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'lading', 'config.yaml');
}

/**
 * Reads the configuration: `named`, else the file of `LADING_CONFIG`, else the default one if it exists. Throws `USAGE`
 * with the line of a mistake, `NOT_FOUND` or `IO`. `commands` are the names of all commands.
 */
export async function readConfigFile(
  named: string | undefined,
  environment: NodeJS.ProcessEnv,
  commands: readonly string[],
): Promise<ConfigFile | undefined> {
  const wanted = named ?? (environment.LADING_CONFIG || undefined);
  const path = wanted ?? defaultConfigPath(environment);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (wanted === undefined && (await isAbsent(path, error))) return undefined;
    const failure = readFailure(`the configuration ${path}`, error);
    if (named !== undefined || wanted === undefined) throw failure;
    throw new LadingError(failure.code, failure.message, { cause: error, hint: 'LADING_CONFIG names it.' });
  }
  return parseConfig(text, path, commands);
}

/** True also if this user may not look for the file: `sudo -u` may leave `HOME` at the home of somebody else. */
async function isAbsent(path: string, error: unknown): Promise<boolean> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'EACCES') return code === 'ENOENT' || code === 'ENOTDIR';
  return access(dirname(path), constants.X_OK).then(
    () => false,
    () => true,
  );
}

/** Parses YAML, of which JSON is a part. */
export async function parseConfig(
  text: string,
  path: string,
  commands: readonly string[],
): Promise<ConfigFile> {
  const { isMap, isNode, isScalar, LineCounter, parseDocument } = await import('./yaml.js'); // loading it takes 15 ms
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number | undefined): number => lines.linePos(offset ?? 0).line || 1;
  const [mistake] = document.errors;
  if (mistake !== undefined) throw invalid(`${path}:${lineAt(mistake.pos[0])}`, mistake.message);
  const read = (node: unknown, where: string): [name: string, value: unknown, line: number][] => {
    if (node === null || (isScalar(node) && node.value === null)) return [];
    if (!isMap(node)) throw invalid(where, 'settings are written as NAME: VALUE');
    return node.items.map(({ key, value }) => {
      const line = lineAt(isScalar(key) ? key.range?.[0] : undefined);
      return [isScalar(key) ? String(key.value) : String(key), value, line];
    });
  };
  const write = (value: unknown, name: string, line: number): Written => {
    const plain: unknown = isNode(value) ? value.toJS(document) : value;
    const values = Array.isArray(plain) ? plain : [plain];
    if (!values.every((each) => ['string', 'number', 'boolean'].includes(typeof each)))
      throw invalid(`${path}:${line}`, `${name} takes a value or a list of values`);
    return { values: values.map(String), isList: Array.isArray(plain), line };
  };
  const section = (value: unknown, name: string, line: number): Map<string, Written> =>
    new Map(
      read(value, `${path}:${line}: ${name}`).map(([key, each, at]) => [
        key,
        write(each, `${name}.${key}`, at),
      ]),
    );

  const everywhere = new Map<string, Written>();
  const sections = new Map<string, Map<string, Written>>();
  const registries = new Map<string, Map<string, Written>>();
  for (const [name, value, line] of read(document.contents, path)) {
    if (name === 'registries')
      for (const [registry, settings, at] of read(value, `${path}:${line}: ${name}`))
        registries.set(registry, section(settings, `registries.${registry}`, at));
    else if (commands.includes(name)) sections.set(name, section(value, name, line));
    else if (isMap(value)) {
      const meant = closest(name, [...commands, 'registries']);
      const hint = meant === undefined ? {} : { hint: `Did you mean ${meant}?` };
      throw new LadingError(
        'USAGE',
        `${path}:${line}: "${name}" is neither a command nor "registries"`,
        hint,
      );
    } else everywhere.set(name, write(value, name, line));
  }
  return { path, everywhere, commands: sections, registries };
}

/** Finds a file that the configuration names: relative to it, and with `~/` in the home folder. */
export function fileBeside(config: string, file: string): string {
  if (file === '-' || isAbsolute(file)) return file;
  return /^~[\\/]/.test(file) ? join(homedir(), file.slice(2)) : resolve(dirname(config), file);
}

function invalid(where: string, problem: string): LadingError {
  return new LadingError('USAGE', `${where}: ${problem}`);
}
