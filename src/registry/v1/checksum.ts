import { createHash, type Hash } from 'node:crypto';
import { type Digest, isDigest } from '../../content/digest.js';
import { ContentError } from '../../errors.js';
import { type Headers, headerLines } from '../http/headers.js';

/** The names that registries give to the header, of several lines or with commas. */
const HEADERS = ['x-docker-checksum-payload', 'x-docker-payload-checksum', 'x-docker-checksum'];

/**
 * The checksums over a layer as it is sent that come with its image's JSON. Tarsums stand beside them and are
 * left out: they say nothing of the fields that they leave out, Docker and docker-registry disagree about
 * what owners count as, and the gzip around a layer notices damage as well.
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

/** Checks a layer that streams by. */
export interface PayloadVerifier {
  update(chunk: Uint8Array): void;
  /** Throws `DIGEST_MISMATCH` where checksums were stated and the bytes have none of them. */
  finish(): void;
}

/** The checksum is over the image's JSON, a line feed, and the layer as sent. (docker-registry, checksums.py) */
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
        `${what} has other content: its checksum is to be ${checksums.join(' or ')}, and is ${actual}`,
        { hint: 'It was damaged on its way or at the registry; run the command again.' },
      );
    },
  };
}
