import { constants } from 'node:os';
import type { Remedy } from './remedy.js';

/**
 * What went wrong, as a word that callers compare and the command line turns into an exit code.
 * Grouped by the exit code of each group.
 */
export type ErrorCode =
  // 1: failed
  | 'ALREADY_EXISTS'
  | 'LOCKED'
  | 'IN_USE'
  | 'REFUSED'
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
  // 7: the other side
  | 'UNREACHABLE'
  | 'TIMEOUT'
  | 'CUT_SHORT'
  | 'TOO_MANY_REQUESTS'
  | 'REGISTRY'
  // 130: interrupted
  | 'ABORTED';

/** What to do about an error or a warning: in words for people, and as a word that callers compare. */
export interface Advice {
  /** What the user can do next, as one sentence. */
  hint?: string | undefined;
  /** The option or action that helps. */
  remedy?: Remedy | undefined;
  /** What the remedy is for, where its word needs that: the registry of a login. */
  remedyFor?: string | undefined;
}

export interface ErrorDetails extends Advice {
  cause?: unknown;
}

/**
 * Anything a user can meet. `message` is one line that names the digest, path or URL; it never holds a
 * secret nor a control character, wherever its parts came from.
 */
export class LadingError extends Error {
  override readonly name: string = 'LadingError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** What can be done, as a word to compare; a hint need not come with it. */
  readonly remedy: Remedy | undefined;
  /** What the remedy is for, where its word needs that. */
  readonly remedyFor: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(printable(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint === undefined ? undefined : printable(details.hint);
    this.remedy = details.remedy;
    this.remedyFor = details.remedyFor === undefined ? undefined : printable(details.remedyFor);
  }

  /** The same error, with a message that says more; this one becomes its cause. */
  withMessage(message: string): LadingError {
    return new LadingError(this.code, message, { ...adviceOf(this), cause: this });
  }
}

/** What an error advises, for another one that takes its place. */
export function adviceOf({ hint, remedy, remedyFor }: LadingError): Advice {
  return { hint, remedy, remedyFor };
}

/** Content that is not what its descriptor, its format or its archive says it is. */
export class ContentError extends LadingError {
  override readonly name = 'ContentError';

  override withMessage(message: string): ContentError {
    return new ContentError(this.code, message, { ...adviceOf(this), cause: this });
  }
}

/** A registry's refusal or failure, with what a caller needs to judge whether asking again helps. */
export class RegistryError extends LadingError {
  override readonly name = 'RegistryError';
  /** HTTP status, where there was a response. */
  readonly status: number | undefined;
  /** The wait that the server named, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The codes of the error body (distribution-spec, "Error Codes"), `MANIFEST_UNKNOWN` for example. */
  readonly registryCodes: readonly string[];
  /** Asking again does not help, whatever the status or the cause suggest. */
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

  /** The same error with other words; what callers judge it by stays. */
  restated({
    message = this.message,
    advice = adviceOf(this),
    isFinal = this.isFinal,
  }: {
    message?: string;
    /** In place of the hint and the remedy, which belong together. */
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

/** The `code` of a Node.js system error (`ENOENT`, `ECONNRESET`), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  if (typeof error.code !== 'string') return undefined;
  // `rm` and `cp` of Node.js look first, and have codes of their own for what the system would have said.
  if (error.code === 'ERR_FS_EISDIR') return 'EISDIR';
  const [, number] = UNNAMED.exec(error.code) ?? [];
  return number === undefined ? error.code : (NAMES.get(Number(number)) ?? error.code);
}

/** What Node.js gives for the code of an error that libuv has no name for: a used-up quota, a stale network share. */
const UNNAMED = /^Unknown system error -(\d+)$/;
const NAMES = new Map<number, string>(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** An unknown thrown value as one line of text. */
export function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}

/**
 * A URL that may be shown or stored: without user information, and with every query value that can carry
 * a secret (upload state, tokens, signatures of storage URLs) replaced.
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
 * Text from a stranger made safe for a terminal and for one line: control characters, line separators, and all
 * that is invisible and changes what stands beside it (bidirectional overrides, tags) are written as escapes.
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

/** Control, format, line and paragraph separators, halves of surrogate pairs. (Unicode, "General Category") */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
