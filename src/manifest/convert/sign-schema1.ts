import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { ContentError, LadingError } from '../../errors.js';
import { type GoStruct, goIndentedJSON, goJSON } from '../json/go-json.js';
import { isJSONObject, parseJSON } from '../json/json.js';
import { ALGORITHMS, fits, keyIDOf } from '../schema1/signature.js';
import { MANIFEST } from '../shapes.js';

/**
 * Returns the payload with its signature in it, as libtrust writes them ("pretty" JWS). The digest of the manifest
 * stays that of the payload. The key must be an EC key of P-256, P-384 or P-521, or an RSA key; throws `USAGE` for
 * others. `time` is written into the signature; default now.
 */
export function signSchema1(payload: Buffer, key: KeyObject, options: { time?: Date } = {}): Buffer {
  const { time = new Date() } = options;
  const length = lengthBeforeTail(payload);
  const header = goJSON({
    formatLength: length,
    formatTail: payload.subarray(length).toString('base64url'),
    time: time.toISOString().replace(/\.\d+Z$/, 'Z'),
  });
  const signature = signatureOf(payload, Buffer.from(header).toString('base64url'), key);
  return Buffer.concat([payload.subarray(0, length), Buffer.from(`,${block([signature], payload)}}`)]);
}

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;

/**
 * Creates a temporary signing key; the default is ECDSA on P-256, as in Docker's engine and registry.
 *
 * The key is exported to bytes and imported again. A `KeyObject` from `generateKeyPairSync` shares a lock with the job
 * that created it; if the garbage collector frees the job while the key is being exported or described, Node.js 20
 * waits for that lock forever.
 */
export function createSigningKey(algorithm: 'ES256' | 'ES384' | 'ES512' | 'RS256' = 'ES256'): KeyObject {
  const publicKeyEncoding = { type: 'spki', format: 'der' } as const;
  const privateKeyEncoding = { type: 'pkcs8', format: 'der' } as const;
  const { privateKey } =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding, privateKeyEncoding })
      : generateKeyPairSync('ec', { namedCurve: CURVES[algorithm], publicKeyEncoding, privateKeyEncoding });
  return createPrivateKey({ key: privateKey, ...privateKeyEncoding });
}

/**
 * Returns the number of bytes before the closing brace and the white space around it, which libtrust calls the tail.
 */
function lengthBeforeTail(payload: Buffer): number {
  const what = 'the manifest to sign';
  const document = parseJSON(payload, { shape: MANIFEST, what });
  if (!isJSONObject(document) || Object.keys(document).length === 0 || 'signatures' in document)
    throw new ContentError('INVALID_MANIFEST', `${what} is not an unsigned schema1 manifest`);
  const text = payload.toString('latin1').trimEnd(); // latin1: each byte is one character
  return text.slice(0, -1).trimEnd().length;
}

function signatureOf(payload: Buffer, header: string, key: KeyObject): GoStruct {
  const publicKey = createPublicKey(key);
  const [name, algorithm] = [...ALGORITHMS].find(([, candidate]) => fits(candidate, publicKey)) ?? [];
  if (name === undefined || algorithm === undefined) {
    throw new LadingError('USAGE', 'the key cannot sign schema1 manifests', {
      hint: 'Use an EC key of P-256, P-384 or P-521, or an RSA key of at most 8192 bits.',
    });
  }
  const signed = Buffer.from(`${header}.${payload.toString('base64url')}`);
  const signature = sign(algorithm.hash, signed, { key, dsaEncoding: 'ieee-p1363' });
  return {
    header: { jwk: publicJWK(publicKey), alg: name },
    signature: signature.toString('base64url'),
    protected: header,
  };
}

/** Returns the key with its members sorted, as libtrust writes it. */
function publicJWK(publicKey: KeyObject): GoStruct {
  const kid = keyIDOf(publicKey);
  const { crv, kty, x, y, e, n } = publicKey.export({ format: 'jwk' });
  return kty === 'RSA' ? { e, kid, kty, n } : { crv, kid, kty, x, y };
}

/** Returns the member `signatures`, indented as the payload is. */
function block(signatures: GoStruct[], payload: Buffer): string {
  const indent = /^\{\n([ \t]+)"/.exec(payload.toString('latin1'))?.[1];
  if (indent === undefined) return `"signatures":${goJSON(signatures)}`;
  return `\n${indent}"signatures": ${goIndentedJSON(signatures, indent, indent)}\n`;
}
