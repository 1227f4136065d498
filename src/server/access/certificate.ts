import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { LadingError, messageOf } from '../../errors.js';

/** The oldest version of TLS that is supported. */
export const MIN_TLS = 'TLSv1.2';

/** PEM: the server's certificate, followed by any intermediate ones, and its private key. */
export interface TLSIdentity {
  cert: string;
  key: string;
}

/** Names of the two files, for messages. */
export interface IdentityNames {
  cert: string;
  key: string;
}

/**
 * Throws `USAGE` if certificate and key cannot be parsed, do not belong together, or cannot be used for TLS. Returns
 * warnings.
 */
export function checkIdentity({ cert, key }: TLSIdentity, names: IdentityNames, now = Date.now()): string[] {
  const certificate = parseCertificate(cert, names.cert);
  if (!certificate.checkPrivateKey(parseKey(key, names.key)))
    throw new LadingError('USAGE', `the key ${names.key} does not belong to the certificate ${names.cert}`, {
      hint: "The server's own certificate must be the first in its file; those of authorities follow it.",
    });
  requireUsable({ cert, key }, names);
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  if (now > to) return [`the certificate ${names.cert} expired on ${new Date(to).toISOString()}`];
  if (now < from)
    return [`the certificate ${names.cert} is not valid before ${new Date(from).toISOString()}`];
  return [];
}

function parseCertificate(pem: string, name: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new LadingError('USAGE', `${name} does not contain a valid certificate: ${reasonOf(error)}`, {
      hint: 'It must be in PEM format, with -----BEGIN CERTIFICATE-----.',
      cause: error,
    });
  }
}

/**
 * Checks what has not been checked yet: the other certificates in the file, and whether the key is long enough for TLS.
 */
function requireUsable(identity: TLSIdentity, names: IdentityNames): void {
  try {
    createSecureContext({ ...identity, minVersion: MIN_TLS });
  } catch (error) {
    throw new LadingError('USAGE', `${names.cert} cannot be used for TLS: ${reasonOf(error)}`, {
      hint: 'Every certificate in the file must be complete, and the key long enough: RSA with 2048 bits, or an elliptic curve.',
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
        : `${name} does not contain a valid private key: ${reasonOf(error)}`,
      {
        hint: encrypted
          ? 'Remove the passphrase with openssl pkey -in KEY -out FILE, and let only the server read the file.'
          : 'It must be in PEM format, with -----BEGIN PRIVATE KEY-----.',
        cause: error,
      },
    );
  }
}

/** Returns OpenSSL's message without the error number and the names of its components, such as `no start line`. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^error:[0-9A-F]+:[^:]*:[^:]*:/, '');
}
