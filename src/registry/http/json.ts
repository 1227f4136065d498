import { RegistryError } from '../../errors.js';
import { readBody } from './body.js';
import { decodeDocument } from './encoded-body.js';
import type { TransportResponse } from './response.js';

/** Maximum size of a document; distribution 2.8 sends all names of a list in one. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;

/**
 * Parses the response as JSON; `what` names it in errors. Throws `REGISTRY` if it is not JSON, and `TOO_LARGE` if it is
 * longer than 32 MiB.
 */
export async function readJSON(response: TransportResponse, what: string): Promise<unknown> {
  return (await readSizedJSON(response, what)).document;
}

/** Like `readJSON`, and also returns the size of the document in bytes. */
export async function readSizedJSON(
  response: TransportResponse,
  what: string,
): Promise<{ document: unknown; bytes: number }> {
  const tooLarge = () =>
    new RegistryError('TOO_LARGE', `${what}: a page is larger than ${MAX_JSON_BYTES} bytes`);
  const received = await readBody(response, MAX_JSON_BYTES, tooLarge);
  const bytes = decodeDocument(received, response, MAX_JSON_BYTES, tooLarge);
  try {
    return { document: JSON.parse(bytes.toString('utf8')), bytes: bytes.byteLength };
  } catch {
    throw new RegistryError('REGISTRY', `${what}: the answer is not JSON`, {
      hint: 'A proxy or a login page may have answered in place of the registry; check HTTPS_PROXY and the host.',
    });
  }
}

/** Returns an object's own member, or undefined if there is none. */
export function memberOf(document: unknown, name: string): unknown {
  return typeof document === 'object' && document !== null
    ? Object.getOwnPropertyDescriptor(document, name)?.value
    : undefined;
}
