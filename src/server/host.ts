import type { IncomingMessage } from 'node:http';
import { Refusal } from './errors.js';

/** A name or an address, and a port; empty if the client has no name for the server. (RFC 3986, 3.2.2 and 3.2.3) */
const HOST = /^(?:\[[\da-fA-F:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/;

/**
 * Throws a `Refusal` unless the request has exactly one valid Host header: a proxy in front of the server might use
 * another one than we do. Node.js silently keeps the first of several. (RFC 9112, 3.2)
 */
export function requireOneHost({ rawHeaders, httpVersion }: IncomingMessage): void {
  let host: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (host !== undefined) throw refused('the request has more than one Host header');
    host = rawHeaders[index + 1] ?? '';
  }
  if (host === undefined && httpVersion !== '1.0') throw refused('the request has no Host header');
  if (host !== undefined && !HOST.test(host)) throw refused('the Host header is not of the form HOST[:PORT]');
}

function refused(problem: string): Refusal {
  return new Refusal('UNSUPPORTED', problem, { status: 400, headers: { Connection: 'close' } });
}
