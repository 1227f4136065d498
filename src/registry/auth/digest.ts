import { createHash, randomBytes } from 'node:crypto';
import type { Challenge } from './challenge.js';

/** A Digest challenge of a server. (RFC 7616, 3.3) */
export interface DigestChallenge {
  realm: string;
  nonce: string;
  opaque: string | undefined;
  /** As the server spells it; undefined if there is none, which means MD5. */
  algorithm: string | undefined;
  /** If false, the answer has the format of RFC 2069. */
  hasQop: boolean;
}

/** The request to authenticate; the answer is valid only for it. */
export interface DigestedRequest {
  method: string;
  /** Path and query, as in the request line. */
  uri: string;
}

/** How often the nonce was used, and the client's nonce: random by default, given by tests. */
export interface DigestCount {
  count: number;
  cnonce?: string;
}

const HASHES = new Map([
  ['md5', 'md5'],
  ['sha-256', 'sha256'],
  ['sha-512-256', 'sha512-256'],
]);
const SESSION = /-sess$/;

/** Parses a challenge; undefined if it is not one of Digest, or requires something unknown (only `auth-int`). */
export function readDigestChallenge({ scheme, parameters }: Challenge): DigestChallenge | undefined {
  const realm = parameters.get('realm');
  const nonce = parameters.get('nonce');
  const algorithm = parameters.get('algorithm');
  if (scheme !== 'digest' || realm === undefined || nonce === undefined) return undefined;
  if (hashOf(algorithm) === undefined) return undefined;
  const qop = parameters.get('qop');
  if (qop !== undefined && !qop.split(/[\s,]+/).includes('auth')) return undefined;
  return { realm, nonce, opaque: parameters.get('opaque'), algorithm, hasQop: qop !== undefined };
}

/** Returns the value of `Authorization` for one request. (RFC 7616, 3.4; RFC 2069, 2.1.2, without `qop`) */
export function digestAuthorization(
  { realm, nonce, opaque, algorithm, hasQop }: DigestChallenge,
  { method, uri }: DigestedRequest,
  { username, password }: { username: string; password: string },
  { count, cnonce = randomBytes(16).toString('base64') }: DigestCount,
): string {
  const hash = (...parts: string[]): string =>
    createHash(hashOf(algorithm) ?? 'md5')
      .update(parts.join(':'))
      .digest('hex');
  const secret = hash(username, realm, password);
  const key = SESSION.test(algorithm ?? '') ? hash(secret, nonce, cnonce) : secret;
  const nc = count.toString(16).padStart(8, '0');
  const request = hash(method, uri);
  const response = hasQop ? hash(key, nonce, nc, cnonce, 'auth', request) : hash(key, nonce, request);
  return `Digest ${[
    userParameter(username),
    `realm=${quoted(realm)}`,
    `uri=${quoted(uri)}`,
    ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
    `nonce=${quoted(nonce)}`,
    ...(hasQop ? [`nc=${nc}`, `cnonce=${quoted(cnonce)}`, 'qop=auth'] : []),
    `response="${response}"`,
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
  ].join(', ')}`;
}

function hashOf(algorithm = 'MD5'): string | undefined {
  return HASHES.get(algorithm.toLowerCase().replace(SESSION, ''));
}

/** Formats the user name; names beyond ASCII are encoded as in RFC 8187. (RFC 7616, 3.4) */
function userParameter(username: string): string {
  return /^[\x20-\x7e]*$/.test(username)
    ? `username=${quoted(username)}`
    : `username*=UTF-8''${encodeURIComponent(username).replace(/['()*!]/g, percentEncoded)}`;
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
