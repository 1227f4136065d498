import { readFile } from 'node:fs/promises';
import { LadingError, messageOf, systemCode } from '../../errors.js';
import { type BasicAuthorization, createBasicAuthorization } from '../../server/access/authorization.js';
import { checkIdentity, type TLSIdentity } from '../../server/access/certificate.js';
import { type Htpasswd, parseHtpasswd } from '../../server/access/htpasswd.js';
import { createPasswordCheck } from '../../server/access/password-check.js';

/** Who may come in, and over which lines: the files that say so. */
export interface ServeAccessOptions {
  /** Speaks https: PEM files of the certificate (with what stands between it and its authority) and its key. */
  tls?: { certFile: string; keyFile: string } | undefined;
  /** Users and bcrypt hashes, as `htpasswd -B` writes them; everything but `/healthz` then needs a password. */
  htpasswdFile?: string | undefined;
  /** Passwords that wait to be checked; default 1024. */
  maxPasswordChecks?: number | undefined;
  /** Told what the user should know and what stops nothing. */
  onWarning?: ((message: string) => void) | undefined;
}

/** What the files say. */
export interface AccessFiles {
  identity: TLSIdentity | undefined;
  users: Htpasswd | undefined;
}

export interface ServeAccess {
  readonly identity: TLSIdentity | undefined;
  readonly authorization: BasicAuthorization | undefined;
  /** What is read from. */
  readonly files: readonly string[];
  /** Reads all files again and changes nothing; rejects when one of them is wrong. */
  read(): Promise<AccessFiles>;
  replaceUsers(files: Pick<AccessFiles, 'users'>): void;
  close(): Promise<void>;
}

/** Reads the files; rejects with `USAGE` when they say what cannot be. */
export async function openAccess(options: ServeAccessOptions): Promise<ServeAccess> {
  const { tls, htpasswdFile, maxPasswordChecks: maxChecks } = options;
  const { identity, users } = await readAccess(options);
  const passwords = createPasswordCheck();
  const authorization = users && createBasicAuthorization(users, { compare: passwords.compare, maxChecks });
  return {
    identity,
    authorization,
    files: [tls?.certFile, tls?.keyFile, htpasswdFile].filter((file) => file !== undefined),
    read: () => readAccess(options),
    replaceUsers({ users: next }) {
      if (next !== undefined) authorization?.replaceUsers(next);
    },
    close: () => passwords.close(),
  };
}

async function readAccess({ tls, htpasswdFile, onWarning }: ServeAccessOptions): Promise<AccessFiles> {
  // An empty name is one too: it must not open the registry to everybody.
  const users =
    htpasswdFile === undefined ? undefined : parseHtpasswd(await readText(htpasswdFile), htpasswdFile);
  if (users?.size === 0) onWarning?.(`${htpasswdFile} has no users: nobody can come in`);
  if (tls === undefined) return { identity: undefined, users };
  const { certFile, keyFile } = tls;
  const identity = { cert: await readText(certFile), key: await readText(keyFile) };
  for (const warning of checkIdentity(identity, { cert: certFile, key: keyFile })) onWarning?.(warning);
  return { identity, users };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function cannotRead(path: string, cause: unknown): LadingError {
  switch (systemCode(cause)) {
    case 'ENOENT':
      return new LadingError('NOT_FOUND', `${path === '' ? 'a file without a name' : path} does not exist`, {
        cause,
      });
    case 'EACCES':
      return new LadingError('DENIED', `${path} may not be read by this user`, { cause });
    case 'EISDIR':
      return new LadingError('IO', `${path} is a directory, not a file`, { cause });
    default:
      return new LadingError('IO', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
