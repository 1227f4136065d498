import { isReference, LadingError, type RunCredentials } from '../index.js';
import { variableOf } from './variable.js';

/** The flags that contain logins. */
export interface CredentialFlags {
  creds?: readonly string[] | undefined;
  'src-creds'?: string | undefined;
  'dest-creds'?: string | undefined;
}

/** The logins of a run, as options of the library. */
export interface GivenCredentials {
  credentials: RunCredentials[] | undefined;
  sourceCredentials: RunCredentials | undefined;
  destinationCredentials: RunCredentials | undefined;
}

type PartialLogin = Omit<RunCredentials, 'password'> & { password: string | undefined };

/**
 * Parses the logins in flags and variables; throws `USAGE`. `LADING_USERNAME` is used if no flag names a user, and
 * `LADING_PASSWORD` for the only login that has no password.
 */
export function parseCredentials(
  flags: CredentialFlags,
  environment: NodeJS.ProcessEnv,
  onWarning: (message: string) => void,
): GivenCredentials {
  const scoped = (flags.creds ?? []).map((text) => parseScoped(text, sourceOf('creds', text, environment)));
  const source = parseSide('src-creds', flags, environment);
  const destination = parseSide('dest-creds', flags, environment);
  const given = [...scoped, source, destination].filter((login) => login !== undefined);
  if (given.some(({ password, source = '' }) => password !== undefined && source.startsWith('--'))) {
    onWarning(
      'a password on the command line can be read by other users of this machine; LADING_PASSWORD cannot',
    );
  }
  const username = environment.LADING_USERNAME;
  if (given.length === 0 && username) {
    scoped.push({ username, password: undefined, source: 'LADING_USERNAME' });
    given.push(...scoped);
  }
  requireOneWithout(given);
  const complete = (login: PartialLogin): RunCredentials => {
    const password = login.password ?? environment.LADING_PASSWORD;
    if (password !== undefined) return { ...login, password };
    throw new LadingError('USAGE', `the password for ${login.username} is missing`, {
      hint: 'Set LADING_PASSWORD.',
    });
  };
  return {
    credentials: scoped.length === 0 ? undefined : scoped.map(complete),
    sourceCredentials: source && complete(source),
    destinationCredentials: destination && complete(destination),
  };
}

/** Throws `USAGE` if several logins have no password: the one in the environment cannot be for all of them. */
function requireOneWithout(logins: readonly PartialLogin[]): void {
  const without = logins.filter(({ password }) => password === undefined);
  if (without.length < 2) return;
  throw new LadingError(
    'USAGE',
    `LADING_PASSWORD is for one login, and ${without.length} of them have no password`,
    {
      hint: 'Log in with lading login, once for each registry, instead of --creds.',
    },
  );
}

/** Parses `[HOST=]USER[:PASSWORD]`. As in an image's name, the part before `=` is a registry if it looks like one. */
function parseScoped(text: string, source: string): PartialLogin {
  const [, host = '', rest = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  // By the grammar of names alone: a login for a host that cannot be is for no other.
  const isHost = host === 'localhost' || (/[.:]/.test(host) && !host.includes('/'));
  const isScoped = isHost && isReference(`${host}/a`);
  const login = parseLogin(isScoped ? rest : text, source);
  return isScoped ? { ...login, registry: host } : login;
}

function parseSide(
  flag: 'src-creds' | 'dest-creds',
  flags: CredentialFlags,
  environment: NodeJS.ProcessEnv,
): PartialLogin | undefined {
  const text = flags[flag];
  return text === undefined ? undefined : parseLogin(text, sourceOf(flag, text, environment));
}

/** Returns the flag, or its variable if that has the login. */
function sourceOf(flag: string, text: string, environment: NodeJS.ProcessEnv): string {
  const variable = variableOf(flag);
  return environment[variable]?.split(/\s+/).includes(text) ? variable : `--${flag}`;
}

function parseLogin(text: string, source: string): PartialLogin {
  const [username = '', ...rest] = text.split(':');
  if (username === '') throw new LadingError('USAGE', `${source} has no user name`);
  return { username, password: rest.length > 0 ? rest.join(':') : undefined, source };
}
