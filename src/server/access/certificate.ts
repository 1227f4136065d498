import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { LadingError, messageOf } from '../../errors.js';

/** PEM: the server's certificate, with those between it and its authority after it, and its private key. */
export interface TLSIdentity {
  cert: string;
  key: string;
}

/** Where an identity comes from, for messages. */
export interface IdentityNames {
  cert: string;
  key: string;
}

/** Throws `USAGE` when the two are not readable or do not belong together. Returns what is worth a warning. */
export function checkIdentity({ cert, key }: TLSIdentity, names: IdentityNames, now = Date.now()): string[] {
  const certificate = parseCertificate(cert, names.cert);
  if (!certificate.checkPrivateKey(parseKey(key, names.key)))
    throw new LadingError('USAGE', `the key ${names.key} does not belong to the certificate ${names.cert}`, {
      hint: "The server's own certificate must be the first in its file; those of authorities follow it.",
    });
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  if (now > to) return [`the certificate ${names.cert} is out of date since ${new Date(to).toISOString()}`];
  if (now < from)
    return [`the certificate ${names.cert} is not valid before ${new Date(from).toISOString()}`];
  return [];
}

function parseCertificate(pem: string, name: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new LadingError('USAGE', `${name} has no certificate that can be read: ${messageOf(error)}`, {
      hint: 'It must be in PEM form, with -----BEGIN CERTIFICATE-----.',
      cause: error,
    });
  }
}

function parseKey(pem: string, name: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const encrypted = /ENCRYPTED/.test(pem);
    throw new LadingError(
      'USAGE',
      encrypted
        ? `the key ${name} is protected by a passphrase`
        : `${name} has no private key that can be read: ${messageOf(error)}`,
      {
        hint: encrypted
          ? 'Write it without one, readable by the server only: openssl pkey -in KEY -out FILE.'
          : 'It must be in PEM form, with -----BEGIN PRIVATE KEY-----.',
        cause: error,
      },
    );
  }
}
