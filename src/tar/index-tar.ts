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

/** Of what is behind the entries, so much is looked at at once. */
const TAIL_STEP = 64 * 1024;

export interface IndexTarOptions {
  signal: AbortSignal | undefined;
  /** Memory that the index may take. */
  maxIndexBytes: number;
  /** How errors tell of the file. */
  file: Pick<NotATar, 'location' | 'path' | 'inside'>;
}

/** The entries of a tar, by a walk over its headers; rejects with `INVALID_ARCHIVE` and `TOO_LARGE`. */
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
    // A disk begins with zeros, as a tar of nothing does.
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
      : `${location} is compressed with ${inside}, and what is in it is empty`,
    {
      hint: 'The program that should have written it failed, or the copy did: see what it said, and whether the disk is full, and run it again.',
    },
  );
}

function tooManyEntries(location: string, maxIndexBytes: number): ContentError {
  return new ContentError(
    'TOO_LARGE',
    `${location} has so many entries that their index would take more than ${maxIndexBytes} bytes`,
    {
      hint: 'An archive of images has few files; if this one is meant, raise limits.maxIndexBytes.',
    },
  );
}

/** An archive that is whole, and has an entry that lading takes nothing from. */
function refused(location: string, problem: string, cause: unknown): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${location} is refused: ${problem}`, {
    cause,
    hint: 'No tool writes such an entry into an archive of images: have it made anew, and ask where it comes from.',
  });
}

/** A file of an archive that cannot be used: a link to nothing, a device. */
export function unusable(location: string, problem: string): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${location} ${problem}`, {
    hint: 'The archive was not made by a tool for images, or not all of it was packed: have it made anew.',
  });
}

/**
 * Bytes of a file behind `end`, where the entries of its tar end; 0 when they are all zero, as the padding of tar's
 * records is. Rejects with `WalkProblem` when another header is among them: a reader that passes over zeros, such as
 * `tar --ignore-zeros`, takes more files from such an archive than others do.
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

/** By its checksum alone: what is refused as an entry here, for its size or the way it was summed, may be one elsewhere. */
function isHeader(block: Buffer): boolean {
  return !isZero(block) && isTarStart(block);
}
