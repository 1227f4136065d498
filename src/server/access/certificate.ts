import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { LadingError, messageOf } from '../../errors.js';

/** The oldest version that is spoken. */
export const MIN_TLS = 'TLSv1.2';

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

/** Throws `USAGE` when the two are not readable, do not belong together or serve no TLS. Returns what is worth a warning. */
export function checkIdentity({ cert, key }: TLSIdentity, names: IdentityNames, now = Date.now()): string[] {
  const certificate = parseCertificate(cert, names.cert);
  if (!certificate.checkPrivateKey(parseKey(key, names.key)))
    throw new LadingError('USAGE', `the key ${names.key} does not belong to the certificate ${names.cert}`, {
      hint: "The server's own certificate must be the first in its file; those of authorities follow it.",
    });
  requireUsable({ cert, key }, names);
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
    throw new LadingError('USAGE', `${name} has no certificate that can be read: ${reasonOf(error)}`, {
      hint: 'It must be in PEM form, with -----BEGIN CERTIFICATE-----.',
      cause: error,
    });
  }
}

/** Of the first certificate enough is known by now: the others of its file, and keys too short for TLS, are left. */
function requireUsable(identity: TLSIdentity, names: IdentityNames): void {
  try {
    createSecureContext({ ...identity, minVersion: MIN_TLS });
  } catch (error) {
    throw new LadingError('USAGE', `${names.cert} cannot be used for TLS: ${reasonOf(error)}`, {
      hint: 'Every certificate in the file must be whole, and the key long enough: RSA with 2048 bits, or elliptic curves.',
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
        : `${name} has no private key that can be read: ${reasonOf(error)}`,
      {
        hint: encrypted
          ? 'Write it without one, readable by the server only: openssl pkey -in KEY -out FILE.'
          : 'It must be in PEM form, with -----BEGIN PRIVATE KEY-----.',
        cause: error,
      },
    );
  }
}

/** OpenSSL's own words, without its numbers and the names of its parts: `no start line`. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^error:[0-9A-F]+:[^:]*:[^:]*:/, '');
}
