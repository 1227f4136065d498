import { basename } from 'node:path';
import type { Advice } from '../../errors.js';

/** The beginning of a file that is not a tar. */
export interface Sample {
  /** The first bytes of the file, at most `SAMPLE_BYTES`. */
  start: Buffer;
  /** Bytes of the whole file. */
  size: number;
  /** The path for commands in hints, quoted for a shell if necessary. */
  path: string;
}

/** What kind of file was found instead of a tar. */
export interface Recognised extends Advice {
  /** The end of a sentence that begins with "it is". */
  is: string;
  /** What the user can do. */
  hint: string;
  /** True if the file may be a valid archive, but in a compression that lading cannot read; default false. */
  isUnsupported?: boolean;
}

/** The hint for a file that has nothing to do with images. */
export const NOT_MEANT =
  'This is probably the wrong file: name the archive that lading, docker save or another tool wrote.';

/** Returns a path as one word for a shell, quoted if necessary. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** Returns the name of a file without its folder; its path may be quoted for a shell. */
export function nameOf({ path }: Pick<Sample, 'path'>): string {
  return basename(path.replace(/^'|'$/g, ''));
}

/** Returns text from a file on one line, cut to at most `length` characters. */
export function shortened(text: string, length = 100): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
