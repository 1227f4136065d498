import { type Compression, detectCompression, MAGIC_LENGTH } from '../../content/compression.js';
import { isTarStart, TAR_START_LENGTH } from '../../content/tar-start.js';
import { type Advice, ContentError } from '../../errors.js';
import { FORMAT_SAMPLE_BYTES, recogniseFormat } from './formats.js';
import { hintForCut, recognisePiece } from './pieces.js';
import { recogniseRecoded, recogniseUTF8, recogniseUTF16 } from './recoded.js';
import { type Recognised, type Sample, shellWord } from './recognised.js';
import { recogniseText } from './texts.js';

/** The number of bytes of a file that are used to recognise it. */
export const SAMPLE_BYTES = Math.max(128 * 1024, FORMAT_SAMPLE_BYTES);

/** A file that is not a tar, for the error about it. */
export interface NotATar {
  /** The name of the file in errors. */
  location: string;
  /** The path of the file for commands in hints; undefined if it has no path that the user could name. */
  path: string | undefined;
  /** The first `SAMPLE_BYTES` of the file, or of its decompressed content. */
  start: Buffer;
  /** The number of bytes of the file, or of its decompressed content. */
  size: number;
  /** The compression of the file; set if `start` and `size` are those of its decompressed content. */
  inside?: Compression | undefined;
}

/** Makes the error for a file that does not begin like a tar: it says what the file is, and what to do. */
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
        : `${location} is compressed with ${inside}, but its content is not a tar: it is ${is}`;
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

/** True if a file begins with a tar header: it has the magic of ustar, or a correct checksum. */
function isDamagedTar(start: Buffer): boolean {
  return start.toString('latin1', 257, 262) === 'ustar' || isTarStart(start.subarray(0, TAR_START_LENGTH));
}

/** Returns the hint for a file that begins with a tar header, and is cut short or damaged. */
function hintForDamagedTar(file: NotATar, problem: string): string {
  return problem.includes('cut short') ? hintForCut(sampleOf(file)) : COPY_AGAIN;
}

const COPY_AGAIN = 'Copy the archive again and compare its checksum with the original, or save it again.';

function unknown(file: NotATar): string {
  const path = pathOf(file);
  return `lading does not recognise its beginning. Make sure that it is the right file (file ${path} may say what it is) and that it is not encrypted. If it should be an archive, its beginning is damaged: copy it again and compare its checksum with the original.`;
}

/** Makes the error for content that is compressed twice, or once although the archive has to be read in place. */
function compressedAgain(
  file: NotATar,
  compression: Exclude<Compression, 'none'>,
  cause: unknown,
): ContentError {
  const { location, inside } = file;
  const path = pathOf(file);
  const isRead = compression !== 'bzip2';
  return inside === undefined
    ? new ContentError(
        'INVALID_ARCHIVE',
        `${location} is compressed with ${compression}, but has to be uncompressed to be read in place`,
        { cause, hint: `Decompress it first, for example: ${compression} -d < ${path} > images.tar` },
      )
    : new ContentError(
        'INVALID_ARCHIVE',
        `${location} is compressed twice: with ${inside}, and its content with ${compression}`,
        {
          cause,
          hint: `Decompress it: ${inside} -d < ${path} ${isRead ? `> images.tar.${EXTENSION[compression]}` : `| ${compression} -d > images.tar`}`,
        },
      );
}

const EXTENSION = { gzip: 'gz', zstd: 'zst', bzip2: 'bz2', xz: 'xz' } as const;

/** Returns advice for an archive that is damaged after its first header; `near` are the bytes around the damage. */
export function adviceForDamage(file: Pick<NotATar, 'path'>, problem: string, near: Buffer): Advice {
  const recoded = recogniseRecoded(near);
  if (recoded !== undefined) return { hint: `It is ${recoded.is}. ${recoded.hint}`, remedy: recoded.remedy };
  return { hint: problem.includes('cut short') ? hintForCut({ path: pathOf(file) }) : COPY_AGAIN };
}

/**
 * Returns the error for a file that begins with zeros like an empty tar, but has another format; undefined otherwise.
 */
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
  // The content of a compressed file has no path: hints first tell the user to decompress it to the file UNPACKED.
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
