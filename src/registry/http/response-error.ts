import { type Advice, type ErrorCode, printable, RegistryError, redactURL } from '../../errors.js';
import { MAX_RETRY_AFTER_MS } from '../../retry.js';
import { HEADER } from '../protocol.js';
import { type Headers, header, parseRetryAfter } from './headers.js';

/** Maximum number of bytes that are read of an error body. */
export const MAX_ERROR_BYTES = 64 * 1024;
const MAX_MESSAGE_LENGTH = 300;
const MAX_ERRORS = 5;

/** The error codes and the text of an error body. */
export interface RegistryComplaint {
  codes: string[];
  /** One line; empty if the body has no readable text. */
  text: string;
}

/**
 * Parses the error body of a registry (`{"errors":[{code,message,detail}]}`) or of a token service (`{"details":…}`),
 * or takes the first line of plain text. HTML yields no text. (distribution-spec, "Error Codes")
 */
export function parseErrorBody(body: Uint8Array): RegistryComplaint {
  const raw = Buffer.from(body).toString('utf8').trim();
  if (raw === '' || raw.startsWith('<')) return { codes: [], text: '' };
  let document: unknown;
  try {
    document = JSON.parse(raw);
  } catch {
    // Not JSON, probably a proxy's plain text.
    return { codes: [], text: oneLine(raw.split('\n', 1)[0] ?? '') };
  }
  if (typeof document !== 'object' || document === null) return { codes: [], text: '' };
  const errors = 'errors' in document && Array.isArray(document.errors) ? document.errors : [];
  const codes: string[] = [];
  const texts: string[] = [];
  for (const entry of errors.slice(0, MAX_ERRORS)) {
    const code = oneLine(stringMember(entry, 'code'));
    const message = oneLine(stringMember(entry, 'message'));
    if (code !== '') codes.push(code);
    if (code !== '' || message !== '') texts.push([code, message].filter((part) => part !== '').join(': '));
  }
  // Token services: Docker Hub "details", OAuth2 "error_description" and "error", others "message".
  for (const name of ['details', 'error_description', 'error', 'message']) {
    if (texts.length === 0) texts.push(...[oneLine(stringMember(document, name))].filter(Boolean));
  }
  return { codes, text: oneLine(texts.join('; ')) };
}

export interface RefusedResponse {
  status: number;
  headers: Headers;
  /** The part of the body that was read. */
  body: Uint8Array;
  url?: URL | undefined;
  /** `HOST[:PORT]` of a proxy that may have answered instead of the registry. */
  proxy?: string | undefined;
}

/**
 * Returns the error for a response whose status is not a success. `what` says what was requested and where: `tag "1.2"
 * of reg.example/app`.
 */
export function responseError(
  { status, headers, body, url, proxy }: RefusedResponse,
  what: string,
  advice?: Advice | undefined,
  hints: Readonly<Record<string, Advice>> = {},
): RegistryError {
  const { codes, text } = parseErrorBody(body);
  if (proxy !== undefined && isOfProxy(status, headers))
    return new RegistryError(
      'UNREACHABLE',
      `cannot reach ${url?.host ?? what}: ${PROXY_REFUSES} (status ${status})`,
      {
        status,
        hint: PROXY_HINT,
      },
    );
  const mayBeOfProxy = proxy !== undefined && codes.length === 0 && isOfGateway(status, headers);
  const said = `${text === '' ? '' : ` (${text})`}${mayBeOfProxy ? `; the proxy ${proxy} may have answered` : ''}`;
  const [known] = [...codes, String(status)].filter((key) => Object.hasOwn(hints, key));
  const meant = isWronglyAsked(status, codes) ? 400 : status;
  const retryAfterMs = parseRetryAfter(header(headers, 'retry-after'));
  return new RegistryError(codeOf(meant), `${what}: ${problemOf(status)}${said}`, {
    status: meant,
    registryCodes: codes,
    retryAfterMs,
    ...(longWait(retryAfterMs) ??
      (mayBeOfProxy ? { hint: PROXY_HINT } : undefined) ??
      redirected(status, headers) ??
      advice ??
      (known === undefined ? adviceFor(status) : hints[known])),
  });
}

