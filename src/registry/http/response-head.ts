import type { Headers } from './headers.js';

export interface ResponseHead {
  status: number;
  headers: Headers;
  /** Size of the body in bytes, from its only Content-Length. */
  length: number;
}

/**
 * Parses the head of a response, without the empty line that ends it. Returns undefined for anything unusual: another
 * HTTP version, an interim response, a body whose end is not given by a single Content-Length, folded lines, or
 * characters beyond ASCII. undici handles those, so that this parser never has to guess. (RFC 9112, sections 4 to 6)
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

/** No Content, Reset Content, Not Modified: these have no body, even if there is a Content-Length. */
const WITHOUT_BODY = new Set([204, 205, 304]);
