import { createHash, type Hash } from 'node:crypto';
import { type Digest, isDigest } from '../../content/digest.js';
import { ContentError } from '../../errors.js';
import { type Headers, headerLines } from '../http/headers.js';

/** The names that registries use for the header; it may have several lines, or values with commas. */
const HEADERS = ['x-docker-checksum-payload', 'x-docker-payload-checksum', 'x-docker-checksum'];

/**
 * Returns the checksums of a layer as it is sent, from the headers of its image's JSON. Tarsums in the same headers are
 * ignored: they do not cover all fields, Docker and docker-registry compute them differently for owners, and damage is
 * also noticed by the checksum of gzip.
 */
export function payloadChecksums(headers: Headers): Digest[] {
  const texts = HEADERS.flatMap((name) => headerLines(headers, name))
    .flatMap((line) => line.split(','))
    .map((text) => text.trim().toLowerCase());
  return [...new Set(texts)].filter(isSHA256);
}

function isSHA256(text: string): text is Digest {
  return text.startsWith('sha256:') && isDigest(text);
}

/** Verifies a layer while it is read. */
export interface PayloadVerifier {
  update(chunk: Uint8Array): void;
  /** Throws `DIGEST_MISMATCH` if there are checksums and none of them matches. */
  finish(): void;
}

/**
 * Returns a verifier. The checksum covers the image's JSON, a line feed, and the layer as it is sent. (docker-registry,
 * checksums.py)
 */
export function createPayloadVerifier(
  json: Uint8Array,
  checksums: readonly Digest[],
  what: string,
): PayloadVerifier {
  const hash: Hash = createHash('sha256').update(json).update('\n');
  return {
    update(chunk) {
      if (checksums.length > 0) hash.update(chunk);
    },
    finish() {
      if (checksums.length === 0) return;
      const actual = `sha256:${hash.digest('hex')}`;
      if (checksums.some((checksum) => checksum === actual)) return;
      throw new ContentError(
        'DIGEST_MISMATCH',
        `${what} has other content: its checksum should be ${checksums.join(' or ')} but is ${actual}`,
        { hint: 'It was damaged on its way or at the registry; run the command again.' },
      );
    },
  };
}
