import { type Compression, detectCompression, MAGIC_LENGTH } from '../../content/compression.js';
import { isTarStart, TAR_START_LENGTH } from '../../content/tar-start.js';
import { type Advice, ContentError } from '../../errors.js';
import { FORMAT_SAMPLE_BYTES, recogniseFormat } from './formats.js';
import { hintForCut, recognisePiece } from './pieces.js';
import { recogniseRecoded, recogniseUTF8, recogniseUTF16 } from './recoded.js';
import { type Recognised, type Sample, shellWord } from './recognised.js';
import { recogniseText } from './texts.js';

/** How much of a file is looked at to tell what it is. */
export const SAMPLE_BYTES = Math.max(128 * 1024, FORMAT_SAMPLE_BYTES);

/** A file that is no tar, as errors tell of it. */
export interface NotATar {
  /** What errors call the file. */
  location: string;
  /** The file for commands in hints; undefined where there is none that the user could name. */
  path: string | undefined;
  /** The first `SAMPLE_BYTES` of it, or of what is in it. */
  start: Buffer;
  /** Bytes of it, or of what is in it. */
  size: number;
  /** How the file is compressed, where `start` is of what is in it. */
  inside?: Compression | undefined;
}

/** The error for a file that begins like no tar: says what it is, and what to do about that. */
export function notATar(file: NotATar, problem: string, cause?: unknown): ContentError {
  const compression = detectCompression(file.start.subarray(0, MAGIC_LENGTH));
  if (compression !== 'none') return compressedAgain(file, compression, cause);
  const isTar = isDamagedTar(file.start);
  const recognised = isTar ? undefined : recognise(sampleOf(file));
  const { location, inside } = file;
  if (recognised !== undefined) {
    const { is, isUnsupported } = recognised;
    const message =
      inside === undefined
        ? `${location} is ${isUnsupported ? '' : 'not a tar: it is '}${is}`
        : `${location} is compressed with ${inside}, but what is in it is not a tar: it is ${is}`;
    return new ContentError(isUnsupported ? 'UNSUPPORTED' : 'INVALID_ARCHIVE', message, {
      cause,
      ...adviceFor(recognised, file),
    });
  }
  return new ContentError('INVALID_ARCHIVE', `${location} is not a tar: ${problem}`, {
    cause,
    hint: isTar ? hintForDamagedTar(file, problem) : unknown(file),
  });
}

function recognise(sample: Sample): Recognised | undefined {
  return (
    recogniseUTF16(sample) ??
    recogniseFormat(sample) ??
    recogniseText(sample) ??
    recogniseUTF8(sample.start) ??
    recognisePiece(sample) ??
    recogniseRecoded(sample.start)
  );
}

/** Whether a file begins with the header of a tar: with the mark, or the right checksum of one. */
function isDamagedTar(start: Buffer): boolean {
  return start.toString('latin1', 257, 262) === 'ustar' || isTarStart(start.subarray(0, TAR_START_LENGTH));
}

/** What begins like a tar and is none is damaged, or too short. */
function hintForDamagedTar(file: NotATar, problem: string): string {
  return problem.includes('cut short') ? hintForCut(sampleOf(file)) : COPY_AGAIN;
}

const COPY_AGAIN = 'Copy the archive again and compare its checksum with the original, or make it anew.';

function unknown(file: NotATar): string {
  const path = pathOf(file);
  return `It begins like nothing that lading knows. Make sure that it is the file that was meant (file ${path} may say what it is) and that it is not encrypted. If it should be an archive, its beginning is damaged: copy it again and compare its checksum with the original.`;
}

/** Compressed twice, or where an archive is read in place. */
function compressedAgain(
  file: NotATar,
  compression: Exclude<Compression, 'none'>,
  cause: unknown,
): ContentError {
  const { location, inside } = file;
  const path = pathOf(file);
  const isRead = compression === 'gzip' || compression === 'zstd';
  return inside === undefined
    ? new ContentError(
        'INVALID_ARCHIVE',
        `${location} is compressed with ${compression}; an archive is read in place, uncompressed`,
        { cause, hint: `Decompress it first, for example: ${compression} -d < ${path} > images.tar` },
      )
    : new ContentError(
        'INVALID_ARCHIVE',
        `${location} is compressed twice: with ${inside}, and what is in it with ${compression}`,
        {
          cause,
          hint: `Decompress it: ${inside} -d < ${path} ${isRead ? `> images.tar.${EXTENSION[compression]}` : `| ${compression} -d > images.tar`}`,
        },
      );
}

const EXTENSION = { gzip: 'gz', zstd: 'zst', bzip2: 'bz2', xz: 'xz' } as const;

/** What to do about an archive that is damaged behind its beginning; `near` are bytes before and behind the damage. */
export function adviceForDamage(file: Pick<NotATar, 'path'>, problem: string, near: Buffer): Advice {
  const recoded = recogniseRecoded(near);
  if (recoded !== undefined) return { hint: `It is ${recoded.is}. ${recoded.hint}`, remedy: recoded.remedy };
  return { hint: problem.includes('cut short') ? hintForCut({ path: pathOf(file) }) : COPY_AGAIN };
}

/** The error for a file that begins with zeros, as a tar of no files does, and is something else. */
export function notATarOfZeros(file: NotATar): ContentError | undefined {
  const recognised = recogniseFormat(sampleOf(file));
  return (
    recognised &&
    new ContentError('INVALID_ARCHIVE', `${file.location} is not a tar: it is ${recognised.is}`, {
      ...adviceFor(recognised, file),
    })
  );
}

function sampleOf(file: NotATar): Sample {
  // Commands for what is in a compressed file need it decompressed.
  return { start: file.start, size: file.size, path: file.inside === undefined ? pathOf(file) : UNPACKED };
}

const UNPACKED = 'UNPACKED';

function adviceFor({ hint, remedy }: Recognised, file: NotATar): Advice {
  const { inside } = file;
  return inside === undefined || !hint.includes(UNPACKED)
    ? { hint, remedy }
    : { hint: `Decompress it: ${inside} -d < ${pathOf(file)} > ${UNPACKED}. ${hint}`, remedy };
}

function pathOf({ path }: Pick<NotATar, 'path'>): string {
  return path === undefined ? 'FILE' : shellWord(path);
}
