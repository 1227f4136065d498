import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Serving, serve } from '../../src/operations/serve/serve.js';
import { makeIssuedCertificate } from '../support/certificates.js';
import { writeLayout } from '../support/odd-images.js';
import { PROGRAM } from '../support/programs/lading-command.js';
import { startSocksServer } from '../support/socks-server.js';
import { sourceImages } from './images.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIXTURES = join(ROOT, 'fixtures');
/** The registry that the pages save from, the one on the far side that they load into, and one that asks for a password. */
const HOSTS = { source: 'registry.example.com', far: 'registry.local', private: 'private.example.com' };
const USER = 'me';
const PASSWORD = 'secret';
/** `PASSWORD`, as htpasswd -B writes it. */
const BCRYPT = '$2b$10$H7474kQxrBjZ.wJlUpPTfeqlqNGZeQCJV58nkB5b836x7gprxnLZi';
/** The port of `lading serve` in the pages. */
const SHOWN_PORT = 5000;
/** A home of the same length, so that tables keep their columns when its name is replaced. */
const SHOWN_HOME = '/home/operator';
const HOME_PREFIX = '/tmp/me-';

/** A place to run the commands of a page: registries, a home and a folder to work in. */
export interface Site {
  folder: string;
  home: string;
  env: Record<string, string>;
  /** Returns a command for this site: the port of `lading serve` may be taken on this machine. */
  here(command: string): string;
  /** Returns an output as it would be with the port and the home that the pages show. */
  shown(output: string): string;
  close(): Promise<void>;
}

/**
 * Opens a site that needs neither root nor a network: lading serves the registries, with TLS, and a SOCKS proxy leads to
 * them by their names.
 */
export async function openSite(): Promise<Site> {
  const root = await mkdtemp(join(tmpdir(), 'lading-docs-'));
  const home = await mkdtemp(HOME_PREFIX);
  const folder = join(root, 'work');
  const bin = join(root, 'bin');
  await Promise.all([folder, bin].map((path) => mkdir(path)));
  await writePrograms(bin);
  await copyExamples(folder);
  const { ca, registries } = await serveRegistries(root);
  const proxy = await startSocksServer((asked) => {
    const port = registries.get(asked.replace(/:\d+$/, ''))?.port;
    if (port === undefined) throw new Error(`no registry of the pages is called ${asked}`);
    return { port };
  });
  const port = await freeShortPort();

  return {
    folder,
    home,
    env: {
      PATH: [bin, process.env.PATH].join(delimiter),
      HOME: home,
      XDG_RUNTIME_DIR: '/run/user/1000',
      SSL_CERT_FILE: ca,
      ALL_PROXY: `socks5h://${proxy.host}`,
      NO_PROXY: '127.0.0.1,localhost',
      FIXTURES,
    },
    here: (command) =>
      command
        .replace(/^(exec )?lading serve (?!.*(--listen|--print-config))/, `$&--listen 127.0.0.1:${port} `)
        .replaceAll(`127.0.0.1:${SHOWN_PORT}`, `127.0.0.1:${port}`),
    shown: (output) => output.replaceAll(`:${port}`, `:${SHOWN_PORT}`).replaceAll(home, SHOWN_HOME),
    async close() {
      await proxy.close();
      for (const registry of registries.values()) await registry.close();
      await Promise.all([root, home].map((path) => rm(path, { recursive: true, force: true })));
    },
  };
}

/** Puts the examples of the library into a folder where they find it, as in a project that depends on it. */
async function copyExamples(folder: string): Promise<void> {
  await cp(join(ROOT, 'docs'), join(folder, 'docs'), { recursive: true });
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules', 'lading'));
}

/** Writes lading, as npm would link it, and a manager of passwords. */
async function writePrograms(bin: string): Promise<void> {
  const scripts = { lading: `exec '${process.execPath}' '${PROGRAM}' "$@"`, pass: `echo ${PASSWORD}` };
  for (const [name, script] of Object.entries(scripts))
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Starts the registries by their names, and returns the certificate authority that signed for them. */
async function serveRegistries(root: string): Promise<{ ca: string; registries: Map<string, Serving> }> {
  const { authority, server } = makeIssuedCertificate(Object.values(HOSTS));
  const fileOf = async (name: string, text: string): Promise<string> => {
    const path = join(root, name);
    await writeFile(path, text);
    return path;
  };
  const ca = await fileOf('ca.pem', authority);
  const tls = {
    certFile: await fileOf('cert.pem', server.cert),
    keyFile: await fileOf('key.pem', server.key),
  };
  const htpasswdFile = await fileOf('users', `${USER}:${BCRYPT}\n`);
  const stored = await writeLayout(join(root, 'source'), await sourceImages(HOSTS.source));
  const options = { port: 0, tls };
  const registries = new Map([
    [HOSTS.source, await serve(stored, options)],
    [HOSTS.far, await serve(join(root, 'far'), { ...options, writable: true })],
    [HOSTS.private, await serve(stored, { ...options, htpasswdFile })],
  ]);
  return { ca, registries };
}

let nextPort = SHOWN_PORT + 1;

/** Returns a free port of four digits, so that tables keep their columns when it is replaced; another one each time. */
async function freeShortPort(): Promise<number> {
  while (nextPort < 10_000) {
    const port = nextPort++;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no free port below 10000');
}
