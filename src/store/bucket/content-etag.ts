import { createHash, type Hash } from 'node:crypto';

/** Computes what most services give as the ETag of bytes; undefined where Node.js has no MD5, as with FIPS 140. */
export function createMd5(): Hash | undefined {
  try {
    return createHash('md5');
  } catch {
    return undefined;
  }
}
