import { AmbiguousHeader, isZero } from './header.js';

const MAGIC = { start: 257, end: 263 };
const VERSION_END = 265;
const PREFIX = { start: 345, end: 500 };
const STAR_TRAILER = { start: 508, text: 'tar\0' };

/**
 * Throws `AmbiguousHeader` for a header from which tools could read different names. In the POSIX format, a prefix of
 * the name stands at byte 345; in star's it is shorter; GNU's and the format before POSIX have no prefix. Python's
 * tarfile always adds the prefix to the name, Go's archive/tar decides by magic, version and trailer. (POSIX.1-1988,
 * ustar)
 */
export function requireOneForm(block: Buffer): void {
  const magic = block.toString('latin1', MAGIC.start, MAGIC.end);
  const version = block.toString('latin1', MAGIC.end, VERSION_END);
  const hasPrefix = block[PREFIX.start] !== 0;
  if (magic === 'ustar\0') {
    if (hasPrefix && block.toString('latin1', STAR_TRAILER.start) === STAR_TRAILER.text)
      refuse("the prefix of a name is in star's format, which tools read differently");
    return;
  }
  if (magic.startsWith('ustar') && (magic !== 'ustar ' || version !== ' \0'))
    refuse('the magic of a header is not that of a known tar format');
  const isGNU = magic === 'ustar ';
  // GNU tar writes numbers there, with `--incremental`. It also puts the map of sparse files there, but their type is
  // refused elsewhere.
  if (!isGNU && !isZero(block.subarray(PREFIX.start, PREFIX.end)))
    refuse('a header in the format before ustar has a prefix of the name');
  if (isGNU && hasPrefix)
    refuse('a header of GNU tar has a prefix of the name, or is from an incremental backup');
}

function refuse(problem: string): never {
  throw new AmbiguousHeader(problem);
}
