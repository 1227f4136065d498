import type { Headers } from './headers.js';

export interface ResponseHead {
  status: number;
  headers: Headers;
  /** Bytes of the body, by its one Content-Length. */
  length: number;
}

/**
 * The head of a response, without the empty line that ends it. Undefined for whatever is not plain: another
 * version, an interim response, a body that ends by anything but one Content-Length, folded lines, characters
 * beyond ASCII. Those are the HTTP library's, so that nothing here has to guess. (RFC 9112, sections 4 to 6)
 */
export function parseResponseHead(text: string): ResponseHead | undefined {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([2-5]\d\d) [\t\x20-\x7e]*$/.exec(statusLine)?.[1]);
  if (Number.isNaN(status) || WITHOUT_BODY.has(status)) return undefined;
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):([\t\x20-\x7e]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), value.trim()]);
  }
  const [length = '', ...more] = headers.get('content-length') ?? [];
  if (!/^\d{1,15}$/.test(length) || more.length > 0) return undefined;
  if (headers.has('transfer-encoding') || headers.has('content-encoding')) return undefined;
  const entries = [...headers].map(([name, values]) => [name, values.length === 1 ? values[0] : values]);
  return { status, headers: Object.fromEntries(entries), length: Number(length) };
}

/** No Content, Reset Content, Not Modified: their Content-Length, if any, does not tell of a body. */
const WITHOUT_BODY = new Set([204, 205, 304]);
