import { createHash, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { ContentError, isLadingError } from '../../errors.js';
import type { JWKDocument, SignatureDocument } from '../documents.js';
import { isJSONObject, parseJSON, shorten } from '../json/json.js';
import { MAX_MANIFEST_BYTES } from '../limits.js';
import { validate } from '../schema.js';
import { MANIFEST, PROTECTED_HEADER } from '../shapes.js';

/** A valid signature. It proves only integrity, because anybody can sign with a key of their own. */
export interface Schema1Signature {
  /** The fingerprint of the public key, in libtrust's format: 12 groups of 4 characters. */
  keyID: string;
  algorithm: string;
}

/**
 * Returns the signed bytes of a schema1 document, whose digest is the manifest's digest; undefined if it is not signed.
 * Throws `INVALID_SIGNATURE` if the signatures do not specify them consistently.
 */
export function signedPayload(bytes: Uint8Array, where = 'the manifest'): Buffer | undefined {
  const outer = readOuter(bytes, where);
  return hasSignatures(outer) ? readSignatures(bytes, outer, where).payload : undefined;
}

/**
 * Checks all signatures of a signed schema1 document; throws `INVALID_SIGNATURE` for the first invalid one, and if
 * there are none. It uses only the keys of certificates, and does not check their chains.
 */
export function verifySchema1Signatures(bytes: Uint8Array, where = 'the manifest'): Schema1Signature[] {
  const outer = readOuter(bytes, where);
  if (!hasSignatures(outer)) throw invalid(where, 'it has no signatures');
  const { payload, signatures } = readSignatures(bytes, outer, where);
  const encodedPayload = payload.toString('base64url');
  return signatures.map((signature, index) => {
    const name = `${where}, signature ${index + 1} of ${signatures.length}`;
    return verifySignature(signature, encodedPayload, name);
  });
}

/** A signature, and whether it is valid. */
export interface CheckedSignature {
  /** Undefined if the key cannot be read. */
  keyID?: string;
  algorithm: string;
  valid: boolean;
  /** Why it is not valid. */
  problem?: string;
}

/** Returns all signatures of a signed schema1 document, including invalid ones; throws if they cannot be parsed. */
export function checkSchema1Signatures(bytes: Uint8Array, where = 'the manifest'): CheckedSignature[] {
  const { payload, signatures } = readSignatures(bytes, readOuter(bytes, where), where);
  const encodedPayload = payload.toString('base64url');
  return signatures.map((signature, index) => {
    const name = `${where}, signature ${index + 1} of ${signatures.length}`;
    try {
      return { ...verifySignature(signature, encodedPayload, name), valid: true };
    } catch (error) {
      if (!isLadingError(error, 'INVALID_SIGNATURE')) throw error;
      const keyID = readableKeyID(signature);
      return {
        ...(keyID !== undefined && { keyID }),
        algorithm: shorten(signature.header.alg),
        valid: false,
        problem: error.message,
      };
    }
  });
}

function readableKeyID({ header: { jwk, x5c } }: SignatureDocument): string | undefined {
  try {
    return keyIDOf(readKey(jwk, x5c?.[0], 'the manifest'));
  } catch (error) {
    if (isLadingError(error, 'INVALID_SIGNATURE')) return undefined;
    throw error;
  }
}

/** Returns the payload and the signatures; `outer` is the parsed `bytes`. (libtrust, `ParsePrettySignature`) */
export function readSignatures(
  bytes: Uint8Array,
  outer: unknown,
  where: string,
): { payload: Buffer; signatures: SignatureDocument[] } {
  validate('docker-schema1-signed', outer, where);
  const { signatures } = outer;
  const [format, ...others] = signatures.map((signature) => readFormat(signature, bytes.byteLength, where));
  if (format === undefined) throw invalid(where, 'it has no signatures');
  for (const other of others) {
    if (other.length !== format.length || !other.tail.equals(format.tail))
      throw invalid(where, 'its signatures disagree on what they cover');
  }
  return { payload: Buffer.concat([bytes.subarray(0, format.length), format.tail]), signatures };
}

function readOuter(bytes: Uint8Array, where: string): unknown {
  const repeated = new Set<string>();
  const outer = parseJSON(bytes, { shape: MANIFEST, what: where, maxBytes: MAX_MANIFEST_BYTES, repeated });
  if (repeated.has('signatures')) throw invalid(where, 'it has several lists of signatures');
  return outer;
}

function hasSignatures(outer: unknown): boolean {
  return isJSONObject(outer) && 'signatures' in outer;
}

interface PayloadFormat {
  /** The number of bytes at the beginning of the document that the payload begins with. */
  length: number;
  /** The bytes at the end of the payload. */
  tail: Buffer;
}

function readFormat(signature: SignatureDocument, documentLength: number, where: string): PayloadFormat {
  const decoded = decodeBase64URL(signature.protected, 'a protected header', where);
  const header = parseJSON(decoded, {
    shape: PROTECTED_HEADER,
    what: `a protected header of ${where}`,
    code: 'INVALID_SIGNATURE',
  });
  const { formatLength, formatTail } = isJSONObject(header) ? header : {};
  if (typeof formatLength !== 'number' || typeof formatTail !== 'string')
    throw invalid(where, 'a protected header lacks formatLength or formatTail');
  if (!Number.isInteger(formatLength) || formatLength <= 0 || formatLength > documentLength)
    throw invalid(where, `formatLength ${formatLength} is not within its ${documentLength} bytes`);
  return { length: formatLength, tail: decodeBase64URL(formatTail, 'formatTail', where) };
}

export interface Algorithm {
  hash: string;
  keyType: 'ec' | 'rsa';
  curve?: string;
}

/** JSON Web Algorithms; the usual one for a type of key comes first. (RFC 7518, 3.1) */
export const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  ['ES256', { hash: 'sha256', keyType: 'ec', curve: 'prime256v1' }],
  ['ES384', { hash: 'sha384', keyType: 'ec', curve: 'secp384r1' }],
  ['ES512', { hash: 'sha512', keyType: 'ec', curve: 'secp521r1' }],
  ['RS256', { hash: 'sha256', keyType: 'rsa' }],
  ['RS384', { hash: 'sha384', keyType: 'rsa' }],
  ['RS512', { hash: 'sha512', keyType: 'rsa' }],
]);
/** A limit, because the time of a check grows with the cube of the size. libtrust uses 2048 to 4096. */
const MAX_RSA_BITS = 8192;

