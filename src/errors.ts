import { constants } from 'node:os';
import type { Remedy } from './remedy.js';

/**
 * The kind of an error. Callers compare it, and the command line turns it into an exit code; the codes are grouped by
 * these.
 */
export type ErrorCode =
  // 1: failed
  | 'ALREADY_EXISTS'
  | 'LOCKED'
  | 'IN_USE'
  | 'REFUSED'
  | 'CONFLICT'
  | 'NO_SPACE'
  | 'NOT_WRITABLE'
  | 'IO'
  | 'UNSUPPORTED'
  // 2: wrong usage
  | 'USAGE'
  | 'INVALID_REFERENCE'
  // 3: content is wrong
  | 'DIGEST_MISMATCH'
  | 'SIZE_MISMATCH'
  | 'INVALID_DIGEST'
  | 'INVALID_MANIFEST'
  | 'INVALID_LAYOUT'
  | 'INVALID_ARCHIVE'
  | 'INVALID_LOCK'
  | 'INVALID_SIGNATURE'
  | 'MISSING_CONTENT'
  | 'TOO_LARGE'
  // 4: some images failed
  | 'PARTIAL'
  // 5: not found
  | 'NOT_FOUND'
  // 6: not allowed
  | 'UNAUTHORIZED'
  | 'DENIED'
  // 7: the registry or the connection failed
  | 'UNREACHABLE'
  | 'TIMEOUT'
  | 'CUT_SHORT'
  | 'TOO_MANY_REQUESTS'
  | 'REGISTRY'
  // 130: interrupted
  | 'ABORTED';

/** What the user can do about an error or a warning: as text, and as a word that callers can compare. */
export interface Advice {
  /** What the user can do, in a sentence or two. */
  hint?: string | undefined;
  /** The option or action that helps. */
  remedy?: Remedy | undefined;
  /** What the remedy applies to, if it needs that, for example the registry of a login. */
  remedyFor?: string | undefined;
}

export interface ErrorDetails extends Advice {
  cause?: unknown;
}

/**
 * An error that a user can see. `message` is one line with the digest, path or URL. Control characters in it are
 * escaped, wherever they came from; it must not contain secrets (see `redactURL`).
 */
export class LadingError extends Error {
  override readonly name: string = 'LadingError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** What the user can do, as a word to compare; there may be a remedy without a hint. */
  readonly remedy: Remedy | undefined;
  /** What the remedy applies to, if it needs that. */
  readonly remedyFor: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(printable(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint === undefined ? undefined : printable(details.hint);
    this.remedy = details.remedy;
    this.remedyFor = details.remedyFor === undefined ? undefined : printable(details.remedyFor);
  }

  /** Returns the same error with a more detailed message, and this error as its cause. */
  withMessage(message: string): LadingError {
    return new LadingError(this.code, message, { ...adviceOf(this), cause: this });
  }
}

/** Returns the advice of an error, to use it in another error. */
export function adviceOf({ hint, remedy, remedyFor }: LadingError): Advice {
  return { hint, remedy, remedyFor };
}

/** Content does not match its descriptor, or violates the format of a manifest, layout or archive. */
export class ContentError extends LadingError {
  override readonly name = 'ContentError';

  override withMessage(message: string): ContentError {
    return new ContentError(this.code, message, { ...adviceOf(this), cause: this });
  }
}

/** A registry refused a request or failed; the members let callers decide whether to repeat the request. */
export class RegistryError extends LadingError {
  override readonly name = 'RegistryError';
  /** The HTTP status, if there was a response. */
  readonly status: number | undefined;
  /** The wait that the server asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The codes in the error body, such as `MANIFEST_UNKNOWN`. (distribution-spec, "Error Codes") */
  readonly registryCodes: readonly string[];
  /** True if repeating the request does not help, even if the status or the cause suggests it. */
  readonly isFinal: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails & {
      status?: number | undefined;
      retryAfterMs?: number | undefined;
      registryCodes?: readonly string[];
      isFinal?: boolean | undefined;
    } = {},
  ) {
    super(code, message, details);
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.registryCodes = details.registryCodes ?? [];
    this.isFinal = details.isFinal ?? false;
  }

  /** Returns the same error with another message, hint or `isFinal`; the other members stay. */
  restated({
    message = this.message,
    advice = adviceOf(this),
    isFinal = this.isFinal,
  }: {
    message?: string;
    /** Replaces the hint and the remedy, which belong together. */
    advice?: Advice;
    isFinal?: boolean;
  }): RegistryError {
    const { code, status, retryAfterMs, registryCodes } = this;
    const details = { status, retryAfterMs, registryCodes, isFinal, ...advice, cause: this.cause ?? this };
    return new RegistryError(code, message, details);
  }

  override withMessage(message: string): RegistryError {
    return this.restated({ message });
  }
}

export function isLadingError(error: unknown, ...codes: ErrorCode[]): error is LadingError {
  return error instanceof LadingError && (codes.length === 0 || codes.includes(error.code));
}

/** Returns the `code` of a Node.js system error, such as `ENOENT` or `ECONNRESET`; undefined if it has none. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  if (typeof error.code !== 'string') return undefined;
  // Node.js' own `rm` and `cp` check first, and throw this instead of the system's error.
  if (error.code === 'ERR_FS_EISDIR') return 'EISDIR';
  const [, number] = UNNAMED.exec(error.code) ?? [];
  return number === undefined ? error.code : (NAMES.get(Number(number)) ?? error.code);
}

/**
 * The code that Node.js gives to errors that libuv has no name for, such as an exceeded quota or a stale network share.
 */
const UNNAMED = /^Unknown system error -(\d+)$/;
const NAMES = new Map<number, string>(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** Returns the message of any thrown value, as one printable line. */
export function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}

/**
 * Returns a URL that may be shown or stored: without user information, and with `REDACTED` for every query value that
 * could be a secret (upload state, tokens, signatures of storage URLs).
 */
export function redactURL(url: string | URL): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return printable(String(url)).replace(/\/\/[^/@]*@/, '//');
  }
  parsed.username = '';
  parsed.password = '';
  for (const key of [...parsed.searchParams.keys()]) {
    if (!HARMLESS_QUERY.has(key)) parsed.searchParams.set(key, 'REDACTED');
  }
  return printable(parsed.href);
}

const HARMLESS_QUERY = new Set([
  'n',
  'last',
  'service',
  'scope',
  'digest',
  'mount',
  'from',
  'artifactType',
  'ns',
]);

/**
 * Makes untrusted text safe for a terminal and for one line: it escapes control characters, line separators, and
 * invisible characters that change the text around them (bidirectional overrides, tags).
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code > 0xffff) return `\\u{${code.toString(16)}}`;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** Control and format characters, line and paragraph separators, and lone surrogates. (Unicode, "General Category") */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
