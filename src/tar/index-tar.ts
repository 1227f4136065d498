import type { FileHandle } from 'node:fs/promises';
import { detectCompression, MAGIC_LENGTH } from '../content/compression.js';
import { ContentError, printable } from '../errors.js';
import { readFailure } from '../region.js';
import { conflictIn } from './conflicts.js';
import { EntryIndex } from './index-of-entries.js';
import { trailingBytes } from './tail.js';
import { WalkProblem, walkTar } from './walk.js';
import { ReadingWindow } from './window.js';

export interface IndexTarOptions {
  signal: AbortSignal | undefined;
  /** Memory that the index may take. */
  maxIndexBytes: number;
}

/** The entries of a tar, by a walk over its headers; rejects with `INVALID_ARCHIVE` and `TOO_LARGE`. */
export async function indexTar(
  path: string,
  handle: FileHandle,
  fileSize: number,
  { signal, maxIndexBytes }: IndexTarOptions,
): Promise<EntryIndex> {
  const window = new ReadingWindow(handle.fd, fileSize, signal);
  if (fileSize === 0) throw invalid(path, 'is empty');
  const index = new EntryIndex();
  try {
    const walk = walkTar(window, fileSize);
    let step = walk.next();
    for (; step.done !== true; step = walk.next()) {
      if (step.value !== undefined) index.add(step.value);
      if (index.bytes > maxIndexBytes) throw tooManyEntries(path, maxIndexBytes);
      if (window.isPauseDue()) await window.pause();
    }
    const conflict = conflictIn(index);
    if (conflict !== undefined) throw ambiguous(path, printable(conflict));
    index.trailingBytes = await trailingBytes(window, step.value, fileSize);
  } catch (error) {
    if (!(error instanceof WalkProblem))
      throw signal?.aborted || error instanceof ContentError ? error : readFailure(path, error);
    if (error.isAmbiguity) throw ambiguous(path, `${error.message}, at byte ${error.position}`, error);
    if (error.position === 0) throw notATar(path, window, error);
    throw invalid(path, `is damaged at byte ${error.position}: ${error.message}`, error);
  }
  return index;
}

function notATar(path: string, window: ReadingWindow, problem: WalkProblem): ContentError {
  const compression = detectCompression(window.view(0, MAGIC_LENGTH));
  if (compression === 'none') return invalid(path, `is not a tar: ${problem.message}`, problem);
  return new ContentError(
    'INVALID_ARCHIVE',
    `${path} is compressed with ${compression}; an archive is read in place, uncompressed`,
    {
      hint: `Decompress it first, for example: ${compression} -d < ${path} > archive.tar`,
    },
  );
}

/** An archive that is whole, and can hold different files for different readers. */
export function ambiguous(path: string, problem: string, cause?: unknown): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${path} is ambiguous: ${problem}`, {
    cause,
    hint: 'Different tools could load different images from it; have it made anew, and ask where it comes from.',
  });
}

function tooManyEntries(path: string, maxIndexBytes: number): ContentError {
  return new ContentError(
    'TOO_LARGE',
    `${path} has so many entries that their index would take more than ${maxIndexBytes} bytes`,
    {
      hint: 'An archive of images has few files; if this one is meant, raise limits.maxIndexBytes.',
    },
  );
}

/** An archive that cannot be what was saved. */
export function invalid(path: string, problem: string, cause?: unknown): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${path} ${problem}`, {
    cause,
    hint: 'Copy the archive again and compare its checksum with the original, or make it anew.',
  });
}