function verifySignature(
  signature: SignatureDocument,
  encodedPayload: string,
  where: string,
): Schema1Signature {
  const { alg, jwk, x5c } = signature.header;
  const key = readKey(jwk, x5c?.[0], where);
  const keyID = keyIDOf(key);
  // With a wrong key ID, a document could pass for one of another signer.
  if (x5c?.[0] === undefined && jwk?.kid !== undefined && jwk.kid !== keyID)
    throw invalid(where, `its key ID is ${keyID}, not "${shorten(jwk.kid)}"`);

  const algorithm = ALGORITHMS.get(alg);
  if (algorithm === undefined || !fits(algorithm, key))
    throw invalid(where, `the algorithm "${shorten(alg)}" does not fit its key`);
  const valid = verify(
    algorithm.hash,
    Buffer.from(`${signature.protected}.${encodedPayload}`),
    // `dsaEncoding` applies only to EC keys: JSON Web Signatures are r and s, concatenated.
    { key, dsaEncoding: 'ieee-p1363' },
    decodeBase64URL(signature.signature, 'the signature', where),
  );
  if (!valid) throw invalid(where, 'it does not verify');
  return { keyID, algorithm: alg };
}

function readKey(jwk: JWKDocument | undefined, certificate: string | undefined, where: string): KeyObject {
  if (certificate === undefined && jwk === undefined) throw invalid(where, 'it has no public key');
  const { kty = '', crv = '', x = '', y = '', n = '', e = '' } = jwk ?? {};
  try {
    if (certificate !== undefined) return new X509Certificate(Buffer.from(certificate, 'base64')).publicKey;
    return createPublicKey({ format: 'jwk', key: kty === 'EC' ? { kty, crv, x, y } : { kty, n, e } });
  } catch (cause) {
    // OpenSSL refuses the key: a point is not on its curve, the DER is broken, or the curve is unknown.
    throw invalid(where, 'its public key cannot be read', cause);
  }
}

/** True if a key has the type and curve that the algorithm needs. */
export function fits(algorithm: Algorithm, key: KeyObject): boolean {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  return (
    key.asymmetricKeyType === algorithm.keyType &&
    namedCurve === algorithm.curve &&
    modulusLength <= MAX_RSA_BITS
  );
}

/** Returns libtrust's name of a public key: 30 bytes of the SHA-256 of its SubjectPublicKeyInfo, in base32. */
export function keyIDOf(key: KeyObject): string {
  const spki = key.export({ type: 'spki', format: 'der' });
  const fingerprint = base32(createHash('sha256').update(spki).digest().subarray(0, 30));
  return fingerprint.replace(/.{4}(?=.)/g, '$&:');
}

/** Encodes base32 (RFC 4648) for lengths that need no padding: multiples of five bytes. */
function base32(bytes: Buffer): string {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let text = '';
  for (let at = 0; at + 5 <= bytes.length; at += 5) {
    const group = bytes.readUIntBE(at, 5);
    for (let place = 7; place >= 0; place -= 1) text += ALPHABET[Math.floor(group / 32 ** place) % 32];
  }
  return text;
}

/** Decodes base64url as libtrust does: it skips spaces and line ends, and padding is optional. */
function decodeBase64URL(text: string, what: string, where: string): Buffer {
  const encoded = text.replace(/[ \n]/g, '').replace(/={1,2}$/, '');
  if (encoded.length % 4 === 1 || !/^[A-Za-z0-9_-]*$/.test(encoded))
    throw invalid(where, `${what} is not base64url`);
  return Buffer.from(encoded, 'base64url');
}

function invalid(where: string, problem: string, cause?: unknown): ContentError {
  return new ContentError('INVALID_SIGNATURE', `${where} has an invalid signature: ${problem}`, { cause });
}
