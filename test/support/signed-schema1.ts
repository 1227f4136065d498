import { parseDigest } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { fixture } from './fixtures.js';
import type { Content } from './images.js';

/** What docker-registry 2.8.2 answers to a client that asks for nothing else, and the digest it states. */
export function signedSchema1(): Content {
  const file = (name: string): Buffer => fixture(`archives/schema1-signed-tiny-1.${name}`);
  const bytes = file('json');
  const digest = parseDigest(file('digest').toString().trim());
  return { descriptor: { mediaType: MEDIA_TYPE.dockerSchema1Signed, digest, size: bytes.length }, bytes };
}
