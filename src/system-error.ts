import { getSystemErrorMap } from 'node:util';
import { type Advice, LadingError, systemCode } from './errors.js';

/** What the operating system's error codes mean, by their names. */
const DESCRIPTIONS = new Map([
  ...getSystemErrorMap().values(),
  // libuv has no words for these.
  ['EDQUOT', 'disk quota exceeded'],
  ['ESTALE', 'stale file handle'],
]);

/** Of errors that neither libuv nor Node.js has a name for. */
function isNumbered(code: string): boolean {
  return code.startsWith('Unknown system error');
}

/** Codes of connections: whether they are failures of a disk or of a peer is for others to say. */
const OF_CONNECTIONS = /^(?:EPIPE|ETIMEDOUT|ENOTFOUND|ECONN\w+|EHOST\w+|ENET\w+|EADDR\w+|EAI_\w+)$/;

/** What the operating system says in words, `file too large (EFBIG)`; undefined for an error that is not one of its. */
export function systemReason(error: unknown): string | undefined {
  const code = systemCode(error);
  if (code === undefined) return undefined;
  const description = DESCRIPTIONS.get(code) ?? (isNumbered(code) ? 'a failure' : undefined);
  return description === undefined ? undefined : `${description} (${code})`;
}

/**
 * A failure of the operating system that no caller knows better, as an error a user can meet: it names what it was
 * about and the reason. Undefined for anything else, mistakes of the program above all.
 */
export function systemFailure(error: unknown, what = subjectOf(error)): LadingError | undefined {
  const reason = systemReason(error);
  if (reason === undefined) return undefined;
  return new LadingError('IO', `${what}: ${reason}`, { cause: error, ...adviceFor(systemCode(error)) });
}

/** The same for what files are read and written with: an error of a connection stays as it is. */
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
    case 'ENAMETOOLONG':
      return 'Choose a shorter name.';
    case 'ELOOP':
      return 'Its symbolic links lead in a circle; name the file that is meant.';
    case 'EACCES':
    case 'EPERM':
      return 'Give yourself the permission, or choose another place.';
    case 'EADDRINUSE':
      return 'Another program listens there; choose another port.';
    default:
      return code !== undefined && OF_CONNECTIONS.test(code)
        ? 'Check that the other side is there and can be reached.'
        : CHECK_DISK;
  }
}

/** The path of a failed call, or the call itself. */
function subjectOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'the system';
  const { path, dest, address, syscall } = error as Partial<
    Record<'path' | 'dest' | 'address' | 'syscall', unknown>
  >; // members that Node.js gives its system errors, all of them optional
  const known = [path, dest, address, syscall].find((part) => typeof part === 'string' && part !== '');
  return known === undefined ? 'the system' : String(known);
}
