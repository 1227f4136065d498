import { headerLines } from '../http/headers.js';
import type { TransportResponse } from '../http/response.js';

const MAX_COOKIES = 16;
const MAX_COOKIE_BYTES = 4096;
/**
 * Matches `NAME=VALUE` with characters that are allowed in a header. (RFC 6265, 4.1.1, and the quotes that Flask
 * writes)
 */
const COOKIE = /^\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=([\x21-\x3a\x3c-\x7e]*)\s*(?:;|$)/;
const EXPIRED = /;\s*max-age\s*=\s*(?:0|-\d+)\s*(?:;|$)/i;

/**
 * The session cookies of v1 registries, which need them because a token may be valid for one request only. They are
 * kept in memory for one repository, and sent only to the origin that set them, whatever path and domain they have.
 * (docker, "The Docker Hub and the Registry v1", 6.2)
 */
export class SessionCookies {
  readonly #byOrigin = new Map<string, Map<string, string>>();

  /** Returns the Cookie header of a request to `endpoint`. */
  headersFor(endpoint: URL): { cookie?: string } {
    const cookies = [...(this.#byOrigin.get(endpoint.origin) ?? [])].map(
      ([name, value]) => `${name}=${value}`,
    );
    return cookies.length === 0 ? {} : { cookie: cookies.join('; ') };
  }

  /** Stores the cookies that `endpoint` set; ignores those of a response from another origin. */
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
