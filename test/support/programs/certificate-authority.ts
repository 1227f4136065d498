import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeIssuedCertificate } from '../certificates.js';
import { temporaryFolder } from './workplace.js';

export interface ServerCertificate {
  /** PEM file of the authority, for clients. */
  ca: string;
  certificate: string;
  key: string;
}

/** Makes an unknown authority, and its certificate for 127.0.0.1, localhost and `address`. */
export async function createServerCertificate(
  into?: string,
  address = '127.0.0.1',
): Promise<ServerCertificate> {
  return writeCertificate(makeIssuedCertificate(['127.0.0.1', 'localhost', address]), into);
}

/** Writes a certificate, its key and its authority to files, by default in a folder of their own. */
export async function writeCertificate(
  { authority, server }: ReturnType<typeof makeIssuedCertificate>,
  into?: string,
): Promise<ServerCertificate> {
  const folder = into ?? (await temporaryFolder('tls'));
  const files = {
    ca: join(folder, 'ca.pem'),
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
  };
  await writeFile(files.ca, authority);
  await writeFile(files.certificate, server.cert);
  await writeFile(files.key, server.key, { mode: 0o600 });
  return files;
}
