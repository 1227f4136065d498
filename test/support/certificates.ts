import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';

// Makes X.509 certificates in DER, so that tests with TLS need no program, and no package with thirty dependencies.
// (RFC 5280; elliptic curve P-256, ECDSA with SHA-256)

export interface Certificate {
  /** PEM. */
  cert: string;
  /** PEM. */
  key: string;
}

/** Makes a self-signed certificate. */
export function makeCertificate(names: readonly string[] = ['localhost', '127.0.0.1']): Certificate {
  const { publicKey, privateKey } = makeKeys();
  // The subject is unique, because OpenSSL looks for the issuer by name, and uses the first of several.
  const subject = `lading test ${randomUUID()}`;
  return pemOf(
    { subject, publicKey, extensions: [authority(), alternativeNames(names)] },
    { name: subject, key: privateKey },
    privateKey,
  );
}

/** Makes an unknown authority, and a server certificate that it issued. */
export function makeIssuedCertificate(
  names: readonly string[],
  authorityName = 'lading test CA',
): { authority: string; server: Certificate } {
  const issuer = { name: authorityName, keys: makeKeys() };
  const signer = { name: issuer.name, key: issuer.keys.privateKey };
  const root = { subject: issuer.name, publicKey: issuer.keys.publicKey, extensions: [authority()] };
  const { publicKey, privateKey } = makeKeys();
  const server = { subject: 'localhost', publicKey, extensions: [alternativeNames(names), serverUsage()] };
  return {
    authority: pemOf(root, signer, issuer.keys.privateKey).cert,
    server: pemOf(server, signer, privateKey),
  };
}

/**
 * Makes a server certificate, and two certificates of its authority with the same key: an expired one and its
 * successor.
 */
export function makeRenewedAuthority(names: readonly string[] = ['localhost', '127.0.0.1']): {
  expired: string;
  renewed: string;
  server: Certificate;
} {
  const keys = makeKeys();
  const signer = { name: `lading test CA ${randomUUID()}`, key: keys.privateKey };
  const root = { subject: signer.name, publicKey: keys.publicKey, extensions: [authority()] };
  const { publicKey, privateKey } = makeKeys();
  const server = { subject: 'localhost', publicKey, extensions: [alternativeNames(names), serverUsage()] };
  return {
    expired: pemOf({ ...root, validDays: EXPIRED }, signer, signer.key).cert,
    renewed: pemOf(root, signer, signer.key).cert,
    server: pemOf(server, signer, privateKey),
  };
}

/** Makes a self-signed certificate that has expired. */
export function makeExpiredCertificate(names: readonly string[] = ['localhost', '127.0.0.1']): Certificate {
  const { publicKey, privateKey } = makeKeys();
  const subject = `lading test ${randomUUID()}`;
  const extensions = [authority(), alternativeNames(names)];
  return pemOf(
    { subject, publicKey, extensions, validDays: EXPIRED },
    { name: subject, key: privateKey },
    privateKey,
  );
}

const EXPIRED: [from: number, to: number] = [-30, -1];

interface Holder {
  subject: string;
  publicKey: KeyObject;
  extensions: Buffer[];
  /** Days from now; default from yesterday to the day after tomorrow. */
  validDays?: [from: number, to: number];
}

const ECDSA_WITH_SHA256 = tagged(0x30, oid('2a8648ce3d040302'));
const DAY_MS = 24 * 3600_000;

function pemOf(holder: Holder, issuer: { name: string; key: KeyObject }, key: KeyObject): Certificate {
  const now = Date.now();
  const [from, to] = holder.validDays ?? [-1, 2];
  const body = tagged(
    0x30,
    tagged(0xa0, tagged(0x02, Buffer.from([2]))), // version 3
    tagged(0x02, Buffer.from([1]), randomBytes(15)), // begins with 1, so it is positive
    ECDSA_WITH_SHA256,
    commonName(issuer.name),
    tagged(0x30, utcTime(now + from * DAY_MS), utcTime(now + to * DAY_MS)),
    commonName(holder.subject),
    holder.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, tagged(0x30, ...holder.extensions)),
  );
  const signed = tagged(0x30, body, ECDSA_WITH_SHA256, bitString(sign('sha256', body, issuer.key)));
  const lines = signed.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function makeKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** basicConstraints, critical: cA. */
function authority(): Buffer {
  const isCritical = tagged(0x01, Buffer.from([0xff]));
  return extension('551d13', isCritical, tagged(0x30, tagged(0x01, Buffer.from([0xff]))));
}

/** extKeyUsage: serverAuth. */
function serverUsage(): Buffer {
  return extension('551d25', tagged(0x30, oid('2b06010505070301')));
}

/** subjectAltName, for DNS names and IPv4 addresses. */
function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map((name) => {
    if (isIPv4(name)) return tagged(0x87, Buffer.from(name.split('.').map(Number)));
    if (isIP(name) !== 0) throw new Error(`a certificate for ${name} cannot be made here`);
    return tagged(0x82, Buffer.from(name));
  });
  return extension('551d11', tagged(0x30, ...entries));
}

/** Encodes an extension. The last part is its value; a part before it marks it as critical. */
function extension(id: string, ...parts: [...Buffer[], Buffer]): Buffer {
  const value = parts.at(-1) ?? Buffer.alloc(0);
  return tagged(0x30, oid(id), ...parts.slice(0, -1), tagged(0x04, value));
}

function commonName(name: string): Buffer {
  return tagged(0x30, tagged(0x31, tagged(0x30, oid('550403'), tagged(0x0c, Buffer.from(name)))));
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}

function bitString(bytes: Buffer): Buffer {
  return tagged(0x03, Buffer.from([0]), bytes);
}

function oid(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function tagged(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}
