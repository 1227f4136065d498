import { type ErrorCode, isLadingError } from '../index.js';

/** The exit codes. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  content: 3,
  partial: 4,
  notFound: 5,
  notAllowed: 6,
  unreachable: 7,
  interrupted: 130,
  /** 128 + SIGPIPE. */
  brokenPipe: 141,
  /** 128 + SIGTERM; `interrupted` is 128 + SIGINT. */
  terminated: 143,
} as const;

/** The exit codes and what they mean, for the help; the type requires an entry for each. */
export const EXIT_MEANINGS: Record<keyof typeof EXIT, readonly [code: number, meaning: string]> = {
  done: [EXIT.done, 'done'],
  failed: [EXIT.failed, 'failed, or refused by the other side'],
  usage: [EXIT.usage, 'wrong usage'],
  content: [EXIT.content, 'content is wrong: digest, size, schema, signature, hole'],
  partial: [EXIT.partial, 'some images failed or are not resolved, the others are done'],
  notFound: [EXIT.notFound, 'not found: image, tag, file'],
  notAllowed: [EXIT.notAllowed, 'not allowed: credentials missing or refused'],
  unreachable: [EXIT.unreachable, 'the other side cannot be reached or kept failing'],
  interrupted: [
    EXIT.interrupted,
    'interrupted; what is done stays, and the same command continues from there',
  ],
  brokenPipe: [
    EXIT.brokenPipe,
    'the reader of standard output or standard error has gone, as in lading ls … | head',
  ],
  terminated: [EXIT.terminated, 'ended by SIGTERM; what is done stays, as with 130'],
};

/** Exit code by error code; the type requires an entry for each. */
const EXIT_CODES: Record<ErrorCode, number> = {
  ALREADY_EXISTS: EXIT.failed,
  LOCKED: EXIT.failed,
  IN_USE: EXIT.failed,
  REFUSED: EXIT.failed,
  CONFLICT: EXIT.failed,
  NO_SPACE: EXIT.failed,
  NOT_WRITABLE: EXIT.failed,
  IO: EXIT.failed,
  UNSUPPORTED: EXIT.failed,
  USAGE: EXIT.usage,
  INVALID_REFERENCE: EXIT.usage,
  DIGEST_MISMATCH: EXIT.content,
  SIZE_MISMATCH: EXIT.content,
  INVALID_DIGEST: EXIT.content,
  INVALID_MANIFEST: EXIT.content,
  INVALID_LAYOUT: EXIT.content,
  INVALID_ARCHIVE: EXIT.content,
  INVALID_LOCK: EXIT.content,
  INVALID_SIGNATURE: EXIT.content,
  MISSING_CONTENT: EXIT.content,
  TOO_LARGE: EXIT.content,
  PARTIAL: EXIT.partial,
  NOT_FOUND: EXIT.notFound,
  UNAUTHORIZED: EXIT.notAllowed,
  DENIED: EXIT.notAllowed,
  UNREACHABLE: EXIT.unreachable,
  TIMEOUT: EXIT.unreachable,
  CUT_SHORT: EXIT.unreachable,
  TOO_MANY_REQUESTS: EXIT.unreachable,
  REGISTRY: EXIT.unreachable,
  ABORTED: EXIT.interrupted,
};

/** Returns the exit code for any thrown value. */
export function exitCodeOf(error: unknown): number {
  if (isLadingError(error, 'ABORTED') && error.cause === 'SIGTERM') return EXIT.terminated;
  return isLadingError(error) ? EXIT_CODES[error.code] : EXIT.failed;
}
