import { getSystemErrorMap } from 'node:util';
import { type Advice, LadingError, systemCode } from './errors.js';

/** Descriptions of the operating system's errors, by their codes. */
const DESCRIPTIONS = new Map([
  ...getSystemErrorMap().values(),
  // libuv has no descriptions for these.
  ['EDQUOT', 'disk quota exceeded'],
  ['ESTALE', 'stale file handle'],
]);

/** True for codes of errors that neither libuv nor Node.js has a name for. */
function isNumbered(code: string): boolean {
  return code.startsWith('Unknown system error');
}

/** Codes of connection errors. Callers decide whether a disk or a peer has failed. */
const OF_CONNECTIONS = /^(?:EPIPE|ETIMEDOUT|ENOTFOUND|ECONN\w+|EHOST\w+|ENET\w+|EADDR\w+|EAI_\w+)$/;

/**
 * Describes an error of the operating system, as in `file too large (EFBIG)`; returns undefined for any other error.
 */
export function systemReason(error: unknown): string | undefined {
  const code = systemCode(error);
  if (code === undefined) return undefined;
  const description = DESCRIPTIONS.get(code) ?? (isNumbered(code) ? 'a failure' : undefined);
  return description === undefined ? undefined : `${description} (${code})`;
}

/**
 * Turns an error of the operating system into an `IO` error for the user, with `what` (default the path) and the
 * reason. Returns undefined for any other error, such as a bug in the program.
 */
export function systemFailure(error: unknown, what = subjectOf(error)): LadingError | undefined {
  const reason = systemReason(error);
  if (reason === undefined) return undefined;
  return new LadingError('IO', `${what}: ${reason}`, { cause: error, ...adviceFor(systemCode(error)) });
}

/** Like `systemFailure`, for reading and writing files: returns undefined for errors of a connection, too. */
export function fileFailure(error: unknown, what: string): LadingError | undefined {
  return OF_CONNECTIONS.test(systemCode(error) ?? '') ? undefined : systemFailure(error, what);
}

export const CHECK_DISK = 'Check that the disk, the stick or the network share is still there and healthy.';

function adviceFor(code: string | undefined): Advice {
  switch (code) {
    case 'EMFILE':
    case 'ENFILE':
      return {
        hint: 'Raise the limit of open files (ulimit -n), or do less at once.',
        remedy: 'concurrency',
      };
    case 'ENOMEM':
      return { hint: 'Give the process more memory, or do less at once.', remedy: 'concurrency' };
    default:
      return { hint: hintFor(code) };
  }
}

function hintFor(code: string | undefined): string {
  switch (code) {
    case 'EISDIR':
      return 'Name a file; this is a directory.';
    case 'ENAMETOOLONG':
      return 'Choose a shorter name.';
    case 'ELOOP':
      return 'Its symbolic links lead in a circle; name the file that they should lead to.';
    case 'EACCES':
    case 'EPERM':
      return 'Get the permission for it, or choose another place.';
    case 'EADDRINUSE':
      return 'Another program listens there; choose another port.';
    default:
      return code !== undefined && OF_CONNECTIONS.test(code)
        ? 'Check that the other side is running and can be reached.'
        : CHECK_DISK;
  }
}

/** Returns the path or address of a failed call, otherwise the name of the call. */
function subjectOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'the system';
  const { path, dest, address, syscall } = error as Partial<
    Record<'path' | 'dest' | 'address' | 'syscall', unknown>
  >; // optional members of Node.js system errors
  const known = [path, dest, address, syscall].find((part) => typeof part === 'string' && part !== '');
  return known === undefined ? 'the system' : String(known);
}
