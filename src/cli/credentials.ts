import { isRegistry, LadingError, type RunCredentials } from '../index.js';

/** The flags that hold logins. */
export interface CredentialFlags {
  creds?: readonly string[] | undefined;
  'src-creds'?: string | undefined;
  'dest-creds'?: string | undefined;
}

/** The logins of a run, as the library takes them. */
export interface GivenCredentials {
  credentials: RunCredentials[] | undefined;
  sourceCredentials: RunCredentials | undefined;
  destinationCredentials: RunCredentials | undefined;
}

type PartialLogin = Omit<RunCredentials, 'password'> & { password: string | undefined };

/**
 * Flags and variables → logins; rejects with `USAGE`. `LADING_USERNAME` counts where no flag names a user, and
 * `LADING_PASSWORD` belongs to the one login that has no password of its own.
 */
export function parseCredentials(
  flags: CredentialFlags,
  environment: NodeJS.ProcessEnv,
  onWarning: (message: string) => void,
): GivenCredentials {
  const scoped = (flags.creds ?? []).map(parseScoped);
  const source = parseSide(flags['src-creds'], '--src-creds');
  const destination = parseSide(flags['dest-creds'], '--dest-creds');
  const given = [...scoped, source, destination].filter((login) => login !== undefined);
  if (given.some(({ password }) => password !== undefined)) {
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
    throw new LadingError('USAGE', `there is no password for ${login.username}`, {
      hint: 'Set LADING_PASSWORD.',
    });
  };
  return {
    credentials: scoped.length === 0 ? undefined : scoped.map(complete),
    sourceCredentials: source && complete(source),
    destinationCredentials: destination && complete(destination),
  };
}

/** One password in the environment cannot be meant for several registries. */
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

/** `[HOST=]USER[:PASSWORD]`: what is before `=` names a registry when it looks like one, as in the name of an image. */
function parseScoped(text: string): PartialLogin {
  const [, host = '', rest = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const isScoped = isRegistry(host) && /[.:]|^localhost$/.test(host);
  const login = parseLogin(isScoped ? rest : text, '--creds');
  return isScoped ? { ...login, registry: host } : login;
}

function parseSide(text: string | undefined, flag: string): PartialLogin | undefined {
  return text === undefined ? undefined : parseLogin(text, flag);
}

function parseLogin(text: string, source: string): PartialLogin {
  const [username = '', ...rest] = text.split(':');
  if (username === '') throw new LadingError('USAGE', `${source} lacks the name of a user`);
  return { username, password: rest.length > 0 ? rest.join(':') : undefined, source };
}
