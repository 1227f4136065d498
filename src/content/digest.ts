import { createHash, type Hash } from 'node:crypto';
import { ContentError } from '../errors.js';

/**
 * `algorithm:encoded`, checked by `parseDigest` or `isDigest`: lading can compute the algorithm, and the encoded part
 * is lower-case hex of exactly the right length. Only a checked digest may become part of a path or a URL. (image-spec,
 * descriptor.md, "Digests")
 */
export type Digest = `${DigestAlgorithm}:${string}`;
export type DigestAlgorithm = 'sha256' | 'sha384' | 'sha512';

const ENCODED_LENGTH: Record<DigestAlgorithm, number> = { sha256: 64, sha384: 96, sha512: 128 };

/** Parses a digest; throws `INVALID_DIGEST`, which says whether the algorithm, the length or a character is wrong. */
export function parseDigest(text: string): Digest {
  const problem = digestProblem(text);
  if (problem !== undefined) throw new ContentError('INVALID_DIGEST', `invalid digest "${text}": ${problem}`);
  return text as Digest; // digestProblem has checked algorithm, length and alphabet
}

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && digestProblem(text) === undefined;
}

/** Returns the reason why `text` is not a digest, or undefined if it is one. */
export function digestProblem(text: string): string | undefined {
  const colon = text.indexOf(':');
  if (colon < 0) return 'it has no algorithm';
  const algorithm = text.slice(0, colon);
  const encoded = text.slice(colon + 1);
  if (!isDigestAlgorithm(algorithm)) return `the algorithm "${algorithm}" is not supported`;
  if (encoded.length !== ENCODED_LENGTH[algorithm])
    return `${algorithm} needs ${ENCODED_LENGTH[algorithm]} characters, it has ${encoded.length}`;
  if (!/^[0-9a-f]+$/.test(encoded)) return 'it must be lower-case hexadecimal';
  return undefined;
}

/** True if lading can compute digests with the algorithm `text`. */
export function isDigestAlgorithm(text: string): text is DigestAlgorithm {
  return Object.hasOwn(ENCODED_LENGTH, text);
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm; // safe: a Digest has been checked
}

export function encodedOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Returns the digest of bytes in memory. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Computes the digest of content chunk by chunk. */
export interface Digester {
  update(chunk: Uint8Array): void;
  /** Bytes seen so far. */
  readonly size: number;
  /** Returns the digest of all chunks; it can be called only once. */
  digest(): Digest;
}

export function createDigester(algorithm: DigestAlgorithm = 'sha256'): Digester {
  const hash: Hash = createHash(algorithm);
  let size = 0;
  return {
    update(chunk) {
      hash.update(chunk);
      size += chunk.byteLength;
    },
    get size() {
      return size;
    },
    digest: () => `${algorithm}:${hash.digest('hex')}`,
  };
}
