import { isRegistry, LadingError, type RegistrySettings } from '../index.js';
import { problemOf } from './arguments.js';
import { type ConfigFile, fileBeside, type Written } from './config-file.js';
import { CONNECTION_OPTIONS, type CommandOptions } from './options.js';
import { closest, listWords } from './suggest.js';

/** The settings below `registries: HOST:` in the configuration. All but two are called like flags. */
const REGISTRY_OPTIONS: CommandOptions = {
  ca: CONNECTION_OPTIONS.ca,
  cert: CONNECTION_OPTIONS.cert,
  'key-file': CONNECTION_OPTIONS['key-file'],
  'tls-verify': CONNECTION_OPTIONS['tls-verify'],
  'plain-http': CONNECTION_OPTIONS['plain-http'],
  authfile: CONNECTION_OPTIONS.authfile,
  mirror: { type: 'string', array: true, describe: 'HOST[/PATH] to ask before this registry' },
  'credential-helper': {
    type: 'string',
    describe: 'The only place to ask for the login: docker-credential-NAME',
  },
};

/**
 * Returns the settings of the configuration for single registries, without those that a flag or a variable overrides,
 * whose names are in `overridden`. Throws `USAGE`.
 */
export function registriesOf(
  file: ConfigFile | undefined,
  overridden: ReadonlySet<string> = new Set(),
): Record<string, RegistrySettings> {
  if (file === undefined) return {};
  return Object.fromEntries(
    [...file.registries].map(([registry, settings]) => {
      const place = `${file.path}: registries.${registry}`;
      if (!isRegistry(registry))
        throw new LadingError('USAGE', `${place}: "${registry}" is not a registry`, {
          hint: 'A registry is HOST[:PORT].',
        });
      for (const [name, written] of settings) check(file, registry, name, written);
      const valuesOf = (name: string): readonly string[] | undefined =>
        overridden.has(name) ? undefined : settings.get(name)?.values;
      const textOf = (name: string): string | undefined => valuesOf(name)?.[0];
      const fileOf = (name: string): string | undefined => {
        const text = textOf(name);
        return text === undefined ? undefined : fileBeside(file.path, text);
      };
      const flagOf = (name: string): boolean | undefined => {
        const text = textOf(name);
        return text === undefined ? undefined : text === 'true';
      };
      return [
        registry,
        {
          caFile: fileOf('ca'),
          certFile: fileOf('cert'),
          keyFile: fileOf('key-file'),
          tlsVerify: flagOf('tls-verify'),
          plainHTTP: flagOf('plain-http'),
          authFile: fileOf('authfile'),
          credentialHelper: overridden.has('authfile') ? undefined : textOf('credential-helper'),
          mirrors: valuesOf('mirror'),
        },
      ];
    }),
  );
}

function check(
  { path }: ConfigFile,
  registry: string,
  name: string,
  { values, isList, line }: Written,
): void {
  const option = Object.hasOwn(REGISTRY_OPTIONS, name) ? REGISTRY_OPTIONS[name] : undefined;
  const where = `${path}:${line}: registries.${registry}`;
  if (option === undefined) {
    const names = Object.keys(REGISTRY_OPTIONS);
    const meant = closest(name, names);
    throw new LadingError('USAGE', `${where}: there is no setting "${name}"`, {
      hint: meant === undefined ? `A registry has ${listWords(names, 'and')}.` : `Did you mean ${meant}?`,
    });
  }
  const problem =
    isList && option.array !== true
      ? 'takes one value, not a list'
      : values.map((value) => problemOf(option, value)).find((found) => found !== undefined);
  if (problem !== undefined) throw new LadingError('USAGE', `${where}.${name} ${problem}`);
}