/**
 * distribution answers with the status of its first error, which may be 500 although another one says that the manifest
 * is invalid. A retry does not help then.
 */
function isWronglyAsked(status: number, codes: readonly string[]): boolean {
  return status === 500 && (codes.includes('MANIFEST_BLOB_UNKNOWN') || codes.includes('MANIFEST_INVALID'));
}

/** Also used for a refused CONNECT, the request that opens a tunnel for https. */
export const PROXY_REFUSES = 'the proxy does not let us through to it';
export const PROXY_HINT =
  'Ask the owner of the proxy to allow the host, or go around the proxy with NO_PROXY.';

/** Whether the response says that a proxy made it: the headers of Squid, and those of RFC 9209. */
function isOfProxy(status: number, headers: Headers): boolean {
  if (status === 407) return false; // the status already says that it is from a proxy
  return headers['x-squid-error'] !== undefined || /;\s*error=/i.test(header(headers, 'proxy-status') ?? '');
}

/** Whether a proxy may have answered: a status that proxies use, and no header that names the registry API. */
function isOfGateway(status: number, headers: Headers): boolean {
  return [403, 502, 503, 504].includes(status) && headers[HEADER.apiVersion] === undefined;
}

/** A push does not follow a redirect unless its status keeps method and body, so the hint names the target. */
function redirected(status: number, headers: Headers): Advice | undefined {
  const location = header(headers, 'location');
  if (status < 300 || status > 399 || location === undefined) return undefined;
  const hint = `It redirects such requests to ${redactURL(location)}; use that registry's name if it is the one you mean.`;
  return { hint };
}

/** Tells the user about a wait that is too long for this run. */
function longWait(retryAfterMs: number | undefined): Advice | undefined {
  if (retryAfterMs === undefined || retryAfterMs <= MAX_RETRY_AFTER_MS) return undefined;
  const minutes = Math.ceil(retryAfterMs / 60_000);
  const until = new Date(Date.now() + retryAfterMs);
  const time = Number.isNaN(until.getTime())
    ? ''
    : `, until ${until.toISOString().replace(/:\d\d\.\d+Z$/, 'Z')}`;
  const hint = `The registry asks to wait ${minutes} minutes${time}; run the command again then: it continues where it stopped.`;
  return { hint };
}

const ADVICE: Record<number, Advice> = {
  407: { hint: 'Give the proxy a user and a password: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT.' },
  429: {
    hint: 'Wait and run the command again, log in for a higher limit, or use a mirror; the command continues where it stopped.',
    remedy: 'mirrors',
  },
};

function adviceFor(status: number): Advice | undefined {
  if (status < 500) return ADVICE[status];
  return {
    hint: 'Run the command again in a while, it continues where it stopped; if that does not help, ask the registry’s owner.',
  };
}

function codeOf(status: number): ErrorCode {
  switch (status) {
    case 401:
      return 'UNAUTHORIZED';
    case 403:
      return 'DENIED';
    case 404:
      return 'NOT_FOUND';
    case 407:
      return 'UNREACHABLE';
    case 408:
      return 'TIMEOUT';
    case 429:
      return 'TOO_MANY_REQUESTS';
    case 416: // we ask only for ranges that the registry said exist
      return 'REGISTRY';
    default:
      return status >= 400 && status < 500 ? 'REFUSED' : 'REGISTRY';
  }
}

function problemOf(status: number): string {
  switch (status) {
    case 401:
      return 'not authorized';
    case 403:
      return 'access denied';
    case 404:
      return 'not found';
    case 407:
      return 'the proxy wants credentials';
    case 429:
      return 'too many requests';
    default:
      return status >= 500 ? `the registry failed with status ${status}` : `refused with status ${status}`;
  }
}

function stringMember(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null) return '';
  const member: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
  return typeof member === 'string' ? member : '';
}

function oneLine(text: string): string {
  const line = printable(text.replace(/\s+/g, ' ').trim());
  return line.length > MAX_MESSAGE_LENGTH ? `${line.slice(0, MAX_MESSAGE_LENGTH)}…` : line;
}
