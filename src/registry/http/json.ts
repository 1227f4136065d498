import { RegistryError } from '../../errors.js';
import { readBody } from './body.js';
import { decodeDocument } from './encoded-body.js';
import type { TransportResponse } from './response.js';

/** Bytes of one document; distribution 2.8 sends all names in one. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;

/** A response's JSON; `what` names it in errors. Rejects with `REGISTRY` when it is something else. */
export async function readJSON(response: TransportResponse, what: string): Promise<unknown> {
  return (await readSizedJSON(response, what)).document;
}

/** The same, with the bytes that it has. */
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

/** An object's own member, undefined where there is none. */
export function memberOf(document: unknown, name: string): unknown {
  return typeof document === 'object' && document !== null
    ? Object.getOwnPropertyDescriptor(document, name)?.value
    : undefined;
}
