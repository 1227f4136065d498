import { readFile } from 'node:fs/promises';
import { LadingError, messageOf, systemCode } from '../../errors.js';
import { type BasicAuthorization, createBasicAuthorization } from '../../server/access/authorization.js';
import { checkIdentity, type TLSIdentity } from '../../server/access/certificate.js';
import { type Htpasswd, parseHtpasswd } from '../../server/access/htpasswd.js';
import { createPasswordCheck } from '../../server/access/password-check.js';

/** Files that control who may use a registry, and whether it uses TLS. */
export interface ServeAccessOptions {
  /** Enables https: PEM files of the certificate (with its intermediates) and its key. */
  tls?: { certFile: string; keyFile: string } | undefined;
  /** Users and bcrypt hashes, as written by `htpasswd -B`; then everything except `/healthz` requires a password. */
  htpasswdFile?: string | undefined;
  /** Maximum number of passwords that wait to be checked; default 1024. */
  maxPasswordChecks?: number | undefined;
  /** Called with messages that the user should see, but that do not stop the server. */
  onWarning?: ((message: string) => void) | undefined;
}

/** The content of the files. */
export interface AccessFiles {
  identity: TLSIdentity | undefined;
  users: Htpasswd | undefined;
}

export interface ServeAccess {
  readonly identity: TLSIdentity | undefined;
  readonly authorization: BasicAuthorization | undefined;
  /** Paths of the files that were read. */
  readonly files: readonly string[];
  /** Reads all files again without applying them; rejects if one of them is invalid. */
  read(): Promise<AccessFiles>;
  replaceUsers(files: Pick<AccessFiles, 'users'>): void;
  close(): Promise<void>;
}

/** Reads the files; rejects with `USAGE` if their content is invalid. */
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
  // An empty name counts as a name: it must not open the registry to everybody.
  const users =
    htpasswdFile === undefined ? undefined : parseHtpasswd(await readText(htpasswdFile), htpasswdFile);
  if (users?.size === 0) onWarning?.(`${htpasswdFile} has no users, so nobody can log in`);
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
