import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from '../../src/operations/serve/serve.js';
import { makeIssuedCertificate } from '../support/certificates.js';
import { writeLayout } from '../support/odd-images.js';
import { PROGRAM } from '../support/programs/lading-command.js';
import { startSocksServer } from '../support/socks-server.js';
import { sourceImages } from './images.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures', import.meta.url));
/** The registry that the pages save from, and the one on the far side that they load into. */
const SOURCE = 'registry.example.com';
const FAR = 'registry.local';
/** The port of `lading serve` in the pages. */
const SHOWN_PORT = 5000;
const SHOWN_HOME = '/home/me';

/** A place to run the commands of a page: two registries, a home and a folder to work in. */
export interface Site {
  folder: string;
  env: Record<string, string>;
  /** Returns a command for this site: the port of `lading serve` may be taken on this machine. */
  here(command: string): string;
  /** Returns an output as it would be with the port and the home that the pages show. */
  shown(output: string): string;
  close(): Promise<void>;
}

/**
 * Opens a site that needs neither root nor a network: lading serves both registries, with TLS, and a SOCKS proxy leads
 * to them by their names.
 */
export async function openSite(): Promise<Site> {
  const root = await mkdtemp(join(tmpdir(), 'lading-docs-'));
  const [folder, home, bin] = ['work', 'home', 'bin'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  await Promise.all([folder, home, bin].map((path) => mkdir(path)));
  await writeFile(join(bin, 'lading'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, {
    mode: 0o755,
  });
  const { authority, server } = makeIssuedCertificate([SOURCE, FAR]);
  const [certFile, keyFile, ca] = ['cert.pem', 'key.pem', 'ca.pem'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  await Promise.all([
    writeFile(certFile, server.cert),
    writeFile(keyFile, server.key),
    writeFile(ca, authority),
  ]);

  const stored = join(root, 'source');
  await writeLayout(stored, await sourceImages(SOURCE));
  const options = { port: 0, tls: { certFile, keyFile } };
  const registries = [
    await serve(stored, options),
    await serve(join(root, 'far'), { ...options, writable: true }),
  ];
  const proxy = await startSocksServer((asked) => {
    const port = registries[asked.startsWith(FAR) ? 1 : 0]?.port;
    if (port === undefined) throw new Error(asked);
    return { port };
  });
  const port = await freeShortPort();

  return {
    folder,
    env: {
      PATH: [bin, process.env.PATH].join(':'),
      HOME: home,
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
      for (const registry of registries) await registry.close();
      await rm(root, { recursive: true, force: true });
    },
  };
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
