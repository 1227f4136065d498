import { basename } from 'node:path';
import type { Advice } from '../../errors.js';

/** The beginning of a file that is no tar, and how errors call the file. */
export interface Sample {
  /** As much of the file as is looked at, from its first byte. */
  start: Buffer;
  /** Bytes of the whole file. */
  size: number;
  /** A path for commands in hints, which a shell takes as it is. */
  path: string;
}

/** What a file is that is no tar. */
export interface Recognised extends Advice {
  /** The end of a sentence that begins with "it is". */
  is: string;
  /** What to do about it. */
  hint: string;
  /** The file may be sound, but is compressed in a way that lading does not read; default false. */
  isUnsupported?: boolean;
}

/** What to do about a file that has nothing to do with images. */
export const NOT_MEANT =
  'This is another file than the one that was meant: name the archive that lading, docker save or another tool wrote.';

/** A path as one word of a shell's command. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** What a file is called without its folder; the path is a word of a shell's command. */
export function nameOf({ path }: Pick<Sample, 'path'>): string {
  return basename(path.replace(/^'|'$/g, ''));
}

/** A stranger's text, short enough for an error. */
export function shortened(text: string, length = 100): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
