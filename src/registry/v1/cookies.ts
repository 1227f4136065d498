import { headerLines } from '../http/headers.js';
import type { TransportResponse } from '../http/response.js';

const MAX_COOKIES = 16;
const MAX_COOKIE_BYTES = 4096;
/** `NAME=VALUE` of characters that may stand in a header. (RFC 6265, 4.1.1, and the quotes that Flask writes) */
const COOKIE = /^\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=([\x21-\x3a\x3c-\x7e]*)\s*(?:;|$)/;
const EXPIRED = /;\s*max-age\s*=\s*(?:0|-\d+)\s*(?:;|$)/i;

/**
 * The session that a v1 registry keeps by a cookie, since a token may be good for one request only. Kept in
 * memory for one repository, and given back to the very origin that set it, whatever paths and domains it
 * claims. (docker, "The Docker Hub and the Registry v1", 6.2)
 */
export class SessionCookies {
  readonly #byOrigin = new Map<string, Map<string, string>>();

  /** What a request to `endpoint` carries. */
  headersFor(endpoint: URL): { cookie?: string } {
    const cookies = [...(this.#byOrigin.get(endpoint.origin) ?? [])].map(
      ([name, value]) => `${name}=${value}`,
    );
    return cookies.length === 0 ? {} : { cookie: cookies.join('; ') };
  }

  /** Takes over what `endpoint` set; of a response that came from elsewhere, nothing. */
  take(endpoint: URL, { url, headers }: Pick<TransportResponse, 'url' | 'headers'>): void {
    if (url.origin !== endpoint.origin) return;
    const cookies = this.#byOrigin.get(url.origin) ?? new Map<string, string>();
    for (const line of headerLines(headers, 'set-cookie')) {
      const [, name, value] = line.length > MAX_COOKIE_BYTES ? [] : (COOKIE.exec(line) ?? []);
      if (name === undefined || value === undefined) continue;
      if (value === '' || EXPIRED.test(line)) cookies.delete(name);
      else if (cookies.has(name) || cookies.size < MAX_COOKIES) cookies.set(name, value);
    }
    this.#byOrigin.set(url.origin, cookies);
  }
}
