import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isRegistry } from '../../content/reference.js';
import { LadingError, messageOf, systemCode } from '../../errors.js';

/** Where to look for certificates on this machine. */
export interface CertificatePlaces {
  /** Folders that contain one folder per registry; only the first match for a registry is used. */
  perRegistry: readonly string[];
  /** Bundles of the system's authorities; only the first that can be read is used. */
  systemFiles: readonly string[];
  /** Folders with one authority per file; all of them are used. */
  systemFolders: readonly string[];
}

/**
 * Returns the folders of skopeo and docker, and the system authorities as Go finds them (crypto/x509, root_linux.go and
 * root_unix.go).
 */
export function defaultPlaces(home: string = homedir()): CertificatePlaces {
  return {
    perRegistry: [join(home, '.config/containers/certs.d'), '/etc/containers/certs.d', '/etc/docker/certs.d'],
    systemFiles: [
      '/etc/ssl/certs/ca-certificates.crt', // Debian, Arch, Gentoo
      '/etc/pki/tls/certs/ca-bundle.crt', // Fedora
      '/etc/ssl/ca-bundle.pem', // openSUSE
      '/etc/pki/tls/cacert.pem', // OpenELEC
      '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // RHEL
      '/etc/ssl/cert.pem', // Alpine, macOS, OpenBSD
      '/usr/local/etc/ssl/cert.pem', // FreeBSD
    ],
    systemFolders: ['/etc/ssl/certs', '/etc/pki/tls/certs'],
  };
}

/**
 * Contents of a folder `certs.d/HOST:PORT`. (containers-certs.d(5); docker, "Verify repository client with
 * certificates")
 */
export interface RegistryCertificates {
  /** PEM texts of authorities to trust for this registry in addition to the usual ones. */
  ca: string[];
  /** PEM texts of client certificates; `key[i]` belongs to `cert[i]`. */
  cert: string[];
  key: string[];
}

/**
 * Reads the first folder that exists for one of the registry's names; undefined when there is none. Warns about an
 * authority that cannot be read and skips it, because the others may suffice. Throws `USAGE` for a client certificate
 * without its key, and `IO` when one of the two cannot be read.
 */
export async function readRegistryCertificates(
  names: readonly string[],
  { perRegistry }: Pick<CertificatePlaces, 'perRegistry'>,
  onWarning?: ((text: string) => void) | undefined,
): Promise<RegistryCertificates | undefined> {
  for (const place of perRegistry) {
    for (const name of names.filter(isRegistry)) {
      const folder = join(place, name);
      const files = await listFiles(folder);
      if (files !== undefined) return readFolder(folder, files, onWarning);
    }
  }
  return undefined;
}

async function readFolder(
  folder: string,
  files: readonly string[],
  onWarning: ((text: string) => void) | undefined,
): Promise<RegistryCertificates> {
  const read = (name: string): Promise<string> => readPEM(join(folder, name));
  const ending = (suffix: string): string[] => files.filter((name) => name.endsWith(suffix)).sort();
  const cert = ending('.cert');
  const key = cert.map((name) => name.replace(/cert$/, 'key'));
  for (const name of [...key, ...ending('.key').filter((own) => !key.includes(own))]) {
    const partner = name.replace(/key$/, 'cert');
    const missing = files.includes(name) ? partner : name;
    if (files.includes(missing)) continue;
    throw new LadingError(
      'USAGE',
      `${join(folder, missing)} is missing beside ${files.includes(name) ? name : partner}`,
      {
        hint: 'NAME.cert is a client certificate and needs NAME.key; an authority is NAME.crt.',
      },
    );
  }
  const ca: string[] = [];
  for (const path of ending('.crt').map((name) => join(folder, name))) {
    try {
      ca.push(await readFile(path, 'latin1'));
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      onWarning?.(`the authority ${path} is ignored because it cannot be read: ${messageOf(error)}`);
    }
  }
  return {
    ca,
    cert: await Promise.all(cert.map(read)),
    key: await Promise.all(key.map(read)),
  };
}

/**
 * Reads the authorities (PEM) that environment variables name: the file and folders of OpenSSL, and the file of
 * Node.js.
 */
export async function readNamedAuthorities({
  SSL_CERT_FILE,
  SSL_CERT_DIR,
  NODE_EXTRA_CA_CERTS,
}: NodeJS.ProcessEnv): Promise<string[]> {
  // Missing files are ignored: the variables that curl and conda set often outlive their installation.
  const files = [SSL_CERT_FILE, NODE_EXTRA_CA_CERTS].flatMap((file) => (file ? [file] : []));
  const folders = (SSL_CERT_DIR ?? '').split(':').filter((folder) => folder !== '');
  return [...(await readExisting(files)), ...(await readFolders(folders))];
}

/** Reads the authorities (PEM) that this machine trusts. */
export async function readSystemAuthorities({
  systemFiles,
  systemFolders,
}: Pick<CertificatePlaces, 'systemFiles' | 'systemFolders'>): Promise<string[]> {
  for (const file of systemFiles) {
    const found = await readExisting([file]);
    if (found.length > 0) return [...found, ...(await readFolders(systemFolders))];
  }
  return readFolders(systemFolders);
}

async function readFolders(folders: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const folder of folders) {
    const names = (await listFiles(folder)) ?? [];
    files.push(...names.sort().map((name) => join(folder, name)));
  }
  return readExisting(files);
}

/** Reads the files that can be read and ignores the others. */
async function readExisting(files: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  for (const file of files) {
    try {
      if ((await stat(file)).isFile()) texts.push(await readFile(file, 'latin1'));
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
  }
  return texts;
}

async function listFiles(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

async function readPEM(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    throw new LadingError('IO', `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
