import type { Descriptor } from '../content/descriptor.js';
import { algorithmOf, type Digest, type DigestAlgorithm, digestOf } from '../content/digest.js';
import { isSchema1 } from '../content/media-types.js';
import { cutShort, digestMismatch, tooLong } from '../content/verify.js';
import { signedPayload } from './schema1/signature.js';

/** Returns the digest of a manifest: that of its bytes, or that of the signed payload of a signed schema1 manifest. */
export function manifestDigest(
  bytes: Uint8Array,
  mediaType: string,
  algorithm: DigestAlgorithm = 'sha256',
): Digest {
  return digestOf(digestedPart(bytes, mediaType), algorithm);
}

/** Checks a manifest's bytes against its descriptor; throws `SIZE_MISMATCH`, `CUT_SHORT` or `DIGEST_MISMATCH`. */
export function verifyManifest(descriptor: Descriptor, bytes: Uint8Array): void {
  if (bytes.byteLength > descriptor.size) throw tooLong(descriptor);
  if (bytes.byteLength < descriptor.size) throw cutShort(descriptor, bytes.byteLength);
  const digested = digestedPart(bytes, descriptor.mediaType, descriptor.digest);
  const actual = digestOf(digested, algorithmOf(descriptor.digest));
  if (actual !== descriptor.digest) throw digestMismatch(descriptor, actual);
}

function digestedPart(bytes: Uint8Array, mediaType: string, where?: string): Uint8Array {
  const payload = isSchema1(mediaType) ? signedPayload(bytes, where) : undefined;
  return payload ?? bytes;
}
