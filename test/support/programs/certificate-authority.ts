import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { succeed } from './run.js';
import { temporaryFolder } from './workplace.js';

export interface ServerCertificate {
  /** PEM file of the authority, for clients. */
  ca: string;
  certificate: string;
  key: string;
}

/** Makes an authority that nobody knows and a certificate of it for 127.0.0.1, localhost and `address`, by openssl. */
export async function createServerCertificate(
  into?: string,
  address = '127.0.0.1',
): Promise<ServerCertificate> {
  const folder = into ?? (await temporaryFolder('tls'));
  const openssl = (...args: string[]) => succeed('openssl', args, { cwd: folder });
  await writeFile(
    join(folder, 'server.ext'),
    `subjectAltName=IP:127.0.0.1,DNS:localhost,IP:${address}\nextendedKeyUsage=serverAuth\n`,
  );
  await openssl(
    'req',
    '-x509',
    ...KEY,
    '-days',
    '2',
    '-subj',
    '/CN=lading test CA',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  await openssl('req', ...KEY, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  await openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'server.ext',
    '-out',
    'server.pem',
  );
  return {
    ca: join(folder, 'ca.pem'),
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
  };
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
