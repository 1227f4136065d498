import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isRegistry } from '../../content/reference.js';
import { LadingError, messageOf, systemCode } from '../../errors.js';

/** Where certificates lie on this machine. */
export interface CertificatePlaces {
  /** Folders with a folder for each registry; the first that has one for a registry counts. */
  perRegistry: readonly string[];
  /** Files with the system's authorities; the first that is there counts. */
  systemFiles: readonly string[];
  /** Folders with an authority a file, all of which count. */
  systemFolders: readonly string[];
}

/** Those of skopeo and docker, and for the system's authorities those of Go. (crypto/x509, root_linux.go, root_unix.go) */
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

/** What a folder `HOST:PORT` of `certs.d` holds. (containers-certs.d(5); docker, "Verify repository client with certificates") */
export interface RegistryCertificates {
  /** PEM of authorities that are trusted for this registry beside the usual ones. */
  ca: string[];
  /** PEM of client certificates, and of the key of each. */
  cert: string[];
  key: string[];
}

/**
 * Reads the first folder that is there for one of a registry's names; undefined when there is none. An authority that
 * cannot be read is passed over with a warning, as the others may do.
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
      onWarning?.(`${path} is no authority: it cannot be read: ${messageOf(error)}`);
    }
  }
  return {
    ca,
    cert: await Promise.all(cert.map(read)),
    key: await Promise.all(key.map(read)),
  };
}

/** PEM of the authorities that variables name: files and folders of OpenSSL, and the file of Node.js. */
export async function readNamedAuthorities({
  SSL_CERT_FILE,
  SSL_CERT_DIR,
  NODE_EXTRA_CA_CERTS,
}: NodeJS.ProcessEnv): Promise<string[]> {
  // What a variable names and is not there stops nothing: curl's and conda's outlive their installations.
  const files = [SSL_CERT_FILE, NODE_EXTRA_CA_CERTS].flatMap((file) => (file ? [file] : []));
  const folders = (SSL_CERT_DIR ?? '').split(':').filter((folder) => folder !== '');
  return [...(await readExisting(files)), ...(await readFolders(folders))];
}

/** PEM of the authorities of this machine. */
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

/** Files that can be read; the others are nobody's authorities. */
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
