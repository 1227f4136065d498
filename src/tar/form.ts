import { AmbiguousHeader, isZero } from './header.js';

const MAGIC = { start: 257, end: 263 };
const VERSION_END = 265;
const PREFIX = { start: 345, end: 500 };
const STAR_TRAILER = { start: 508, text: 'tar\0' };

/**
 * Refuses a header whose form readers take differently, and with it the entry's name. POSIX's form has a prefix of the
 * name at byte 345, star's a shorter one, GNU's and the one before POSIX none; Python's tarfile joins a prefix to the
 * name whatever the form, Go's archive/tar goes by the magic, the version and the trailer. (POSIX.1-1988, ustar)
 */
export function requireOneForm(block: Buffer): void {
  const magic = block.toString('latin1', MAGIC.start, MAGIC.end);
  const version = block.toString('latin1', MAGIC.end, VERSION_END);
  const hasPrefix = block[PREFIX.start] !== 0;
  if (magic === 'ustar\0') {
    if (hasPrefix && block.toString('latin1', STAR_TRAILER.start) === STAR_TRAILER.text)
      refuse("the prefix of a name is in star's form, which readers take differently");
    return;
  }
  if (magic.startsWith('ustar') && (magic !== 'ustar ' || version !== ' \0'))
    refuse('the magic of a header is of no known form of tar');
  const isGNU = magic === 'ustar ';
  // GNU's form has numbers there, in tars of `--incremental` alone; a sparse file's map is refused by its type.
  if (!isGNU && !isZero(block.subarray(PREFIX.start, PREFIX.end)))
    refuse('a header that is older than ustar has a prefix to its name');
  if (isGNU && hasPrefix)
    refuse('a header of GNU tar has a prefix to its name, or is of an incremental backup');
}

function refuse(problem: string): never {
  throw new AmbiguousHeader(problem);
}
