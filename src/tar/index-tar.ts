import type { FileHandle } from 'node:fs/promises';
import { ambiguous } from '../content/ambiguous.js';
import { isTarStart } from '../content/tar-start.js';
import { readFailure } from '../disk/region.js';
import { ContentError, printable } from '../errors.js';
import { conflictIn } from './conflicts.js';
import { AmbiguousHeader, BLOCK_SIZE, isZero, RefusedHeader } from './header.js';
import { EntryIndex } from './index-of-entries.js';
import {
  adviceForDamage,
  type NotATar,
  notATar,
  notATarOfZeros,
  SAMPLE_BYTES,
} from './not-a-tar/not-a-tar.js';
import { WalkProblem, walkTar } from './walk.js';
import { ReadingWindow } from './window.js';

/** The number of bytes after the entries that are checked at once. */
const TAIL_STEP = 64 * 1024;

export interface IndexTarOptions {
  signal: AbortSignal | undefined;
  /** Limit for the memory of the index, in bytes. */
  maxIndexBytes: number;
  /** How errors describe the file. */
  file: Pick<NotATar, 'location' | 'path' | 'inside'>;
}

/** Reads all headers of a tar and returns its entries; rejects with `INVALID_ARCHIVE` and `TOO_LARGE`. */
export async function indexTar(
  handle: FileHandle,
  fileSize: number,
  { signal, maxIndexBytes, file }: IndexTarOptions,
): Promise<EntryIndex> {
  const { location } = file;
  const window = new ReadingWindow(handle.fd, fileSize, signal);
  if (fileSize === 0) throw empty(file);
  const index = new EntryIndex();
  try {
    const walk = walkTar(window, fileSize);
    let step = walk.next();
    for (; step.done !== true; step = walk.next()) {
      if (step.value !== undefined) index.add(step.value);
      if (index.bytes > maxIndexBytes) throw tooManyEntries(location, maxIndexBytes);
      if (window.isPauseDue()) await window.pause();
    }
    const conflict = conflictIn(index);
    if (conflict !== undefined) throw ambiguous(location, printable(conflict));
    // Some disk images begin with zeros, as an empty tar does.
    const other = index.size === 0 ? notATarOfZeros(sampleOf(file, window, fileSize)) : undefined;
    if (other !== undefined) throw other;
    index.trailingBytes = await trailingBytes(window, step.value, fileSize);
  } catch (error) {
    if (!(error instanceof WalkProblem))
      throw signal?.aborted || error instanceof ContentError ? error : readFailure(location, error);
    throw explained(error, file, window, fileSize);
  }
  return index;
}

function explained(
  problem: WalkProblem,
  file: IndexTarOptions['file'],
  window: ReadingWindow,
  fileSize: number,
): ContentError {
  const { position, message } = problem;
  const { location } = file;
  if (problem.isAmbiguity) return ambiguous(location, `${message}, at byte ${position}`, { cause: problem });
  if (problem.cause instanceof RefusedHeader)
    return refused(location, `${message}, at byte ${position}`, problem);
  if (position === 0) return notATar(sampleOf(file, window, fileSize), message, problem);
  const near = window.copy(Math.max(0, position - SAMPLE_BYTES / 2), SAMPLE_BYTES);
  return new ContentError('INVALID_ARCHIVE', `${location} is damaged at byte ${position}: ${message}`, {
    cause: problem,
    ...adviceForDamage(file, message, near),
  });
}

function sampleOf(file: IndexTarOptions['file'], window: ReadingWindow, fileSize: number): NotATar {
  return { ...file, start: window.copy(0, SAMPLE_BYTES), size: fileSize };
}

function empty({ location, inside }: IndexTarOptions['file']): ContentError {
  return new ContentError(
    'INVALID_ARCHIVE',
    inside === undefined
      ? `${location} is empty`
      : `${location} is compressed with ${inside}, and has no content`,
    {
      hint: 'The program that should have written it failed, or copying it did. Check the messages and whether the disk is full, then try again.',
    },
  );
}

function tooManyEntries(location: string, maxIndexBytes: number): ContentError {
  return new ContentError(
    'TOO_LARGE',
    `${location} has so many entries that their index would take more than ${maxIndexBytes} bytes`,
    {
      hint: 'An image archive has few files; if this one really needs so many, raise limits.maxIndexBytes.',
    },
  );
}

/** Makes the error for an archive that is not damaged, but has an entry that lading refuses. */
function refused(location: string, problem: string, cause: unknown): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${location} is refused: ${problem}`, {
    cause,
    hint: 'No tool writes such an entry into an image archive. Ask where it comes from, and get a new one.',
  });
}

/** Makes the error for a file of an archive that cannot be used, such as a broken link or a device. */
export function unusable(location: string, problem: string): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${location} ${problem}`, {
    hint: 'The archive was not made by a tool for images, or a part of it was not packed. Get a new one.',
  });
}

/**
 * Returns the number of bytes after `end`, where the entries of the tar end, or 0 if they are all zero, as the padding
 * of tar is. Rejects with `WalkProblem` if there is another header among them: tools that skip zeros, such as `tar
 * --ignore-zeros`, would read more files from the archive than others.
 */
async function trailingBytes(window: ReadingWindow, end: number, fileSize: number): Promise<number> {
  let isPadding = true;
  for (let position = end; position < fileSize; position += TAIL_STEP) {
    const bytes = window.view(position, TAIL_STEP);
    if (!isZero(bytes)) {
      isPadding = false;
      for (let start = 0; start + BLOCK_SIZE <= bytes.length; start += BLOCK_SIZE) {
        if (isHeader(bytes.subarray(start, start + BLOCK_SIZE))) throw afterTheEnd(position + start);
      }
    }
    if (window.isPauseDue()) await window.pause();
  }
  return isPadding ? 0 : fileSize - end;
}

function afterTheEnd(position: number): WalkProblem {
  const problem = 'another entry follows the end of the archive';
  return new WalkProblem(position, problem, new AmbiguousHeader(problem));
}

/**
 * Looks only at the checksum: other tools may accept a header that `decodeHeader` refuses for its size or signed sum.
 */
function isHeader(block: Buffer): boolean {
  return !isZero(block) && isTarStart(block);
}
