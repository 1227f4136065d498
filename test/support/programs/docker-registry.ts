import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServerCertificate, type ServerCertificate } from './certificate-authority.js';
import { freePort, startDaemon } from './daemon.js';
import { run, succeed } from './run.js';
import { temporaryFolder } from './workplace.js';

export interface DockerRegistryOptions {
  /** The only user who may log in. */
  htpasswd?: { user: string; password: string };
  /** Requires a token of this service. */
  token?: { realm: string; service: string; issuer: string; certificate: string };
  /** Where it listens and how it is named, `HOST:PORT`; default a free port of 127.0.0.1. */
  address?: string;
  /** Serves https, with this certificate or with one of a new authority. */
  tls?: boolean | ServerCertificate;
  /** Accepts Docker's schema1 manifests, and converts to schema1 for clients that accept nothing newer. */
  schema1?: boolean;
  /** A program with arguments, to run the registry with, and the check whether it is ready. */
  under?: readonly string[];
}

export interface DockerRegistry {
  /** `127.0.0.1:PORT`, or the `address` of the options. */
  host: string;
  pid: number;
  /** PEM file of the authority, with `tls`. */
  ca?: string;
  /** Returns the file with the content of a blob or manifest, for tests that damage it. */
  contentFile(digest: string): string;
  stop(): Promise<void>;
}

/** Starts an empty docker-registry (distribution 2.8) on a free port. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = await temporaryFolder('registry');
  const host = options.address ?? `127.0.0.1:${await freePort()}`;
  const storage = join(folder, 'storage');
  const certificate = options.tls === true ? await createServerCertificate() : options.tls || undefined;

  const config: Record<string, unknown> = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: {
      addr: host,
      ...(certificate && { tls: { certificate: certificate.certificate, key: certificate.key } }),
    },
    compatibility: { schema1: { enabled: options.schema1 ?? false } },
  };
  if (options.htpasswd) {
    const { user, password } = options.htpasswd;
    const path = join(folder, 'htpasswd');
    await writeFile(path, await succeed('htpasswd', ['-Bbn', user, password]));
    config.auth = { htpasswd: { realm: 'lading interop', path } };
  }
  if (options.token) {
    const { certificate: bundle, ...token } = options.token;
    const rootcertbundle = join(folder, 'token.pem');
    await writeFile(rootcertbundle, bundle);
    config.auth = {
      token: { realm: token.realm, service: token.service, issuer: token.issuer, rootcertbundle },
    };
  }
  const configFile = join(folder, 'config.yml');
  await writeFile(configFile, JSON.stringify(config)); // YAML reads JSON

  const url = `${certificate ? 'https' : 'http'}://${host}/v2/`;
  const { under = [] } = options;
  const [command = '', ...args] = [...under, 'docker-registry', 'serve', configFile];
  const daemon = await startDaemon(command, args, {
    ready: () => answers(url, certificate?.ca, under),
  });
  return {
    host,
    pid: daemon.pid,
    ...(certificate && { ca: certificate.ca }),
    contentFile: (digest) => {
      const [algorithm = '', encoded = ''] = digest.split(':');
      const blobs = join(storage, 'docker', 'registry', 'v2', 'blobs');
      return join(blobs, algorithm, encoded.slice(0, 2), encoded, 'data');
    },
    stop: async () => {
      await daemon.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string, ca: string | undefined, under: readonly string[]): Promise<boolean> {
  const trust = ca === undefined ? [] : ['--cacert', ca];
  const asking = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', ...trust, url];
  const [command = '', ...args] = [...under, ...asking];
  const { code, stdout } = await run(command, args);
  return code === 0 && (stdout === '200' || stdout === '401');
}
